import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { Approvals } from "../approvals.js";
import { ApprovalError, StoreError } from "../errors.js";
import type { Approval, ShownApproval } from "../gate/approval.js";
import type { ApproverInput } from "../gate/approver.js";
import type { ApprovalRef } from "../gate/desk.js";
import { openApprovals } from "../open-approvals.js";
import type { Json } from "../outcome.js";
import { quoted } from "../policy/source.js";
import { approvalLines, listLines, statsLines } from "./approvals-report.js";
import { type Arguments, readArguments } from "./arguments.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { inked, type Line, printLines } from "./print.js";
import { toWire } from "./wire.js";

export const APPROVALS_HELP = `usage: dispatch-gate approvals CALL [ID] [options]

Looks at the approval requests of a store, and votes on them.

  list             what is pending or approved, the oldest first
  show ID          everything that is approved, and the command that approves it
  approve ID       votes for; needs the \`--view\` that \`show\` prints
  reject ID        votes against, also of one that is approved
  revoke ID        takes back an approval that is not used yet
  cancel ID        withdraws a job, as one who asked for it
  lift ID          lets a rejection stand no longer
  stats            how the queue stands

  --store FILE     the gate's SQLite file, ./dispatch-gate.db where none is given
  --job ID         the request that this job waits on, in place of an ID
  --tenant ID      only this tenant's; of a job, whose it is
  --as NAME        who decides
  --kind WORD      human (default) or service
  --roles A,B      the roles of who decides
  --view HASH      the view that was shown
  --note TEXT      why
  --all            list what is resolved too
  --json           one JSON document

Names typed here are vouched for by nobody: such votes carry the assurance \`none\`, and a policy may ask for more. Nothing is
run here, and whether a request still is what the policy asks is decided by the gate that runs the job.
Exit: 0 done, 1 refused or nothing found, 2 could not run.`;

const CALLS = ["list", "show", "approve", "reject", "revoke", "cancel", "lift", "stats"] as const;
type Call = (typeof CALLS)[number];

const SHAPE = {
  options: {
    store: "text",
    job: "text",
    tenant: "text",
    as: "text",
    kind: ["human", "service"],
    roles: "text",
    view: "text",
    note: "text",
    all: "switch",
  },
  operands: { least: 1, most: 2, name: "CALL" },
} as const;

/** Looks at the requests of a store, or records a vote on one. */
export async function approvals(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, SHAPE);
  const [name = "", id] = given.operands;
  const call = CALLS.find((known) => known === name);
  if (call === undefined) {
    throw new CannotRun("call_unknown", `unknown call ${quoted(name)}`, `calls: ${CALLS.join(", ")}`);
  }
  const step = readStep(call, id, given);
  const desk = await openDesk(resolve(io.cwd, given.text("store") ?? "./dispatch-gate.db"));
  try {
    const told = await step(desk);
    if (given.has("json")) printJson(io, { command: "approvals", call, ok: told.ok, ...told.document });
    else printLines(io.stdout, io.env, told.lines);
    return told.ok ? EXIT.fine : EXIT.findings;
  } catch (error) {
    if (!(error instanceof ApprovalError)) throw cannot(error);
    return refuse(io, call, error, given.has("json"));
  } finally {
    await desk.close();
  }
}

/** What a call has to say. */
interface Told {
  readonly ok: boolean;
  readonly document: { readonly [key: string]: Json };
  readonly lines: readonly Line[];
}

type Step = (desk: Approvals) => Promise<Told>;

/** Understands a call whole before the store is touched. */
function readStep(call: Call, id: string | undefined, given: Arguments): Step {
  const tenantId = given.text("tenant");
  const tenant = tenantId === undefined ? {} : { tenantId };
  if (call === "list") return (desk) => list(desk, { ...tenant, includeResolved: given.has("all") });
  if (call === "stats") {
    return async (desk) => {
      const stats = await desk.stats(tenant);
      return { ok: true, document: { stats: toWire(stats) }, lines: statsLines(stats) };
    };
  }
  const ref = refOf(id, given);
  if (call === "show") {
    return async (desk) => {
      const approval = await desk.get(ref);
      return approval === null ? nothing() : told(approval, approvalLines(approval));
    };
  }
  const decision = decisionOf(call, given);
  return async (desk) => {
    const approval = await desk[call](ref, decision);
    return told(approval, [[`the request ${approval.id} is `, inked("strong", approval.state)]]);
  };
}

