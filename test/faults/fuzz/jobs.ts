import { createHash } from "node:crypto";
import { compilePolicy } from "dispatch-gate";
import {
  type Admission,
  type AdmitContext,
  type AdmitResult,
  admit,
  DEFAULT_MAX_JOB_BYTES,
} from "../../../src/job/admit.js";
import { HASHED } from "../../../src/job/fields.js";
import { decideAdmitted } from "../../../src/policy/policy.js";
import type { Draws } from "../random.js";
import { hangs } from "./hang.js";
import { DEAR, drawJob, type Offered } from "./job.js";

/** What one value came to. */
export interface JobEnd {
  readonly admitted: boolean;
  readonly wrong: string | null;
}

/** Looks at all that a condition can look at. */
const POLICY = compilePolicy({
  yaml: `version: v1
rules:
  - { id: all, match: { topics: ["**"] }, decision: allow }
  - { id: tagged, match: { risk_tags: [prod], labels: { env: ["p*"] } }, decision: deny }
  - { id: read, match: { topics: ["job.**"], when: 'has(job.payload.a) && job.payload.a != null' }, decision: require_approval }
  - { id: who, match: { actors: ["a*"], requires: [g] }, decision: throttle }
`,
});

/**
 * A job takes time in proportion to what the host lets it be, so that what is much to look at is offered to a host that lets it
 * be 64 KiB: 1 MiB of nothing but empty lists takes some 0.2 s.
 */
const contextOf = (how: string): AdmitContext => ({
  jobId: "fresh-job",
  traceId: "fresh-trace",
  maxJobBytes: DEAR.has(how) ? 65_536 : DEFAULT_MAX_JOB_BYTES,
});

/** Hashes of what was let in lately, with the bytes that they are of: one of each, whichever way it is looked at. */
export interface Lately {
  readonly byHash: Map<string, string>;
  readonly byCanonical: Map<string, string>;
}

/** How many are remembered. */
const REMEMBERED = 20_000;

export function remembersNothing(): Lately {
  return { byHash: new Map(), byCanonical: new Map() };
}

/** Offers one value, and holds what is let in against the value itself. */
export function tryJob(draws: Draws, lately: Lately): JobEnd {
  const ran: string[] = [];
  const offered = drawJob(draws, (what) => ran.push(what));
  const ends: AdmitResult[] = [];
  const wrong = (what: string): JobEnd => ({ admitted: false, wrong: `${offered.how}: ${what}` });
  try {
    const cost = hangs(() => ends.push(admit(offered.job, contextOf(offered.how))));
    // For trusted callers: bounded at 16 MiB whatever a host lets a job be, which is seconds of looking.
    if (!DEAR.has(offered.how)) POLICY.decide(offered.job as never);
    if (cost !== null) return wrong(`it takes ${cost.toFixed(0)} ms of processor time`);
  } catch (error) {
    return wrong(`it throws ${String(error)}`);
  }
  if (ran.length > 0) return wrong(`${ran[0]} ran`);
  const [end] = ends;
  if (end?.ok !== true)
    return offered.plain ? wrong(`it is refused: ${end?.issue.message}`) : { admitted: false, wrong: null };
  if (!offered.plain) return wrong("it is let in");
  const found = unlike(end.admission, offered, lately);
  return found === null ? { admitted: true, wrong: null } : wrong(found);
}

/** In what an admission is not the job that was offered, or not the bytes that were hashed. */
function unlike({ job, canonical, hash }: Admission, { job: given }: Offered, lately: Lately): string | null {
  const sealed = createHash("sha256").update(`dispatch-gate/job/v1\0${canonical}`).digest("hex");
  if (hash !== sealed) return "its hash is not that of its bytes";
  const carried = job as unknown as Readonly<Record<string, unknown>>;
  const text = plainText(Object.fromEntries(HASHED.map((name) => [name, carried[name]])));
  if (text !== canonical) return "what would be dispatched is not what was hashed";
  const { payload = null, topic } = given as { readonly payload?: unknown; readonly topic: unknown };
  if (plainText(carried.payload) !== plainText(payload) || carried.topic !== topic) return "it is not what was offered";
  if (!isFrozen(job)) return "it is not frozen";
  const decided = POLICY.decide(given as never);
  const again = decideAdmitted(POLICY, job, [], "trusted");
  if (decided.type !== again.type || decided.ruleId !== again.ruleId)
    return "it is decided otherwise once it is let in";
  if ((lately.byHash.get(hash) ?? canonical) !== canonical) return "two jobs have one hash";
  if ((lately.byCanonical.get(canonical) ?? hash) !== hash) return "one job has two hashes";
  if (lately.byHash.size >= REMEMBERED)
    for (const known of Object.values(lately)) (known as Map<string, string>).clear();
  lately.byHash.set(hash, canonical);
  lately.byCanonical.set(canonical, hash);
  return null;
}

/** RFC 8785 text the plain way: keys in the order of their UTF-16 code units, and all else as `JSON.stringify` has it. */
function plainText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(plainText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${plainText((value as Record<string, unknown>)[key])}`).join(",")}}`;
}

function isFrozen(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozen);
}

/**
 * The naive way in: the job is hashed by what `JSON.stringify` says of it, and the object itself is passed on. Answers how what
 * runs differs from what was hashed; null where it does not.
 */
export function differsWithoutAdmission(draws: Draws): string | null {
  const { job, plain, how } = drawJob(draws, () => undefined);
  if (plain) return null;
  try {
    const passed = Object.entries((job as { readonly payload?: object }).payload ?? {});
    // Asked first: from some of what is drawn `JSON.stringify` does not come back.
    if (!passed.some(([, value]) => typeof value === "function")) return null;
    return JSON.stringify(job) === undefined ? null : `${how} is passed on, and not hashed`;
  } catch {
    return null;
  }
}
