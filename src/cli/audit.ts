import { quoted } from "../policy/source.js";
import { type Arguments, readArguments } from "./arguments.js";
import { bundle, events, exportFolder, timeline } from "./audit-log.js";
import { ungated } from "./audit-ungated.js";
import { CannotRun, type Io } from "./io.js";

export const AUDIT_HELP = `usage: dispatch-gate audit CALL --log LOG [options]

Reads the log of a gate, and leaves it as it is.

  timeline   what happened to one trace, in words
  events     the log in pages, or those of its events that meet all that is given
  export     writes the log into a folder: events, checkpoints and the public key
  bundle     writes the evidence of one trace into a folder, each event with its proof
  ungated    holds what workers report that they did against what the gate decided

  --log LOG        the SQLite file of the gate
  --trace ID       timeline, events, bundle: this trace
  --job ID         the trace of this job; events: of this job alone
  --tenant ID      whose job it is; events: of this tenant alone
  --approval ID    the trace of this request; events: of this request alone
  --type TYPE      events: of this type alone
  --after SEQ      events: those after this one
  --limit COUNT    events: so many at most, 1 to 1,000; 100 where nothing is said
  --out FOLDER     export, bundle: the folder to write, which must be empty or not there yet
  --key KEY        export, bundle: the public key of the log, or a file with it, where its key file is not beside it
  --values         bundle: private values as well
  --effects FILE   ungated: JSON Lines, or \`-\`: \`{ "job_id": "...", "tenant_id": "...", "at": 1750000000000, "what": "..." }\`
  --json           one JSON document

Nothing is signed here: events after the latest checkpoint are left out of what is written, and counted. Of an effect \`tenant_id\`
is \`default\` where none is given; \`at\` (milliseconds since 1970) and \`what\` may be left out.
Exit: 0 done, 1 nothing found, or an effect that is not gated, 2 could not run.`;

/** What it takes. */
export const AUDIT_SHAPE = {
  options: {
    log: "text",
    trace: "text",
    job: "text",
    tenant: "text",
    approval: "text",
    type: "text",
    after: "text",
    limit: "text",
    out: "text",
    key: "text",
    values: "switch",
    effects: "text",
  },
  operands: { least: 1, most: 1, name: "CALL" },
} as const;

interface Call {
  readonly run: (given: Arguments, log: string, io: Io) => Promise<number>;
  /** What it takes beside `--log` and `--json`. */
  readonly takes: readonly string[];
}

const OF_TRACE = ["trace", "job", "tenant", "approval"];

const CALLS: ReadonlyMap<string, Call> = new Map([
  ["timeline", { run: timeline, takes: OF_TRACE }],
  ["events", { run: events, takes: [...OF_TRACE, "type", "after", "limit"] }],
  ["export", { run: exportFolder, takes: ["out", "key"] }],
  ["bundle", { run: bundle, takes: [...OF_TRACE, "out", "key", "values"] }],
  ["ungated", { run: ungated, takes: ["effects"] }],
]);

/** Reads the log of a gate in one of several ways. */
export async function audit(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, AUDIT_SHAPE);
  const [name = ""] = given.operands;
  const call = CALLS.get(name);
  if (call === undefined) {
    throw new CannotRun("call_unknown", `unknown call ${quoted(name)}`, `calls: ${[...CALLS.keys()].join(", ")}`);
  }
  // What narrows a call must not be ignored.
  const known = ["log", ...call.takes];
  const stray = Object.keys(AUDIT_SHAPE.options).find((option) => given.has(option) && !known.includes(option));
  if (stray !== undefined) {
    throw new CannotRun("option_unexpected", `\`${name}\` takes no \`--${stray}\``, "see `dispatch-gate audit --help`");
  }
  const log = given.text("log");
  if (log === undefined) {
    throw new CannotRun("option_missing", "`--log` is missing", "see `dispatch-gate audit --help`");
  }
  return call.run(given, log, io);
}
