import { join } from "node:path";
import { createGate } from "dispatch-gate";
import { expect, test } from "vitest";
import { audit } from "../../src/cli/audit.js";
import { readLines } from "../../src/cli/read-lines.js";
import { afterwards } from "../endings.js";
import { folderOf, run, runJson } from "./run-command.js";

const POLICY = `version: v1
rules:
  - { id: read, match: { topics: [read] }, decision: allow }
  - { id: write, match: { topics: [write] }, decision: require_approval }
`;

/** What a worker reports of itself: what it did, and for which job. */
async function worked(): Promise<{ readonly cwd: string; readonly at: number }> {
  const cwd = folderOf();
  const gate = await createGate({ policy: { yaml: POLICY }, store: join(cwd, "gate.db"), dispatch: () => "done" });
  afterwards(() => gate.close());
  const at = Date.now();
  await gate.evaluateAndDispatch({ id: "gated", topic: "read" });
  await gate.evaluateAndDispatch({ id: "gated", tenantId: "acme", topic: "read" });
  // Held, and refused: neither was dispatched.
  await gate.evaluateAndDispatch({ id: "held", topic: "write" });
  await gate.evaluateAndDispatch({ id: "refused", topic: "other" });
  return { cwd, at };
}

const UNGATED = ["audit", "ungated", "--log", "gate.db", "--effects", "-"];

const lines = (...effects: readonly unknown[]): string => effects.map((effect) => JSON.stringify(effect)).join("\n");

test("effects with a decision record are gated, whichever tenant they are of", async () => {
  const { cwd, at } = await worked();
  const stdin = lines(
    { job_id: "gated", at: at + 60_000, what: "read a file" },
    { job_id: "gated", tenant_id: "acme" },
  );
  expect(await run({ cwd, stdin: `${stdin}\n\n` }, ...UNGATED)).toEqual({
    code: 0,
    out: "2 effects, each with a decision record\n",
    err: "",
  });
});

