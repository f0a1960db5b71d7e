import { resolve } from "node:path";
import { displayLiteral } from "../evidence/display.js";
import type { Json } from "../outcome.js";
import type { LoggedEvent } from "../store/port.js";
import type { Arguments } from "./arguments.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { count, inked, type Line, printLines } from "./print.js";
import { readLines } from "./read-lines.js";
import { readLog } from "./read-log.js";

/** One effect that no decision stands behind. */
interface Ungated {
  /** Where it was reported. */
  readonly line: number;
  readonly jobId: string | null;
  readonly tenantId: string | null;
  readonly what: string | null;
  readonly why: "no_job_named" | "no_decision" | "before_its_dispatch" | "not_readable";
}

const WORDS: Readonly<Record<Ungated["why"], string>> = {
  no_job_named: "names no job",
  no_decision: "no gate dispatched that job",
  before_its_dispatch: "happened before that job was dispatched",
  not_readable: "is not readable as an effect: no object, or a field misspelt, repeated or of another type",
};

/** Lists effects that have no decision record. */
export async function ungated(given: Arguments, log: string, io: Io): Promise<number> {
  const effects = given.text("effects");
  if (effects === undefined) {
    throw new CannotRun("option_missing", "`--effects` is missing", "see `dispatch-gate audit --help`");
  }
  const dispatched = await dispatchesIn(resolve(io.cwd, log), log);
  const found: Ungated[] = [];
  let taken = 0;
  await readLines(io, effects, (text, line) => {
    if (text.trim() === "") return;
    taken += 1;
    const one = judge(text, line, dispatched);
    if (one !== null) found.push(one);
  });
  const ok = found.length === 0;
  if (given.has("json")) printJson(io, documentOf(log, taken, found));
  else printLines(io.stdout, io.env, linesOf(taken, found));
  return ok ? EXIT.fine : EXIT.findings;
}

/** When each job was first dispatched, by tenant and id. */
async function dispatchesIn(file: string, shown: string): Promise<ReadonlyMap<string, number>> {
  const first = new Map<string, number>();
  await readLog(file, shown, ({ type, at, body }: LoggedEvent) => {
    if (type !== "job.dispatching") return;
    const key = keyOf(String(body.tenant_id), String(body.job_id));
    if (!first.has(key)) first.set(key, at);
  });
  return first;
}

function keyOf(tenantId: string, jobId: string): string {
  return JSON.stringify([tenantId, jobId]);
}

function judge(text: string, line: number, dispatched: ReadonlyMap<string, number>): Ungated | null {
  const effect = read(text);
  if (effect === null) return { line, jobId: null, tenantId: null, what: null, why: "not_readable" };
  const { jobId, tenantId, what, at } = effect;
  if (jobId === null) return { line, jobId, tenantId, what, why: "no_job_named" };
  const since = dispatched.get(keyOf(tenantId, jobId));
  if (since === undefined) return { line, jobId, tenantId, what, why: "no_decision" };
  return at !== null && at < since ? { line, jobId, tenantId, what, why: "before_its_dispatch" } : null;
}

interface Effect {
  readonly jobId: string | null;
  readonly tenantId: string;
  readonly what: string | null;
  readonly at: number | null;
}

/** One effect of one reading, or null. What is there in another type or spelling MUST NOT count as left out. */
function read(text: string): Effect | null {
  const fields = fieldsOf(text);
  if (fields === null || [...fields.keys()].some(isNearMiss)) return null;
  const given = (key: string, absent: unknown): unknown => (fields.has(key) ? fields.get(key) : absent);
  const jobId = given("job_id", "");
  const tenantId = given("tenant_id", "default");
  const what = given("what", "");
  const at = given("at", 0);
  if (typeof jobId !== "string" || typeof tenantId !== "string" || typeof what !== "string") return null;
  if (typeof at !== "number" || !Number.isFinite(at)) return null;
  return { jobId: jobId || null, tenantId, what: what || null, at: fields.has("at") ? at : null };
}

/** The members of a JSON object that repeats no key, at any depth; null for every other text. */
function fieldsOf(text: string): ReadonlyMap<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    // Of a repeated key only the last is parsed, so that what is parsed has fewer members than the text.
    return membersIn(text) === membersIn(JSON.stringify(value)) ? new Map(Object.entries(value)) : null;
  } catch {
    return null;
  }
}

/** How many members the objects of a valid JSON text have: outside strings each colon is one. */
function membersIn(json: string): number {
  return json.replace(/"(?:[^"\\]|\\.)*"/g, "").split(":").length - 1;
}

/** Our names, by their letters alone. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["jobid", "job_id"],
  ["tenantid", "tenant_id"],
  ["what", "what"],
  ["at", "at"],
]);

/** Whether a name is one of ours in another spelling, such as `tenantId`. */
function isNearMiss(name: string): boolean {
  const ours = NAMES.get(name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, ""));
  return ours !== undefined && ours !== name;
}

function documentOf(log: string, effects: number, ungated: readonly Ungated[]): Json {
  return {
    command: "audit",
    call: "ungated",
    ok: ungated.length === 0,
    log,
    effects,
    ungated: ungated.map(({ line, jobId, tenantId, what, why }) => ({
      line,
      job_id: jobId,
      tenant_id: tenantId,
      what,
      why,
    })),
  };
}

function linesOf(effects: number, ungated: readonly Ungated[]): readonly Line[] {
  if (ungated.length === 0) return [[inked("good", `${count(effects, "effect")}, each with a decision record`)]];
  const lines = ungated.map(({ line, jobId, tenantId, what, why }): Line => {
    const job = jobId === null ? "" : ` job ${displayLiteral(jobId)} of ${displayLiteral(tenantId ?? "")}`;
    const did = what === null ? "" : ` ${displayLiteral(what)}`;
    return [`line ${line}:`, inked("bad", " ungated"), `${did}${job}: ${WORDS[why]}`];
  });
  return [...lines, [`${count(effects, "effect")}, ${ungated.length} without a decision record`]];
}
