import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../src/outcome.js";
import { freshFolder } from "../gate/open.js";
import { closedLog } from "./closed-log.js";
import { run } from "./run-command.js";
import { NO_TERMINAL, onTerminal, type Running, seen, throughPipe } from "./terminal.js";

const ENTRY = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

/** How one command is run, in a folder of its own that holds what `made` makes. */
interface Row {
  readonly args: readonly string[];
  readonly exit: number;
  /** What it says to people, without colours. */
  readonly says: RegExp;
  /** Texts and keys of JSON that tell the time, or the state of the machine, and so differ from run to run. */
  readonly differs?: { readonly text: RegExp; readonly keys: readonly string[] };
  /** For a command that runs until it is interrupted: what it writes when it is ready. It is asked for no JSON. */
  readonly interruptAfter?: RegExp;
}

const AGES = { text: / \d+ (?:s|min)\b/g, keys: ["age_ms"] };

/** Every command, by its name: who adds one adds a row. */
const ROWS: Readonly<Record<string, Row>> = {
  init: { args: ["new"], exit: 0, says: /^written new\/policy\.yaml\nwritten new\/policy\.test\.yaml\nnext:\n/ },
  check: { args: ["policy.yaml"], exit: 0, says: /^policy\.yaml: 5 rules, 5 proved reachable; 0 errors/ },
  test: { args: ["policy.test.yaml"], exit: 0, says: /^policy\.test\.yaml\n {2}ok {6}a read is allowed\n/ },
  decide: {
    args: ["policy.yaml", "--job", "{ topic: job.tickets.write.close }"],
    exit: 1,
    says: /^REQUIRE_APPROVAL by `approve-writes`: A person looks at every write\n$/,
  },
  explain: {
    args: ["policy.yaml", "--job", "{ topic: job.tickets.write.close }"],
    exit: 0,
    says: /^\{ topic: job\.tickets\.write\.close \}\nREQUIRE_APPROVAL by `approve-writes`/,
  },
  approvals: { args: ["list", "--all"], exit: 0, says: /^\S+ {2}\w+ .* write\.file by bot /m, differs: AGES },
  trace: { args: ["t-1"], exit: 0, says: /^Timeline, form 1, of trace "t-1"\n/ },
  events: { args: ["--limit", "2"], exit: 0, says: /^1 \S+Z gate\.opened "a gate was opened"\n/ },
  export: { args: ["log"], exit: 0, says: /^\d+ events and \d+ earlier checkpoints? written\n/ },
  audit: {
    args: ["ungated", "--log", "dispatch-gate.db", "--effects", "effects.jsonl"],
    exit: 1,
    says: /^line 1: ungated job "nobody's" of "default": no gate dispatched that job\n/,
  },
  serve: {
    args: ["--policy", "policy.yaml", "--store", "served.db", "--port", "0"],
    exit: 0,
    says: /^dispatch-gate serves http:\/\/127\.0\.0\.1:\d+\n {2}policy {4}policy\.yaml /,
    differs: { text: /:\d+/g, keys: [] },
    interruptAfter: /assurance none/,
  },
  doctor: {
    args: [],
    exit: 0,
    says: /^\.\/dispatch-gate\.db: nothing to look at\n {2}versions /,
    differs: { text: / [\d.]+ (?:s ago|MiB)/g, keys: ["now", "free_bytes"] },
  },
  verify: { args: ["dispatch-gate.db"], exit: 0, says: /^dispatch-gate\.db: / },
  drill: {
    args: [],
    exit: 0,
    says: /^A controlled drill in \S+\n[\s\S]*\nThe drill went as expected: all 11 checks hold\.\n$/,
    // Each is another run: its ids, times and processes stand everywhere.
    differs: { text: /[\s\S]+/g, keys: ["found"] },
  },
  import: { args: ["--from", "cordum", "cordum.yaml"], exit: 1, says: /\ncordum\.yaml: 2 notes; .* 2 refused\n$/ },
};

/** The files that the commands are about. */
let made = "";

beforeAll(async () => {
  made = mkdtempSync(join(tmpdir(), "dispatch-gate-terminal-"));
  cpSync((await closedLog()).cwd, made, { recursive: true });
  writeFileSync(join(made, "effects.jsonl"), `{ "job_id": "nobody's" }\n`);
  writeFileSync(join(made, "cordum.yaml"), "rules:\n  - { id: a, match: { topics: [b], what: c }, decision: allow }\n");
  await run({ cwd: made }, "init");
});

afterAll(() => rmSync(made, { recursive: true }));

/** A folder with copies of them. */
function copied(): string {
  const folder = freshFolder();
  cpSync(made, folder, { recursive: true });
  return folder;
}

const lineOf = (name: string, ...more: readonly string[]): readonly string[] => [
  process.execPath,
  ENTRY,
  name,
  ...(ROWS[name]?.args ?? []),
  ...more,
];

