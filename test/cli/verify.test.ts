import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeBase64 } from "../../src/evidence/base64.js";
import { formatCheckpoint } from "../../src/evidence/checkpoint.js";
import { append, leafHashOf, NO_LEAVES, rootOf } from "../../src/evidence/merkle.js";
import { formatKey } from "../../src/evidence/note.js";
import { keyOf, signerOfSeed, signNote } from "../../src/signer.js";
import { edit, evidenced } from "../gate/evidenced.js";
import { freshFolder } from "../gate/open.js";
import { run, runJson } from "./run-command.js";

interface Handed {
  /** What a gate wrote: `log`, `bundle`, `open` (with values) and `event.tlog-proof`. */
  readonly cwd: string;
  readonly key: string;
}

let made: Promise<Handed> | null = null;

/** Evidence as it was handed over, in a folder of its own that may be changed. */
async function handed(): Promise<Handed> {
  made ??= (async () => {
    const { gate, folder, approved } = await evidenced();
    const cwd = join(folder, "handed");
    mkdirSync(cwd);
    await gate.erase(approved);
    await gate.audit.export(join(cwd, "log"));
    await gate.audit.bundle("t-1", join(cwd, "bundle"));
    await gate.audit.bundle("t-1", join(cwd, "open"), { values: true });
    const { proof, event } = await gate.audit.receipt(4);
    writeFileSync(join(cwd, "event.tlog-proof"), proof);
    writeFileSync(join(cwd, "event.json"), event);
    const kept = new Map(readdirSync(cwd, { recursive: true, withFileTypes: true }).flatMap(readEntry));
    return {
      cwd: JSON.stringify([...kept].map(([path, text]) => [path.slice(cwd.length + 1), text])),
      key: gate.audit.key,
    };
  })();
  const { cwd: files, key } = await made;
  const cwd = freshFolder();
  for (const [path = "", text = ""] of JSON.parse(files) as [string, string][]) {
    mkdirSync(join(cwd, path, ".."), { recursive: true });
    writeFileSync(join(cwd, path), text);
  }
  return { cwd, key };
}

function readEntry(entry: { isFile(): boolean; parentPath: string; name: string }): [string, string][] {
  const path = join(entry.parentPath, entry.name);
  return entry.isFile() ? [[path, readFileSync(path, "utf8")]] : [];
}

type Findings = readonly { readonly code: string; readonly place: string; readonly message: string }[];

/** The exit code, and what was found, as `code place`. */
async function found(cwd: string, ...args: readonly string[]): Promise<readonly [number, readonly string[]]> {
  const { code, document } = await runJson({ cwd }, "verify", ...args);
  expect(document.ok).toBe(code === 0);
  const list = (document.findings ?? [document.error]) as unknown as Findings;
  return [code, list.map((one) => [one.code, one.place].join(" ").trimEnd())];
}

test.each(["log", "bundle", "open"])("what a gate wrote holds, with the key and without: %s", async (name) => {
  const { cwd, key } = await handed();
  expect(await found(cwd, name, "--key", key)).toEqual([0, []]);
  expect(await found(cwd, name)).toEqual([0, []]);
  expect(await found(cwd, name, "--key", join(name, "key"))).toEqual([0, []]);
});

test("it says what was checked, and that a key which came along vouches for nothing", async () => {
  const { cwd, key } = await handed();
  const { code, out } = await run({ cwd }, "verify", "log", "--key", key);
  expect(code).toBe(0);
  expect(out).toMatch(
    /^log: a whole log holds\n {2}log "example\.com\/log"\n {2}signed \d+ events, root \S+\n {2}here \d+ events, \d+ earlier checkpoints\n$/,
  );
  const own = await run({ cwd }, "verify", "bundle");
  expect(own.out).toMatch(
    / {2}here \d+ events, \d+ proofs, 1 policy\n {2}checked with the key that came with it, which whoever made the folder could have made: give --key\n$/,
  );
  const { document } = await runJson({ cwd }, "verify", "open");
  expect(document).toMatchObject({ command: "verify", ok: true, path: "open", kind: "bundle", key, key_given: false });
});

/** Changes one line of a file. */
const line = (folder: string, name: string, number: number, change: (text: string) => string): void =>
  edit(folder, name, (text) => {
    const lines = text.split("\n");
    lines[number - 1] = change(lines[number - 1] ?? "");
    return lines.join("\n");
  });

