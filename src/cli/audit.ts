import { quoted } from "../policy/source.js";
import { readArguments } from "./arguments.js";
import { ungated } from "./audit-ungated.js";
import { CannotRun, type Io } from "./io.js";

export const AUDIT_HELP = `usage: dispatch-gate audit ungated --log LOG --effects FILE [options]

Holds what workers report that they did against what the gate decided, and lists what no decision record stands behind.
Leaves the log as it is.

  --log LOG        the SQLite file of the gate
  --effects FILE   JSON Lines, or \`-\`: \`{ "job_id": "...", "tenant_id": "...", "at": 1750000000000, "what": "..." }\`
  --json           one JSON document

  dispatch-gate audit ungated --log dispatch-gate.db --effects effects.jsonl

Of an effect \`tenant_id\` is \`default\` where none is given; \`at\` (milliseconds since 1970) and \`what\` may be left out.
Exit: 0 each is gated, 1 one is not, 2 could not run.`;

/** What it takes. */
export const AUDIT_SHAPE = {
  options: { log: "text", effects: "text" },
  operands: { least: 1, most: 1, name: "CALL" },
} as const;

/** Audits the log of a gate: so far in one way. */
export async function audit(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, AUDIT_SHAPE);
  const [name = ""] = given.operands;
  if (name !== "ungated") throw new CannotRun("call_unknown", `unknown call ${quoted(name)}`, "calls: ungated");
  const log = given.text("log");
  if (log === undefined) {
    throw new CannotRun("option_missing", "`--log` is missing", "see `dispatch-gate audit --help`");
  }
  return ungated(given, log, io);
}
