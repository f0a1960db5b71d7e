import { resolve } from "node:path";
import type { Approvals } from "../approvals.js";
import { ApprovalError, StoreError } from "../errors.js";
import type { Approval, ShownApproval } from "../gate/approval.js";
import type { ApproverInput } from "../gate/approver.js";
import type { ApprovalRef } from "../gate/desk.js";
import { openApprovals } from "../open-approvals.js";
import type { Json } from "../outcome.js";
import { quoted } from "../policy/source.js";
import { openSqliteStore } from "../store/sqlite/reopening.js";
import { approvalJson, toWire } from "../wire.js";
import { approvalLines, listLines, statsLines } from "./approvals-report.js";
import { type Arguments, readArguments } from "./arguments.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { inked, type Line, printLines } from "./print.js";
import { storeOf } from "./read-store.js";
import { shellWord } from "./shell-word.js";

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
  --tenant ID      only this tenant's; who decides, decides for this tenant alone
  --as NAME        who decides
  --kind WORD      human (default) or service
  --roles A,B      the roles of who decides
  --view HASH      the view that was shown
  --note TEXT      why
  --all            list what is resolved too
  --json           one JSON document

  dispatch-gate approvals list
  dispatch-gate approvals reject 0198f0c2-7c5a-7e0e-9d9c-4a6f3f1b2c3d --as ann --note "not in a freeze"

Names typed here are vouched for by nobody: such votes carry the assurance \`none\`, and a policy may ask for more. Nothing is
run here, and whether a request still is what the policy asks is decided by the gate that runs the job.
Exit: 0 done, 1 refused or nothing found, 2 could not run.`;

/** What each call takes beside `--store` and `--json`. */
const CALLS = {
  list: ["tenant", "all"],
  show: ["job", "tenant"],
  approve: ["job", "tenant", "as", "kind", "roles", "view", "note"],
  reject: ["job", "tenant", "as", "kind", "roles", "view", "note"],
  revoke: ["job", "tenant", "as", "kind", "roles", "note"],
  cancel: ["job", "tenant", "as", "note"],
  lift: ["job", "tenant", "as", "kind", "roles", "note"],
  stats: ["tenant"],
} as const;
type Call = keyof typeof CALLS;

const OPTIONS = ["job", "tenant", "as", "kind", "roles", "view", "note", "all"] as const;

