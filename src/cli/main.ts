import { didYouMean } from "../nearest.js";
import { quoted } from "../policy/source.js";
import { APPROVALS_HELP, APPROVALS_SHAPE, approvals } from "./approvals.js";
import { asksForHelp, type Shape } from "./arguments.js";
import { AUDIT_HELP, AUDIT_SHAPE, audit } from "./audit.js";
import { CHECK_HELP, CHECK_SHAPE, check } from "./check.js";
import { DECIDE_HELP, DECIDE_SHAPE, decide } from "./decide.js";
import { DOCTOR_HELP, DOCTOR_SHAPE, doctor } from "./doctor.js";
import { DRILL_HELP, DRILL_SHAPE, drill } from "./drill.js";
import { EVENTS_HELP, EVENTS_SHAPE, events } from "./events.js";
import { EXPLAIN_HELP, EXPLAIN_SHAPE, explain } from "./explain.js";
import { EXPORT_HELP, EXPORT_SHAPE, exportEvidence } from "./export.js";
import { IMPORT_HELP, IMPORT_SHAPE, importPolicy } from "./import.js";
import { INIT_HELP, INIT_SHAPE, init } from "./init.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { inked, type Line, printLines } from "./print.js";
import { SERVE_HELP, SERVE_SHAPE, serve } from "./serve.js";
import { TEST_HELP, TEST_SHAPE, test } from "./test.js";
import { TRACE_HELP, TRACE_SHAPE, trace } from "./trace.js";
import { VERIFY_HELP, VERIFY_SHAPE, verify } from "./verify.js";
import { readVersion } from "./version.js";

interface Command {
  readonly run: (args: readonly string[], io: Io) => Promise<number>;
  readonly help: string;
  readonly shape: Shape;
  readonly summary: string;
}

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ["init", { run: init, help: INIT_HELP, shape: INIT_SHAPE, summary: "write a first policy and a test of it" }],
  ["check", { run: check, help: CHECK_HELP, shape: CHECK_SHAPE, summary: "look for what is wrong with a policy" }],
  ["test", { run: test, help: TEST_HELP, shape: TEST_SHAPE, summary: "run the tests of policies" }],
  [
    "decide",
    { run: decide, help: DECIDE_HELP, shape: DECIDE_SHAPE, summary: "say whether a job may run, in one line" },
  ],
  [
    "explain",
    { run: explain, help: EXPLAIN_HELP, shape: EXPLAIN_SHAPE, summary: "say why a job gets the answer it gets" },
  ],
  [
    "approvals",
    {
      run: approvals,
      help: APPROVALS_HELP,
      shape: APPROVALS_SHAPE,
      summary: "look at approval requests, and decide them",
    },
  ],
  ["trace", { run: trace, help: TRACE_HELP, shape: TRACE_SHAPE, summary: "tell what happened to one trace" }],
  ["events", { run: events, help: EVENTS_HELP, shape: EVENTS_SHAPE, summary: "print the log of a gate" }],
  [
    "export",
    { run: exportEvidence, help: EXPORT_HELP, shape: EXPORT_SHAPE, summary: "write evidence for others to check" },
  ],
  [
    "audit",
    { run: audit, help: AUDIT_HELP, shape: AUDIT_SHAPE, summary: "hold what was done against what was decided" },
  ],
  ["serve", { run: serve, help: SERVE_HELP, shape: SERVE_SHAPE, summary: "serve a gate over HTTP on this machine" }],
  ["doctor", { run: doctor, help: DOCTOR_HELP, shape: DOCTOR_SHAPE, summary: "look at how a gate stands" }],
  ["verify", { run: verify, help: VERIFY_HELP, shape: VERIFY_SHAPE, summary: "check evidence that was handed over" }],
  ["drill", { run: drill, help: DRILL_HELP, shape: DRILL_SHAPE, summary: "hold a controlled drill of a gate" }],
  [
    "import",
    { run: importPolicy, help: IMPORT_HELP, shape: IMPORT_SHAPE, summary: "rewrite a policy of another engine" },
  ],
]);

const HELP = `usage: dispatch-gate COMMAND [options]

${[...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(11)}${summary}`).join("\n")}

\`dispatch-gate COMMAND --help\` tells more. \`--version\` prints the version.
Exit: 0 fine, 1 findings, 2 could not run.`;

/** Runs one command line. Never throws: whatever goes wrong is told, and is an exit code of 2. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  const [name = "", ...rest] = args;
  try {
    if (name === "--help" || name === "-h" || name === "help") return tell(io, HELP);
    if (name === "--version") return tell(io, await readVersion());
    const command = COMMANDS.get(name);
    if (command === undefined) throw unknown(name);
    return asksForHelp(rest, command.shape) ? tell(io, command.help) : await command.run(rest, io);
  } catch (error) {
    return refuse(io, COMMANDS.has(name) ? name : null, error, args.includes("--json"));
  }
}

function tell(io: Io, text: string): number {
  printLines(
    io.stdout,
    io.env,
    text.split("\n").map((line): Line => [line]),
  );
  return EXIT.fine;
}

function unknown(name: string): CannotRun {
  if (name === "" || name === "--json")
    return new CannotRun("command_missing", "a command is missing", `commands: ${[...COMMANDS.keys()].join(", ")}`);
  const what = name.startsWith("-") ? "option" : "command";
  const known = what === "option" ? ["--help", "--version"] : [...COMMANDS.keys()];
  const help = didYouMean(name, known, `${what}s: ${known.join(", ")}`);
  return new CannotRun(`${what}_unknown`, `unknown ${what} ${quoted(name)}`, help);
}

function refuse(io: Io, command: string | null, error: unknown, json: boolean): number {
  const { code, message, help } = error instanceof CannotRun ? error : unexpected(error);
  if (json) {
    printJson(io, { command, ok: false, error: { code, message, ...(help === undefined ? {} : { help }) } });
    return EXIT.cannot;
  }
  const told: readonly Line[] = help === undefined ? [] : [["  ", inked("note", "help"), `: ${help}`]];
  printLines(io.stderr, io.env, [
    [inked("strong", "dispatch-gate"), ": ", inked("bad", "error"), `: ${message}`],
    ...told,
  ]);
  return EXIT.cannot;
}

/** A mistake of ours must not look like a finding. */
function unexpected(error: unknown): CannotRun {
  const message = error instanceof Error ? error.message : String(error);
  return new CannotRun("internal_error", `this is a mistake of dispatch-gate: ${message}`, "please report it");
}
