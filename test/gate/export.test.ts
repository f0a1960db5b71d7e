import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EvidenceError, timelineText } from "dispatch-gate";
import { createMemoryStore } from "dispatch-gate/testing";
import { expect, test } from "vitest";
import { canonicalize } from "../../src/canonical.js";
import { openCheckpoint } from "../../src/evidence/checkpoint.js";
import { append, leafHash, NO_LEAVES, rootOf } from "../../src/evidence/merkle.js";
import { parseKey } from "../../src/evidence/note.js";
import { openTlogProof, parseTlogProof } from "../../src/evidence/tlog-proof.js";
import type { Json } from "../../src/outcome.js";
import { loadDriver } from "../../src/store/sqlite/driver.js";
import { childFile } from "../child.js";
import { cases, FULL_TIME } from "../scale.js";
import { everythingIn, evidenced, PRIVATE } from "./evidenced.js";
import { ALLOW_ALL, freshFolder, open } from "./open.js";

const textOf = (...path: readonly string[]): string => readFileSync(join(...path), "utf8");
const linesOf = (...path: readonly string[]): readonly string[] =>
  textOf(...path)
    .split("\n")
    .slice(0, -1);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  return error instanceof EvidenceError ? error.code : String(error);
}

test("an export is every event's bytes in order, with the checkpoint over them, those before it, and the key", async () => {
  const { gate, folder } = await evidenced();
  const out = join(folder, "log");
  const written = await gate.audit.export(out);
  const { items } = await gate.audit.events({ limit: 1_000 });
  expect(textOf(out, "events.jsonl")).toBe(items.map(({ text }) => `${text}\n`).join(""));
  expect(textOf(out, "key")).toBe(`${gate.audit.key}\n`);
  const key = parseKey(gate.audit.key);
  const checkpoint = openCheckpoint(textOf(out, "checkpoint"), key === null ? [] : [key]);
  const root = rootOf(items.reduce((tree, { text }) => append(tree, leafHash(text)), NO_LEAVES));
  expect(checkpoint).toEqual({ origin: "example.com/log", size: items.length, root });
  expect(written).toMatchObject({ size: items.length, root: Buffer.from(root).toString("base64"), otherKeys: 0 });
  const earlier = await gate.audit.checkpoints({ limit: 1_000 });
  const before = earlier.items.filter(({ size }) => size < written.size);
  expect(before.length).toBeGreaterThan(1);
  expect(readdirSync(join(out, "checkpoints")).sort()).toEqual(before.map(({ size }) => String(size)).sort());
  for (const { size, note } of before) expect(textOf(out, "checkpoints", String(size))).toBe(note);
  expect(readdirSync(out).sort()).toEqual(["checkpoint", "checkpoints", "events.jsonl", "key"]);
});

test("a bundle is the events of one trace, each with its proof, the policies by their snapshot, and the timeline", async () => {
  const { gate, folder, approved } = await evidenced();
  const out = join(folder, "bundle");
  const written = await gate.audit.bundle({ jobId: approved }, out);
  const { entries } = await gate.audit.timeline("t-1");
  expect(written).toMatchObject({ traceId: "t-1", events: entries.length, left: 0, policies: 1, values: 0 });
  expect(linesOf(out, "events.jsonl")).toEqual(entries.map(({ text }) => text));
  const key = parseKey(textOf(out, "key").trimEnd());
  for (const { seq, text } of entries) {
    const proof = parseTlogProof(textOf(out, "proofs", `${seq - 1}.tlog-proof`));
    expect(proof).toMatchObject({ index: seq - 1, checkpoint: textOf(out, "checkpoint") });
    const opened = proof === null || key === null ? null : openTlogProof(proof, Buffer.from(text), [key]);
    expect(opened?.size).toBe(written.size);
  }
  expect(readdirSync(join(out, "proofs")).length).toBe(entries.length);
  const { document, snapshot } = gate.policy;
  expect(textOf(out, "policies", `${snapshot}.json`)).toBe(canonicalize(document as unknown as Json));
  const told = entries.map((entry) => ({ ...entry, note: null }));
  expect(textOf(out, "timeline.txt")).toBe(timelineText({ traceId: "t-1", entries: told }));
  expect(JSON.parse(textOf(out, "timeline.json"))).toEqual({
    v: 1,
    trace_id: "t-1",
    entries: told.map(({ seq, type, at, traceId, approvalId, body, note }) => ({
      ...{ seq, type, at, note, body },
      trace_id: traceId,
      approval_id: approvalId,
    })),
  });
});

