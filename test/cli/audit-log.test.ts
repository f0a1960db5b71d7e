import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGate, timelineText } from "dispatch-gate";
import { expect, test } from "vitest";
import { evidenced } from "../gate/evidenced.js";
import { freshFolder } from "../gate/open.js";
import { run, runJson } from "./run-command.js";

/** The log of a gate that was closed, in a folder of its own, and what its timeline was. */
async function closed(): Promise<{
  readonly cwd: string;
  readonly text: string;
  readonly key: string;
  readonly jobId: string;
}> {
  const { gate, file, approved: jobId } = await evidenced();
  const text = timelineText(await gate.audit.timeline("t-1"));
  const { key } = gate.audit;
  await gate.close();
  const cwd = freshFolder();
  for (const end of ["", ".key"]) copyFileSync(`${file}${end}`, join(cwd, `gate.db${end}`));
  return { cwd, text, key, jobId };
}

test("a timeline is told in words by the trace, a job or a request in it, and the log stays as it is", async () => {
  const { cwd, text, jobId } = await closed();
  const before = readFileSync(join(cwd, "gate.db"));
  expect(await run({ cwd }, "audit", "timeline", "--log", "gate.db", "--trace", "t-1")).toEqual({
    code: 0,
    out: text,
    err: "",
  });
  const { document } = await runJson(
    { cwd },
    "audit",
    "timeline",
    "--log",
    "gate.db",
    "--job",
    jobId,
    "--tenant",
    "default",
  );
  expect(document).toMatchObject({ command: "audit", call: "timeline", ok: true, log: "gate.db", trace_id: "t-1" });
  const [entry] = document.entries as unknown as { readonly body: { readonly approval_id: string } }[];
  const approval = entry?.body.approval_id ?? "";
  expect((await run({ cwd }, "audit", "timeline", "--log", "gate.db", "--approval", approval)).out).toBe(text);
  expect(readFileSync(join(cwd, "gate.db")).equals(before)).toBe(true);
  expect(readdirSync(cwd).sort()).toEqual(["gate.db", "gate.db.key"]);
});

test("events come in pages, and only those that meet all that is given", async () => {
  const { cwd } = await closed();
  const first = await run({ cwd }, "audit", "events", "--log", "gate.db", "--limit", "2");
  expect(first.out).toMatch(
    /^1 \S+Z gate\.opened "a gate was opened"\n2 \S+Z policy\.activated ".*"\nmore: --after 2\n$/,
  );
  const { document } = await runJson(
    { cwd },
    "audit",
    "events",
    "--log",
    "gate.db",
    "--type",
    "job.settled",
    "--trace",
    "t-1",
  );
  const events = document.events as unknown as {
    readonly body: { readonly type: string; readonly trace_id: string };
  }[];
  expect(events.map(({ body }) => [body.type, body.trace_id])).toEqual([
    ["job.settled", "t-1"],
    ["job.settled", "t-1"],
  ]);
  expect(document.next).toBe(null);
});

test("what is exported of a log that nobody has open is what a gate would export, and holds", async () => {
  const { cwd, key } = await closed();
  const exported = await run({ cwd }, "audit", "export", "--log", "gate.db", "--out", "log");
  expect([exported.code, exported.out]).toEqual([
    0,
    expect.stringMatching(/^\d+ events and \d+ earlier checkpoints written\n$/),
  ]);
  const bundled = await run(
    { cwd },
    "audit",
    "bundle",
    "--log",
    "gate.db",
    "--trace",
    "t-1",
    "--out",
    "bundle",
    "--values",
  );
  expect(bundled.out).toMatch(/^\d+ events with their proofs, 1 policy, \d+ private values written\n$/);
  for (const name of ["log", "bundle"]) expect((await run({ cwd }, "verify", name, "--key", key)).code).toBe(0);
  rmSync(join(cwd, "gate.db.key"));
  const { document } = await runJson({ cwd }, "audit", "export", "--log", "gate.db", "--out", "again", "--key", key);
  expect(document).toMatchObject({ call: "export", ok: true, out: "again", left: 0, other_keys: 0 });
  expect(readFileSync(join(cwd, "again", "events.jsonl"))).toEqual(readFileSync(join(cwd, "log", "events.jsonl")));
  expect(readdirSync(cwd).sort()).toEqual(["again", "bundle", "gate.db", "log"]);
});