const eve = (text: string): string => text.replace('"default"', '"tampers"');

const drop = (folder: string, name: string, number: number): void =>
  edit(folder, name, (text) =>
    text
      .split("\n")
      .toSpliced(number - 1, 1)
      .join("\n"),
  );

const nameIn = (folder: string, at: number): string =>
  join(
    folder,
    readdirSync(folder)
      .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .at(at) ?? "",
  );

/** A changed log, and the codes that are found with the gate's own key. */
const LOGS: readonly (readonly [what: string, change: (folder: string) => void, codes: readonly string[]])[] = [
  ["an edited line", (log) => line(log, "events.jsonl", 3, eve), ["root_differs"]],
  ["a line that is gone", (log) => drop(log, "events.jsonl", 3), ["root_differs", "size_differs"]],
  [
    "a line more",
    (log) => line(log, "events.jsonl", 3, (text) => `${text}\n${text}`),
    ["root_differs", "size_differs"],
  ],
  [
    "a line more at the end",
    (log) => appendFileSync(join(log, "events.jsonl"), '{"at":1,"type":"x","v":1}\n'),
    ["size_differs"],
  ],
  [
    "two lines swapped",
    (log) =>
      edit(log, "events.jsonl", (text) => {
        const [first = "", second = "", ...more] = text.split("\n");
        return [second, first, ...more].join("\n");
      }),
    ["root_differs"],
  ],
  [
    "a line cut off",
    (log) => truncateSync(join(log, "events.jsonl"), readFileSync(join(log, "events.jsonl")).length - 20),
    ["line_unfinished", "size_differs"],
  ],
  [
    "no last newline",
    (log) => truncateSync(join(log, "events.jsonl"), readFileSync(join(log, "events.jsonl")).length - 1),
    ["line_unfinished", "size_differs"],
  ],
  ["no events", (log) => writeFileSync(join(log, "events.jsonl"), ""), ["checkpoint_misplaced", "size_differs"]],
  [
    "spaces in a line",
    (log) => line(log, "events.jsonl", 2, (text) => ` ${text}`),
    ["event_not_canonical", "root_differs"],
  ],
  [
    "a carriage return",
    (log) => edit(log, "events.jsonl", (text) => text.replace("\n", "\r\n")),
    ["event_not_canonical", "root_differs"],
  ],
  [
    "an empty line",
    (log) => edit(log, "events.jsonl", (text) => `\n${text}`),
    ["event_not_canonical", "root_differs", "size_differs"],
  ],
  [
    "a byte order mark",
    (log) => edit(log, "events.jsonl", (text) => `\ufeff${text}`),
    ["event_not_canonical", "root_differs"],
  ],
  ["a line of 10 MiB", (log) => line(log, "events.jsonl", 2, () => `"${"x".repeat(10_485_760)}"`), ["event_too_large"]],
  [
    "an edited size in the checkpoint",
    (log) => line(log, "checkpoint", 2, (size) => String(Number(size) - 1)),
    ["checkpoint_unsigned", "size_differs"],
  ],
  [
    "a checkpoint without a signature",
    (log) => edit(log, "checkpoint", (text) => text.split("\u2014")[0] ?? ""),
    ["checkpoint_malformed"],
  ],
  [
    "a checkpoint that is none",
    (log) => writeFileSync(join(log, "checkpoint"), Buffer.of(0xff, 0xfe)),
    ["checkpoint_malformed"],
  ],
  ["no checkpoint", (log) => rmSync(join(log, "checkpoint")), ["file_missing"]],
  ["no key", (log) => rmSync(join(log, "key")), ["file_missing"]],
  ["no events file", (log) => rmSync(join(log, "events.jsonl")), ["file_missing"]],
  ["no folder of checkpoints", (log) => rmSync(join(log, "checkpoints"), { recursive: true }), ["file_missing"]],
  ["a file more", (log) => writeFileSync(join(log, "notes.txt"), ""), ["file_unexpected"]],
  ["a checkpoint by no number", (log) => writeFileSync(join(log, "checkpoints", "01"), ""), ["file_unexpected"]],
  ["a key that is none", (log) => writeFileSync(join(log, "key"), "a+b+c\n"), ["key_malformed"]],
  ["a key of another log", (log) => writeFileSync(join(log, "key"), `${formatKey(keyOf(OTHER))}\n`), ["key_differs"]],
  [
    "an edited checkpoint before",
    (log) => edit(...inFolder(nameIn(join(log, "checkpoints"), 0)), (text) => text.replace(/\n\d+\n/, "\n2\n")),
    ["checkpoint_misplaced", "checkpoint_unsigned"],
  ],
  [
    "a checkpoint under another number",
    (log) => renameSync(nameIn(join(log, "checkpoints"), 0), join(log, "checkpoints", "1")),
    ["checkpoint_misplaced"],
  ],
  [
    "the last checkpoint among the earlier",
    (log) => copyFileSync(join(log, "checkpoint"), join(log, "checkpoints", sizeOf(log))),
    ["checkpoint_misplaced"],
  ],
  [
    "a checkpoint beyond the end",
    (log) => copyFileSync(join(log, "checkpoint"), join(log, "checkpoints", "9007199254740991")),
    ["checkpoint_misplaced"],
  ],
  ["a link in place of the events", (log) => linked(log, "events.jsonl"), ["file_not_regular"]],
  ["a pipe in place of the checkpoint", (log) => piped(log, "checkpoint"), ["file_not_regular"]],
  ["a folder in place of the key", (log) => asFolder(log, "key"), ["file_not_regular"]],
  ["a file in place of a folder", (log) => asFile(log, "checkpoints"), ["file_not_regular"]],
  ["a link in place of a folder", (log) => linked(log, "checkpoints"), ["file_not_regular"]],
  ["a checkpoint of 2 MiB", (log) => writeFileSync(join(log, "checkpoint"), "x".repeat(2_097_152)), ["file_too_large"]],
];