test("private values are in a bundle only where they are asked for, and then with what opens their commitments", async () => {
  const { gate, folder, approved } = await evidenced();
  const plain = join(folder, "plain");
  const open = join(folder, "open");
  await gate.audit.bundle("t-1", plain);
  const { values } = await gate.audit.bundle("t-1", open, { values: true });
  const words = Object.values(PRIVATE);
  // The control: what is looked for is found where it is.
  expect(words.filter((word) => everythingIn(open).includes(word))).toEqual(words);
  expect(words.filter((word) => everythingIn(plain).includes(word))).toEqual([]);
  expect(textOf(plain, "timeline.txt")).toContain("with a note that is not");
  const kept = linesOf(open, "values.jsonl").map((line) => JSON.parse(line) as Record<string, string>);
  expect(kept.length).toBe(values);
  const kinds = kept.filter(({ job_id: id }) => id === approved).map(({ kind = "" }) => kind.replace(/:.*/, ""));
  expect(kinds.sort()).toEqual(["job", "note", "output"]);
  expect(kept.map(({ kind }) => kind)).toContain("held");
  expect(Object.keys(kept[0] ?? {})).toEqual(["job_id", "kind", "salt", "tenant_id", "value"]);
});

test("what was erased is in nothing that is written afterwards, and the export is as whole as before", async () => {
  const { gate, folder, approved } = await evidenced();
  await gate.erase(approved);
  await gate.audit.export(join(folder, "log"));
  await gate.audit.bundle("t-1", join(folder, "bundle"), { values: true });
  for (const out of ["log", "bundle"]) expect(everythingIn(join(folder, out))).not.toContain(PRIVATE.payload);
  const lines = linesOf(folder, "bundle", "values.jsonl");
  expect(lines.filter((line) => line.includes(approved))).toEqual([]);
  expect(lines.length).toBeGreaterThan(0);
});

test("folders and files are for their owner alone, and nothing is left beside them", async () => {
  const { gate, folder } = await evidenced();
  for (const out of ["log", "bundle"]) mkdirSync(join(folder, out), { mode: 0o755 });
  await gate.audit.export(join(folder, "log"));
  await gate.audit.bundle("t-1", join(folder, "bundle"), { values: true });
  for (const out of ["log", "bundle"]) {
    expect(statSync(join(folder, out)).mode & 0o777).toBe(0o700);
    for (const entry of readdirSync(join(folder, out), { recursive: true, withFileTypes: true })) {
      const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
      expect(mode).toBe(entry.isDirectory() ? 0o700 : 0o600);
    }
  }
  expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
});

test("nothing is written over what is there, and nothing is left of what could not be written whole", async () => {
  const { gate, folder } = await evidenced();
  writeFileSync(join(folder, "file"), "mine");
  mkdirSync(join(folder, "full"));
  writeFileSync(join(folder, "full", "mine"), "mine");
  symlinkSync(join(folder, "full"), join(folder, "link"));
  for (const name of ["file", "full", "link"]) {
    expect(await codeOf(gate.audit.export(join(folder, name)))).toBe("folder_not_empty");
    expect(await codeOf(gate.audit.bundle("t-1", join(folder, name)))).toBe("folder_not_empty");
  }
  expect(textOf(folder, "full", "mine")).toBe("mine");
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(gate.audit.export(join(folder, "aborted"), { signal })).rejects.toThrow("enough");
  await expect(gate.audit.bundle("t-1", join(folder, "aborted"), { signal })).rejects.toThrow("enough");
  await expect(gate.audit.export(join(folder, "none", "log"))).rejects.toThrow("ENOENT");
  expect(
    readdirSync(folder)
      .filter((name) => !name.startsWith("gate.db"))
      .sort(),
  ).toEqual(["file", "full", "link"]);
});