test("every other is listed with its line and why, and nothing in it acts on a terminal", async () => {
  const { cwd, at } = await worked();
  const stdin = [
    lines(
      { job_id: "gated" },
      { job_id: "held", what: "wrote \u001b[2Jall" },
      { job_id: "refused" },
      { job_id: "gated", tenant_id: "other" },
      { what: "a script of its own" },
      { job_id: "gated", at: at - 60_000 },
      { job_id: ["gated"] },
    ),
    "not JSON",
    "[1]",
  ].join("\n");
  const { code, document } = await runJson({ cwd, stdin }, ...UNGATED);
  expect(code).toBe(1);
  expect(document).toMatchObject({ command: "audit", call: "ungated", ok: false, log: "gate.db", effects: 9 });
  expect((document.ungated as { line: number; why: string }[]).map(({ line, why }) => [line, why])).toEqual([
    [2, "no_decision"],
    [3, "no_decision"],
    [4, "no_decision"],
    [5, "no_job_named"],
    [6, "before_its_dispatch"],
    [7, "not_readable"],
    [8, "not_readable"],
    [9, "not_readable"],
  ]);
  const { out } = await run({ cwd, stdin }, ...UNGATED);
  expect(out).toContain('line 2: ungated "wrote \\u{1b}[2Jall" job "held" of "default": no gate dispatched that job\n');
  expect(out).toContain(
    "line 8: ungated: is not readable as an effect: no object, or a field misspelt, repeated or of another type\n",
  );
  expect(out).toContain("9 effects, 8 without a decision record\n");
  expect(out.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
});

test.each([
  [["audit", "gated"], "call_unknown"],
  [["audit", "ungated", "--effects", "-"], "option_missing"],
  [["audit", "ungated", "--log", "gate.db"], "option_missing"],
  [["audit", "ungated", "--log", "none.db", "--effects", "-"], "file_missing"],
  [["audit", "ungated", "--log", "gate.db", "--effects", "none.jsonl"], "file_missing"],
  [["audit", "ungated", "--log", "gate.db", "--effects", "."], "file_unreadable"],
])("%j cannot run: %s", async (args, code) => {
  const { cwd } = await worked();
  const { code: exit, document } = await runJson({ cwd }, ...args);
  expect([exit, (document.error as { code?: string }).code]).toEqual([2, code]);
});

test.each([
  ['{"job_id":"gated","tenant_id":["other"]}', "not_readable"],
  ['{"job_id":"gated","tenant_id":42}', "not_readable"],
  ['{"job_id":"gated","tenant_id":null}', "not_readable"],
  ['{"job_id":"gated","tenant_id":""}', "no_decision"],
  ['{"job_id":42}', "not_readable"],
  ['{"job_id":""}', "no_job_named"],
  ['{"job_id":"gated","what":{}}', "not_readable"],
  ['{"job_id":"gated","at":"1000"}', "not_readable"],
  ['{"job_id":"gated","at":null}', "not_readable"],
  ['{"job_id":"gated","at":1e999}', "not_readable"],
  ['{"job_id":"gated","tenantId":"other"}', "not_readable"],
  ['{"job_id":"gated","TENANT_ID":"other"}', "not_readable"],
  ['{"job_id":"gated","tenant-id":"other"}', "not_readable"],
  ['{"job_id":"gated","jobId":"other"}', "not_readable"],
  ['{"Job_id":"gated"}', "not_readable"],
  ['{"job_id":"gated","At":1}', "not_readable"],
  ['{"job_id":"nope","job_id":"gated"}', "not_readable"],
  ['{"job_id":"nope", "job\\u005fid" : "gated"}', "not_readable"],
  ['{"__proto__":1,"__proto__":2,"job_id":"gated"}', "not_readable"],
])("%s is not taken for an effect of a job that it may not mean: %s", async (stdin, why) => {
  const { cwd } = await worked();
  const { code, document } = await runJson({ cwd, stdin }, ...UNGATED);
  expect([code, (document.ungated as { why: string }[]).map((one) => one.why)]).toEqual([1, [why]]);
});

test("an effect that nests too deep to be compared is not readable, and the rest is read", async () => {
  const { cwd } = await worked();
  const deep = `{"job_id":"gated","more":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
  const { code, document } = await runJson({ cwd, stdin: `${deep}\n{"job_id":"gated"}` }, ...UNGATED);
  expect(code).toBe(1);
  expect(document).toMatchObject({ effects: 2, ungated: [{ line: 1, why: "not_readable" }] });
});

test("a worker may report more than is asked for, and write its JSON as it likes", async () => {
  const { cwd } = await worked();
  const stdin = [
    '{ "job_id" : "g\\u0061ted", "host": {"at": "x", "a:b": [":\\":", 1.0]}, "2": 0, "1": 0, "__proto__": null }',
    '{"job_id":"gated","what":"one\u2028line","state":"done","attempt":1}',
    JSON.stringify({ job_id: "gated", what: '\\":'.repeat(200_000) }),
  ].join("\r\n");
  const ran = await run({ cwd, stdin }, ...UNGATED);
  expect(ran).toEqual({ code: 0, out: "3 effects, each with a decision record\n", err: "" });
});

/** The command's input and output, with these chunks on standard input. */
function ioOf(cwd: string, stdin: AsyncIterable<Uint8Array | string>): Parameters<typeof audit>[1] {
  const sink = { write: (): void => {} };
  return { cwd, stdout: sink, stderr: sink, stdin, env: {}, interrupted: () => Promise.resolve() };
}

const CHUNK = 65_536;

test("a line without an end is given up as soon as it is too long", async () => {
  const { cwd } = await worked();
  const input = { chunks: 0, closed: false };
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield Buffer.from('{"job_id":"gated"}\n');
      // Not without end, so that a reader that buffers it all fails here and not the machine.
      for (; input.chunks < 64; input.chunks += 1) yield Buffer.alloc(CHUNK, " ");
    } finally {
      input.closed = true;
    }
  };
  await expect(audit(UNGATED.slice(1), ioOf(cwd, endless()))).rejects.toMatchObject({
    code: "line_too_long",
    message: "line 2 of `-` is over 1 MiB",
  });
  // The seventeenth chunk is over 1 MiB; it is not counted, as the loop did not go on.
  expect(input).toEqual({ chunks: 16, closed: true });
});

test("a line of 1 MiB is read, and one of a character more is not, from a file as well", async () => {
  const longest = " ".repeat(1_048_576);
  const cwd = folderOf({ "fits.jsonl": `${longest}\nb`, "over.jsonl": `a\n${longest}${longest}` });
  const lengths: number[] = [];
  const take = (line: string): void => void lengths.push(line.length);
  const none = async function* (): AsyncGenerator<string> {};
  await readLines(ioOf(cwd, none()), "fits.jsonl", take);
  await expect(readLines(ioOf(cwd, none()), "over.jsonl", take)).rejects.toMatchObject({
    code: "line_too_long",
    message: "line 2 of `over.jsonl` is over 1 MiB",
  });
  expect(lengths).toEqual([1_048_576, 1, 1]);
});

test.each([1, 2, 3, 1_000])("lines are the same in chunks of %i bytes", async (size) => {
  const bytes = Buffer.concat([
    Buffer.from("\ufeffa\r\nb\n\n\r\nc\rd\r\rü€😀\u2028e\n"),
    Buffer.from([0x66, 0xff, 0x67, 0x0a, 0x68, 0xe2, 0x82]),
  ]);
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  };
  const got: (readonly [number, string])[] = [];
  await readLines(ioOf("/", chunks()), "-", (line, number) => got.push([number, line]));
  const lines = ["\ufeffa", "b", "", "", "c", "d", "", "ü€😀\u2028e", "f\ufffdg", "h\ufffd"];
  expect(got).toEqual(lines.map((line, index) => [index + 1, line]));
});