async function list(desk: Approvals, options: Parameters<Approvals["list"]>[0]): Promise<Told> {
  const items: Approval[] = [];
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Approvals["list"]>> = await desk.list({
      ...options,
      limit: 1_000,
      ...(after === null ? {} : { after }),
    });
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  return { ok: true, document: { approvals: toWire(items) }, lines: listLines(items) };
}

function told(approval: Approval | ShownApproval, lines: readonly Line[]): Told {
  return { ok: true, document: { approval: toWire(approval) }, lines };
}

function nothing(): Told {
  const error = { code: "approval_unknown", message: "there is no such approval request" };
  return { ok: false, document: { error }, lines: [[error.message]] };
}

function refOf(id: string | undefined, given: Arguments): ApprovalRef {
  const jobId = given.text("job");
  if ((id === undefined) === (jobId === undefined)) {
    throw new CannotRun("operand_missing", "name one request: by its ID, or by `--job`", "see `list`");
  }
  if (jobId === undefined) return id ?? "";
  const tenantId = given.text("tenant");
  return tenantId === undefined ? { jobId } : { jobId, tenantId };
}

function decisionOf(
  call: Call,
  given: Arguments,
): { readonly by: ApproverInput; readonly note?: string; readonly view?: string } {
  const id = given.text("as");
  if (id === undefined) throw new CannotRun("option_missing", "`--as` is missing: who decides?", "give your name");
  const view = given.text("view");
  if (call === "approve" && view === undefined) {
    const help = "see `show`, which prints the command that approves what it shows";
    throw new CannotRun("option_missing", "`--view` is missing: what was shown is what is approved", help);
  }
  const roles = given.text("roles");
  const note = given.text("note");
  const kind = given.text("kind") === "service" ? "service" : "human";
  const by: ApproverInput = { id, kind, ...(roles === undefined ? {} : { roles: roles.split(",") }) };
  const seen = view === undefined || (call !== "approve" && call !== "reject") ? {} : { view };
  return { by: call === "cancel" ? { id } : by, ...seen, ...(note === undefined ? {} : { note }) };
}

/** Opens a store that is there: looking at one must not make one. */
async function openDesk(file: string): Promise<Awaited<ReturnType<typeof openApprovals>>> {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new CannotRun("file_missing", `there is no database: ${quoted(file)}`, "name the gate's file with `--store`");
  }
  try {
    return await openApprovals({ store: file, assurance: "none" });
  } catch (error) {
    throw cannot(error);
  }
}

function cannot(error: unknown): unknown {
  if (error instanceof StoreError) return new CannotRun(error.code, error.message, error.help);
  // A note that is too long, or another value that the call does not take.
  return error instanceof TypeError ? new CannotRun("value_invalid", error.message) : error;
}

function refuse(io: Io, call: Call, error: ApprovalError, json: boolean): number {
  const { code, message, help, approvalId } = error;
  if (json) {
    const more = {
      ...(help === undefined ? {} : { help }),
      ...(approvalId === null ? {} : { approval_id: approvalId }),
    };
    printJson(io, { command: "approvals", call, ok: false, error: { code, message, ...more } });
  } else {
    const place = approvalId === null ? [] : [[`  in its place: ${approvalId}`]];
    const told: readonly Line[] = help === undefined ? [] : [["  ", inked("note", "help"), `: ${help}`]];
    printLines(io.stdout, io.env, [[inked("bad", "refused"), `: ${message} [${code}]`], ...place, ...told]);
  }
  return EXIT.findings;
}