test("a call that could only be a mistake is refused", async () => {
  const gate = await open({ policy: ALLOW_ALL, store: createMemoryStore(), dispatch: () => 1 });
  const out = join(freshFolder(), "out");
  expect(await codeOf(gate.audit.bundle("no such trace", out))).toBe("trace_unknown");
  expect(await codeOf(gate.audit.bundle({ jobId: "no such job" }, out))).toBe("trace_unknown");
  await expect(gate.audit.export("")).rejects.toThrow("evidence is written to the path of a folder");
  await expect(gate.audit.bundle("t", out, { value: true } as never)).rejects.toThrow("did you mean `values`?");
  await expect(gate.audit.bundle("t", out, { values: "yes" } as never)).rejects.toThrow("`values` must be a boolean");
});

test("a log that was changed since it was signed is not exported as if it were whole", async () => {
  const { gate, folder, file } = await evidenced();
  // So long that the hashes of its beginning are kept apart from it, and signed as they are.
  await Promise.all(Array.from({ length: 140 }, () => gate.evaluateAndDispatch({ topic: "read.file" })));
  await gate.audit.checkpoint();
  const Database = await loadDriver();
  const connection = new Database(file, { timeout: 5_000, fileMustExist: true });
  for (const { name } of connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all()) {
    connection.exec(`DROP TRIGGER ${String(name)}`);
  }
  connection.exec("UPDATE events SET bytes = CAST(replace(CAST(bytes AS TEXT), 'ann', 'eve') AS BLOB) WHERE seq = 4");
  connection.close();
  expect(await codeOf(gate.audit.export(join(folder, "log")))).toBe("log_changed");
  expect(await codeOf(gate.audit.bundle("t-1", join(folder, "bundle")))).toBe("log_changed");
  expect(readdirSync(folder).filter((name) => !name.startsWith("gate.db"))).toEqual([]);
});

test("an export covers what was there when it began, whatever is appended meanwhile", async () => {
  const { gate, folder } = await evidenced();
  const work = Array.from({ length: 20 }, () => gate.evaluateAndDispatch({ topic: "read.file" }));
  const { size } = await gate.audit.export(join(folder, "log"));
  await Promise.all(work);
  expect(linesOf(folder, "log", "events.jsonl").length).toBe(size);
});

interface Measured {
  readonly bytes: number;
  /** Most memory that the process ever had, in bytes. */
  readonly memory: number;
  /** How long the event loop was held at most, in milliseconds. */
  readonly held: number;
}

function exportBig(events: number, how: "verify" | "naive"): Measured {
  const args = [childFile("big-export"), String(events), how, join(freshFolder(), "out")];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Measured;
}

const MIB = 1_048_576;

test("very many events are exported and verified in no more memory than a few, and others have their turns", {
  timeout: FULL_TIME,
}, () => {
  const count = cases("events of a big export", 50_000, 200_000);
  const [small, big, naive] = [exportBig(1_000, "verify"), exportBig(count, "verify"), exportBig(count, "naive")];
  expect(big.bytes).toBeGreaterThan((count * 95 * MIB) / 100_000);
  const limit = small.memory + 130 * MIB;
  expect(big.memory).toBeLessThan(limit);
  // Machines that run tests are busy; all of it in one turn would take seconds.
  expect(big.held).toBeLessThan(1_000);
  // The control: what keeps it all in memory is seen.
  expect(naive.memory).toBeGreaterThan(limit);
});