function running({ interruptAfter }: Row, env: Readonly<Record<string, string>> = {}): Running {
  return { cwd: copied(), env, ...(interruptAfter === undefined ? {} : { interruptAfter }) };
}

/** A document without the keys that differ from run to run. */
function steady(value: Json, keys: readonly string[]): Json {
  if (Array.isArray(value)) return value.map((item) => steady(item, keys));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value as JsonObject).filter(([key]) => !keys.includes(key));
  return Object.fromEntries(kept.map(([key, item]) => [key, steady(item, keys)]));
}

test("every command that the help lists has a row here", async () => {
  const { out } = await run({ cwd: made }, "--help");
  const listed = [...out.matchAll(/^ {2}([a-z]+) {2}/gm)].map(([, name]) => name);
  expect(listed).toEqual(expect.arrayContaining(["check", "approvals"]));
  expect(Object.keys(ROWS).toSorted()).toEqual(listed.toSorted());
});

const TITLE = "a command on a terminal and through a pipe";

describe.skipIf(NO_TERMINAL !== null)(NO_TERMINAL === null ? TITLE : `${TITLE} (skipped: ${NO_TERMINAL})`, () => {
  test.each(Object.entries(ROWS))("%s says the same in both, with colours on the terminal alone", async (name, row) => {
    const line = lineOf(name);
    const [terminal, uncoloured, pipe] = await Promise.all([
      onTerminal(line, running(row)),
      onTerminal(line, running(row, { NO_COLOR: "1" })),
      throughPipe(line, running(row)),
    ]);
    expect([terminal.code, uncoloured.code, pipe.code]).toEqual([row.exit, row.exit, row.exit]);
    expect(terminal.text).toContain("\u001b[");
    expect(pipe.text).not.toContain("\u001b");
    expect(uncoloured.text).not.toContain("\u001b");
    const read = [terminal, uncoloured, pipe].map(({ text }) => seen(text));
    for (const text of read) expect(text).toMatch(row.says);
    const texts = read.map((text) => text.replaceAll(row.differs?.text ?? /(?!)/g, "…"));
    expect(texts).toEqual([texts[2], texts[2], texts[2]]);
  });

  test.each(Object.entries(ROWS).filter(([, row]) => row.interruptAfter === undefined))(
    "%s --json prints the same document in both, and exits alike",
    async (name, row) => {
      const line = lineOf(name, "--json");
      const [terminal, pipe] = await Promise.all([onTerminal(line, running(row)), throughPipe(line, running(row))]);
      expect([terminal.code, pipe.code]).toEqual([row.exit, row.exit]);
      const keys = row.differs?.keys ?? [];
      const document = steady(JSON.parse(pipe.text), keys) as JsonObject;
      expect(steady(JSON.parse(terminal.text), keys)).toEqual(document);
      expect([document.command, document.ok]).toEqual([name, row.exit === 0]);
    },
  );

  test("long work shows how far it has come, on the terminal alone", async () => {
    const line = lineOf("export");
    expect((await onTerminal(line, { cwd: copied() })).text).toMatch(/^\r\[#+\.*\] \d+% of \d+ events\r/);
    expect((await throughPipe(line, { cwd: copied() })).text).not.toContain("\r");
  });

  test("what could not run is 2 in both", async () => {
    const line = [process.execPath, ENTRY, "check", "none.yaml"];
    const [terminal, pipe] = [await onTerminal(line, { cwd: made }), await throughPipe(line, { cwd: made })];
    expect([terminal.code, pipe.code]).toEqual([2, 2]);
    expect(pipe.text).toMatch(/^dispatch-gate: error: /);
    expect(terminal.text).toContain("\u001b[31merror\u001b[39m");
    expect(seen(terminal.text)).toBe(pipe.text);
  });

  test.each([
    ["on its terminal", onTerminal],
    ["by its parent", throughPipe],
  ])("a drill that is interrupted %s ends at once, and leaves nothing behind", async (_how, start) => {
    const line = [process.execPath, ENTRY, "drill"];
    const { code, text } = await start(line, { cwd: made, interruptAfter: /A controlled drill in \S+\s/ });
    const [, folder = ""] = /A controlled drill in (\S+)\n/.exec(seen(text)) ?? [];
    expect([code, folder]).toEqual([130, expect.stringContaining("dispatch-gate-drill-")]);
    expect(text).not.toContain("The drill");
    expect(existsSync(folder)).toBe(false);
  });

  test("a program that waits is interrupted from its terminal, or by its parent", async () => {
    const waits = `process.once("SIGINT", () => process.exit(7)); setInterval(() => 0, 1000); console.log("on a terminal: " + (process.stdout.isTTY === true))`;
    const line = [process.execPath, "-e", waits];
    const ready = { cwd: made, interruptAfter: /on a terminal/ };
    expect(await onTerminal(line, ready)).toEqual({ code: 7, text: "on a terminal: true\n" });
    expect(await throughPipe(line, ready)).toEqual({ code: 7, text: "on a terminal: false\n" });
  });
});