const OTHER = signerOfSeed("example.com/log", Buffer.alloc(32, 7));

const sizeOf = (folder: string): string => readFileSync(join(folder, "checkpoint"), "utf8").split("\n")[1] ?? "";

const inFolder = (path: string): [folder: string, name: string] => [
  join(path, ".."),
  path.slice(join(path, "..").length + 1),
];

function linked(folder: string, name: string): void {
  const away = join(freshFolder(), name);
  renameSync(join(folder, name), away);
  symlinkSync(away, join(folder, name));
}

function asFolder(folder: string, name: string): void {
  rmSync(join(folder, name));
  mkdirSync(join(folder, name));
}

function asFile(folder: string, name: string): void {
  rmSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name), "");
}

function piped(folder: string, name: string): void {
  rmSync(join(folder, name));
  execFileSync("mkfifo", [join(folder, name)]);
}

const codesIn = (findings: readonly string[]): readonly string[] =>
  [...new Set(findings.map((one) => one.split(" ")[0] ?? ""))].sort();

test.each(LOGS)("of a log: %s", async (_, change, codes) => {
  const { cwd, key } = await handed();
  change(join(cwd, "log"));
  const [code, findings] = await found(cwd, "log", "--key", key);
  expect([code, codesIn(findings)]).toEqual([1, [...codes].sort()]);
});