test("of the log of a gate that runs, what it has not signed yet is left out and counted", async () => {
  const cwd = freshFolder();
  const yaml = "version: v1\nrules:\n  - { id: all, match: { topics: [a] }, decision: allow }\n";
  const checkpoints = { everyEvents: 1_000_000, everySec: 86_400 };
  const gate = await createGate({ policy: { yaml }, store: join(cwd, "gate.db"), dispatch: () => 1, checkpoints });
  try {
    const unsigned = await runJson({ cwd }, "audit", "export", "--log", "gate.db", "--out", "log");
    expect([unsigned.code, unsigned.document.error]).toEqual([
      1,
      expect.objectContaining({ code: "checkpoint_unknown" }),
    ]);
    await gate.evaluateAndDispatch({ topic: "a", traceId: "t" });
    await gate.audit.checkpoint();
    await gate.evaluateAndDispatch({ topic: "a", traceId: "t" });
    const exported = await run({ cwd }, "audit", "export", "--log", "gate.db", "--out", "log");
    expect(exported.out).toBe("4 events and 0 earlier checkpoints written\n2 events not signed yet left out\n");
    const { document } = await runJson(
      { cwd },
      "audit",
      "bundle",
      "--log",
      "gate.db",
      "--trace",
      "t",
      "--out",
      "bundle",
    );
    expect(document).toMatchObject({ events: 2, left: 2, trace_id: "t" });
    for (const name of ["log", "bundle"]) expect((await run({ cwd }, "verify", name)).code).toBe(0);
    // The gate goes on as if nothing had been.
    expect((await gate.evaluateAndDispatch({ topic: "a" })).status).toBe("SUCCEEDED");
  } finally {
    await gate.close();
  }
});

test.each([
  [["timeline", "--trace", "nobody"], 1, "trace_unknown"],
  [["bundle", "--trace", "nobody", "--out", "x"], 1, "trace_unknown"],
  [["timeline"], 2, "option_missing"],
  [["timeline", "--trace", "a", "--job", "b"], 2, "option_missing"],
  [["timeline", "--trace", "a", "--tenant", "b"], 2, "option_missing"],
  [["timeline", "--trace", "a", "--effects", "-"], 2, "option_unexpected"],
  [["events", "--limit", "0"], 2, "value_invalid"],
  [["events", "--after", "x"], 2, "value_invalid"],
  [["export"], 2, "option_missing"],
  [["export", "--out", "full"], 2, "folder_not_empty"],
  [["export", "--out", "none/x"], 2, "file_unwritable"],
  [["export", "--out", "x", "--key", "gate.db.key"], 2, "key_invalid"],
])("audit %j answers %i: %s", async (args, exit, code) => {
  const { cwd } = await closed();
  writeFileSync(join(cwd, "full"), "mine");
  const { code: answered, document } = await runJson({ cwd }, "audit", ...args, "--log", "gate.db");
  expect([answered, (document.error as { readonly code?: string }).code]).toEqual([exit, code]);
  expect(readdirSync(cwd).sort()).toEqual(["full", "gate.db", "gate.db.key"]);
});

test("a log whose key file is elsewhere is exported only with the key that signed it", async () => {
  const { cwd } = await closed();
  const { key } = await closed();
  const other = await runJson({ cwd }, "audit", "export", "--log", "gate.db", "--out", "x", "--key", key);
  expect([other.code, other.document.error]).toEqual([1, expect.objectContaining({ code: "checkpoint_unknown" })]);
  rmSync(join(cwd, "gate.db.key"));
  const none = await runJson({ cwd }, "audit", "export", "--log", "gate.db", "--out", "x");
  expect([none.code, none.document.error]).toEqual([2, expect.objectContaining({ code: "option_missing" })]);
  expect(readdirSync(cwd)).toEqual(["gate.db"]);
});