/** What it takes. */
export const APPROVALS_SHAPE = {
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
  const given = readArguments(args, APPROVALS_SHAPE);
  const call = callOf(given);
  const step = readStep(call, given);
  const desk = await openDesk(resolve(io.cwd, storeOf(given)));
  try {
    const told = await step(desk.approvals);
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

/** The call, with nothing beside it that it would not heed: what narrows a call must not be ignored. */
function callOf(given: Arguments): Call {
  const [name = "", id] = given.operands;
  if (!Object.hasOwn(CALLS, name)) {
    throw new CannotRun("call_unknown", `unknown call ${quoted(name)}`, `calls: ${Object.keys(CALLS).join(", ")}`);
  }
  const call = name as Call;
  const taken: readonly string[] = CALLS[call];
  const stray = OPTIONS.find((option) => given.has(option) && !taken.includes(option));
  if (stray !== undefined)
    throw new CannotRun("option_unexpected", `\`${call}\` takes no \`--${stray}\``, "see `--help`");
  if (id !== undefined && !taken.includes("job")) {
    throw new CannotRun("operand_unknown", `\`${call}\` takes no ID`, "see `--help`");
  }
  return call;
}

/** What a call has to say. */
interface Told {
  readonly ok: boolean;
  readonly document: { readonly [key: string]: Json };
  readonly lines: readonly Line[];
}

type Step = (desk: Approvals) => Promise<Told>;

/** Understands a call whole before the store is touched. */
function readStep(call: Call, given: Arguments): Step {
  const tenantId = given.text("tenant");
  const tenant = tenantId === undefined ? {} : { tenantId };
  if (call === "list") return (desk) => list(desk, { ...tenant, includeResolved: given.has("all") });
  if (call === "stats") {
    return async (desk) => {
      const stats = await desk.stats(tenant);
      return { ok: true, document: { stats: toWire(stats) }, lines: statsLines(stats) };
    };
  }
  const ref = refOf(given);
  if (call === "show") {
    return async (desk) => {
      const approval = await desk.get(ref);
      // Another tenant's is not there for who looks at one tenant's alone.
      if (approval === null || (tenantId !== undefined && approval.tenantId !== tenantId)) return nothing();
      return told(approval, approvalLines(approval, commandFor(approval, given)));
    };
  }
  const decision = decisionOf(call, given);
  return async (desk) => {
    if (call === "cancel" && typeof ref === "string" && tenantId !== undefined) await checkTenant(desk, ref, tenantId);
    const approval = await desk[call](ref, decision);
    return told(approval, [[`the request ${approval.id} is `, inked("strong", approval.state)]]);
  };
}

/** Who withdraws a job says no tenants: of those who decide the request itself asks. */
async function checkTenant(desk: Approvals, id: string, tenantId: string): Promise<void> {
  const approval = await desk.get(id);
  if (approval !== null && approval.tenantId !== tenantId) {
    throw new ApprovalError("approver_tenant_mismatch", "the request is another tenant's");
  }
}

async function list(desk: Approvals, options: Parameters<Approvals["list"]>[0]): Promise<Told> {
  const items: Approval[] = [];
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Approvals["list"]>> = await desk.list({
      ...options,
      limit: PAGE,
      ...(after === null ? {} : { after }),
    });
    items.push(...page.items);
    after = page.next;
  } while (after !== null);
  return { ok: true, document: { approvals: items.map(approvalJson) }, lines: listLines(items) };
}

/** Requests read at a time: each comes with its whole job. */
const PAGE = 100;

function told(approval: Approval | ShownApproval, lines: readonly Line[]): Told {
  return { ok: true, document: { approval: approvalJson(approval) }, lines };
}

function nothing(): Told {
  const error = { code: "approval_unknown", message: "there is no such approval request" };
  return { ok: false, document: { error }, lines: [[error.message]] };
}

function refOf(given: Arguments): ApprovalRef {
  const [, id] = given.operands;
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
  const note = given.text("note");
  const said = { ...(view === undefined ? {} : { view }), ...(note === undefined ? {} : { note }) };
  if (call === "cancel") return { by: { id }, ...said };
  const tenantId = given.text("tenant");
  const by: ApproverInput = {
    id,
    kind: given.text("kind") === "service" ? "service" : "human",
    roles: rolesOf(given),
    ...(tenantId === undefined ? {} : { tenants: [tenantId] }),
  };
  return { by, ...said };
}

function rolesOf(given: Arguments): readonly string[] {
  const text = given.text("roles");
  if (text === undefined) return [];
  const roles = text.split(",").map((role) => role.trim());
  if (!roles.includes("")) return roles;
  throw new CannotRun("value_invalid", "`--roles` names a role that is empty", "write `--roles A,B`");
}

/** The command that approves what is shown, as a shell takes it. */
function commandFor({ id, view }: Approval, given: Arguments): string {
  const store = given.text("store");
  const where = store === undefined ? "" : ` --store ${shellWord(store)}`;
  return `dispatch-gate approvals approve ${id} --view ${view}${where} --as NAME`;
}

interface OpenDesk {
  readonly approvals: Approvals;
  readonly close: () => Promise<void>;
}

/** Opens a store that is there, as it is: looking at one must neither make nor change one. */
async function openDesk(file: string): Promise<OpenDesk> {
  try {
    const store = await openSqliteStore(file, { presence: "existing" });
    const approvals = await openApprovals({ store, assurance: "none" });
    return {
      approvals,
      close: async () => {
        await approvals.close();
        await store.close();
      },
    };
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