/** The same of a bundle with private values. */
const BUNDLES: readonly (readonly [what: string, change: (folder: string) => void, codes: readonly string[]])[] = [
  ["an edited line", (all) => line(all, "events.jsonl", 2, eve), ["proof_event_differs", "timeline_differs"]],
  [
    "an edited line, with its proof's copy",
    (all) => {
      line(all, "events.jsonl", 2, eve);
      const [folder, name] = inFolder(nameIn(join(all, "proofs"), 1));
      const [, text = ""] = readFileSync(join(all, "events.jsonl"), "utf8").split("\n");
      edit(folder, name, (proof) => proof.replace(/extra .*/, `extra ${writeBase64(Buffer.from(text))}`));
    },
    ["proof_not_valid", "timeline_differs"],
  ],
  [
    "a line that is gone",
    (all) => drop(all, "events.jsonl", 2),
    ["proof_event_differs", "proofs_miscounted", "timeline_differs"],
  ],
  ["the last line gone", (all) => drop(all, "events.jsonl", lastLine(all)), ["proofs_miscounted", "timeline_differs"]],
  [
    "the last line gone, with its proof",
    (all) => {
      drop(all, "events.jsonl", lastLine(all));
      rmSync(nameIn(join(all, "proofs"), -1));
    },
    ["timeline_differs"],
  ],
  [
    "two lines swapped",
    (all) =>
      edit(all, "events.jsonl", (text) => {
        const [first = "", second = "", ...more] = text.split("\n");
        return [second, first, ...more].join("\n");
      }),
    ["proof_event_differs", "timeline_differs"],
  ],
  [
    "the proof of another index",
    (all) => copyFileSync(nameIn(join(all, "proofs"), 0), nameIn(join(all, "proofs"), 1)),
    ["proof_misplaced"],
  ],
  [
    "the index of a proof edited",
    (all) => edit(...inFolder(nameIn(join(all, "proofs"), 1)), (text) => text.replace(/index \d+/, "index 0")),
    ["proof_misplaced"],
  ],
  [
    "a hash of a proof edited",
    (all) =>
      edit(...inFolder(nameIn(join(all, "proofs"), 1)), (text) =>
        text.replace(/(index \d+\n).*\n/, `$1${writeBase64(Buffer.alloc(32, 1))}\n`),
      ),
    ["proof_not_valid"],
  ],
  [
    "a proof under another checkpoint",
    (all) =>
      edit(...inFolder(nameIn(join(all, "proofs"), 1)), (text) => text.replace(/\n\n.*$/s, `\n\n${otherNote(all)}`)),
    ["proof_checkpoint_differs"],
  ],
  ["a proof that is none", (all) => writeFileSync(nameIn(join(all, "proofs"), 1), "no proof"), ["proof_malformed"]],
  ["a proof missing", (all) => rmSync(nameIn(join(all, "proofs"), -1)), ["proofs_miscounted", "timeline_differs"]],
  [
    "a proof more",
    (all) => copyFileSync(nameIn(join(all, "proofs"), -1), join(all, "proofs", "999.tlog-proof")),
    ["proofs_miscounted"],
  ],
  [
    "an edited policy",
    (all) => edit(...inFolder(nameIn(join(all, "policies"), 0)), (text) => text.replace('"deny"', '"allow"')),
    ["policy_differs"],
  ],
  [
    "a policy laid out otherwise",
    (all) => edit(...inFolder(nameIn(join(all, "policies"), 0)), (text) => `${text}\n`),
    ["policy_malformed"],
  ],
  ["no policy", (all) => rmSync(nameIn(join(all, "policies"), 0)), ["policy_missing"]],
  [
    "a policy under another name",
    (all) => renameSync(nameIn(join(all, "policies"), 0), join(all, "policies", `${"0".repeat(64)}.json`)),
    ["file_unexpected", "policy_missing"],
  ],
  [
    "an edited value",
    (all) => edit(all, "values.jsonl", (text) => text.replace("write.other", "write.elsewhere")),
    ["value_differs"],
  ],
  [
    "an edited salt",
    (all) => line(all, "values.jsonl", 1, (text) => text.replace(/"salt":"./, '"salt":"z')),
    ["value_differs"],
  ],
  [
    "an edited note",
    (all) => edit(all, "values.jsonl", (text) => text.replace("the note of a person", "another note")),
    ["timeline_differs", "value_differs"],
  ],
  [
    "a value of another job",
    (all) => edit(all, "values.jsonl", (text) => text.replace(/"job_id":"./, '"job_id":"z')),
    ["value_unknown"],
  ],
  ["a value that is none", (all) => appendFileSync(join(all, "values.jsonl"), "{}\n"), ["value_malformed"]],
  ["values cut off", (all) => appendFileSync(join(all, "values.jsonl"), "{"), ["line_unfinished"]],
  ["no values, and the notes told", (all) => rmSync(join(all, "values.jsonl")), ["timeline_differs"]],
  [
    "an edited timeline",
    (all) => edit(all, "timeline.json", (text) => text.replace('"reject"', '"approve"')),
    ["timeline_differs"],
  ],
  ["an entry of the timeline gone", (all) => drop(all, "timeline.json", 3), ["timeline_differs"]],
  [
    "the end of the timeline gone",
    (all) => edit(all, "timeline.json", (text) => text.replace("]}\n", "")),
    ["timeline_differs"],
  ],
  ["something after the timeline", (all) => appendFileSync(join(all, "timeline.json"), "\n"), ["timeline_differs"]],
  [
    "a timeline of another trace",
    (all) => edit(all, "timeline.json", (text) => text.replace('"trace_id":"t-1"', '"trace_id":"t-2"')),
    ["event_foreign", "timeline_differs"],
  ],
  [
    "an edited text",
    (all) => edit(all, "timeline.txt", (text) => text.replace("reject by", "approve by")),
    ["timeline_differs"],
  ],
  [
    "a text of another form",
    (all) => edit(all, "timeline.txt", (text) => text.replace("form 1,", "form 2,")),
    ["timeline_unchecked"],
  ],
  ["no timeline", (all) => rmSync(join(all, "timeline.json")), ["file_missing"]],
  ["a file more", (all) => writeFileSync(join(all, "readme"), ""), ["file_unexpected"]],
  [
    "no proofs",
    (all) => rmSync(join(all, "proofs"), { recursive: true }),
    ["file_missing", "file_unexpected", "proofs_miscounted", "timeline_differs", "value_unknown"],
  ],
  [
    "a link in place of a proof",
    (all) => linked(join(all, "proofs"), inFolder(nameIn(join(all, "proofs"), 1))[1]),
    ["file_not_regular"],
  ],
];

const lastLine = (folder: string): number => readFileSync(join(folder, "events.jsonl"), "utf8").split("\n").length - 1;

/** Another checkpoint of that log. */
const otherNote = (folder: string): string => readFileSync(nameIn(join(folder, "..", "log", "checkpoints"), 0), "utf8");

test.each(BUNDLES)("of a bundle: %s", async (_, change, codes) => {
  const { cwd, key } = await handed();
  change(join(cwd, "open"));
  const [code, findings] = await found(cwd, "open", "--key", key);
  expect([code, codesIn(findings)]).toEqual([1, [...codes].sort()]);
});

test("a log that is whole and honestly signed is refused where another key is asked for", async () => {
  const { cwd } = await handed();
  const other = formatKey(keyOf(OTHER));
  const [code, findings] = await found(cwd, "log", "--key", other);
  expect(code).toBe(1);
  expect(codesIn(findings)).toEqual(["checkpoint_unsigned", "key_differs"]);
});

/** A whole log of these lines, signed by who made it up. */
async function signedLog(lines: readonly string[]): Promise<string> {
  const folder = freshFolder();
  mkdirSync(join(folder, "log", "checkpoints"), { recursive: true });
  const root = rootOf(lines.reduce((tree, text) => append(tree, leafHashOf(Buffer.from(text))), NO_LEAVES));
  const head = formatCheckpoint({ origin: OTHER.name, size: lines.length, root });
  writeFileSync(join(folder, "log", "events.jsonl"), lines.map((text) => `${text}\n`).join(""));
  writeFileSync(join(folder, "log", "checkpoint"), await signNote(OTHER, head));
  writeFileSync(join(folder, "log", "key"), `${formatKey(keyOf(OTHER))}\n`);
  return folder;
}

const FINE = '{"at":1,"type":"x.y","v":1}';

test.each([
  [FINE, null],
  ['{"at":1, "type":"x.y","v":1}', "event_not_canonical"],
  ['{"type":"x.y","at":1,"v":1}', "event_not_canonical"],
  ['{"at":1.0,"type":"x.y","v":1}', "event_not_canonical"],
  ['{"at":1,"at":1,"type":"x.y","v":1}', "event_not_canonical"],
  ['{"at":1,"type":"\\u0078.y","v":1}', "event_not_canonical"],
  ['{"at":1,"type":"\\ud800","v":1}', "event_not_canonical"],
  ['{"at":1e999,"type":"x.y","v":1}', "event_not_canonical"],
  ["", "event_not_canonical"],
  [`{"at":1,"more":${"[".repeat(30_000)}${"]".repeat(30_000)},"type":"x.y","v":1}`, "event_not_canonical"],
  ["[]", "event_malformed"],
  ['{"at":"1","type":"x.y","v":1}', "event_malformed"],
  ['{"at":1,"trace_id":7,"type":"x.y","v":1}', "event_malformed"],
  ['{"at":1,"type":"x.y","v":2}', "event_version_unknown"],
  ['{"at":1,"type":"x.y"}', "event_version_unknown"],
  [`{"at":1,"more":"${"x".repeat(65_535)}","type":"x.y","v":1}`, "event_too_large"],
])("an event in a tree that was signed must be one all the same: %s", async (text, code) => {
  const cwd = await signedLog([FINE, text, FINE]);
  const findings = code === null ? [] : [`${code} events.jsonl:2`];
  expect(await found(cwd, "log")).toEqual([code === null ? 0 : 1, findings]);
});

test("of very many findings the first hundred are told, and the rest counted", async () => {
  const cwd = await signedLog(Array.from({ length: 250 }, () => "[]"));
  const { document } = await runJson({ cwd }, "verify", "log");
  expect((document.findings as unknown as Findings).length).toBe(100);
  expect(document.more).toBe(150);
  const { out } = await run({ cwd }, "verify", "log");
  expect(out).toContain("does not hold: 250 findings\n");
  expect(out).toContain("and 150 more findings\n");
});

test("nothing in a folder acts on the terminal of who checks it", async () => {
  const cwd = await signedLog([FINE]);
  const hostile = "\u001b[2J\u202e::error::fine\n  all of it holds";
  writeFileSync(join(cwd, "log", hostile), "");
  writeFileSync(join(cwd, "log", "checkpoints", `${hostile}.x`), "");
  const { code, out } = await run({ cwd }, "verify", "log");
  expect(code).toBe(1);
  expect(out.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
  expect(out.split("\n").filter((each) => /^\s*(::|all of it)/.test(each))).toEqual([]);
  expect(out).toContain("[file_unexpected]");
});

test("a proof is checked with the event that it carries, or with one that is handed over", async () => {
  const { cwd, key } = await handed();
  expect(await found(cwd, "event.tlog-proof", "--key", key)).toEqual([0, []]);
  expect(await found(cwd, "event.tlog-proof", "--key", key, "--event", "event.json")).toEqual([0, []]);
  edit(cwd, "event.json", eve);
  expect(await found(cwd, "event.tlog-proof", "--key", key, "--event", "event.json")).toEqual([
    1,
    ["proof_event_differs event.tlog-proof"],
  ]);
  edit(cwd, "event.tlog-proof", (text) => text.replace(/^extra .*\n/m, ""));
  expect(await found(cwd, "event.tlog-proof", "--key", key)).toEqual([2, ["option_missing"]]);
  expect(await found(cwd, "event.tlog-proof", "--key", key, "--event", "event.json")).toEqual([
    1,
    ["proof_not_valid event.tlog-proof"],
  ]);
  const other = formatKey(keyOf(OTHER));
  edit(cwd, "event.json", (text) => text.replace('"tampers"', '"default"'));
  expect(await found(cwd, "event.tlog-proof", "--key", other, "--event", "event.json")).toEqual([
    1,
    ["checkpoint_unsigned event.tlog-proof"],
  ]);
  for (const broken of ["", "c2sp.org/tlog-proof@v1\nindex 1\n", Buffer.of(0xff, 0xfe)]) {
    writeFileSync(join(cwd, "broken.tlog-proof"), broken);
    expect(await found(cwd, "broken.tlog-proof", "--key", key)).toEqual([1, ["proof_malformed broken.tlog-proof"]]);
  }
});

test.each([
  [["none"], "file_missing"],
  [["event.json"], "evidence_unknown"],
  [["empty"], "evidence_unknown"],
  [["gate.db"], "option_missing"],
  [["gate.db", "--key", "log/key"], "store_not_sqlite"],
  [["event.tlog-proof"], "option_missing"],
  [["log", "--key", "nobody"], "file_missing"],
  [["log", "--key", "event.json"], "key_invalid"],
  [["log", "--event", "event.json"], "option_unexpected"],
  [[], "operand_missing"],
])("%j cannot run: %s", async (args, code) => {
  const { cwd } = await handed();
  mkdirSync(join(cwd, "empty"));
  writeFileSync(join(cwd, "gate.db"), "SQLite format 3\0...");
  expect(await found(cwd, ...args)).toEqual([2, [code]]);
});

test("a part of a log, or of a bundle, is not taken for the whole of another kind", async () => {
  const { cwd } = await handed();
  for (const name of ["proofs", "policies", "timeline.json", "timeline.txt"]) {
    rmSync(join(cwd, "bundle", name), { recursive: true });
  }
  const [code, findings] = await found(cwd, "bundle");
  expect([code, codesIn(findings)]).toEqual([1, ["file_missing", "size_differs"]]);
});
