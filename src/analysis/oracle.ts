import { admit } from "../job/admit.js";
import type { Actor, DecidableJob } from "../job/job.js";
import { JOB_FIELDS_BELOW } from "../job/spelling.js";
import type { Decision, Json } from "../outcome.js";
import type { Condition } from "../policy/condition.js";
import { decideAdmitted, type Policy } from "../policy/policy.js";
import type { Trust } from "./block.js";
import type { Point } from "./space.js";
import { DERIVED } from "./tag-set.js";

/** A job that the engine was asked about, and its answer: nothing is said of a policy that no such answer shows. */
export interface Answer {
  readonly job: DecidableJob;
  /** Tags that the host has to derive for this answer: only where declared ones are not trusted. */
  readonly derivedTags: readonly string[];
  readonly decision: Decision;
}

export interface Oracle {
  readonly ask: (job: DecidableJob, derivedTags: readonly string[]) => Answer;
  /**
   * Asks about the point, and where that is not the wanted answer, with such values in the payload as the conditions
   * look at. Null when none of those it tries gives it: of a policy with conditions that proves nothing.
   */
  readonly confirm: (point: Point, isWanted: Wanted, conditions: readonly Condition[]) => Answer | null;
}

export type Wanted = (decision: Decision) => boolean;

/** Jobs tried for one question, in each of the rounds. */
const MAX_TRIED = 256;
const MAX_ROUNDS = 3;

export function createOracle(
  policy: Policy,
  trust: Trust,
  conditionsOf: (ruleId: string) => readonly Condition[],
): Oracle {
  const ask = (job: DecidableJob, derivedTags: readonly string[]): Answer => {
    if (trust === "trusted") return { job, derivedTags: [], decision: policy.decide(job) };
    const admitted = admit(job, { jobId: "lint", traceId: "lint", maxJobBytes: 1_048_576 });
    if (!admitted.ok) return { job, derivedTags, decision: policy.decide(job) };
    return { job, derivedTags, decision: decideAdmitted(policy, admitted.admission.job, derivedTags, trust) };
  };
  return {
    ask,
    confirm: (point, isWanted, conditions) => {
      const { job, derivedTags } = jobOf(point, trust);
      const plain = ask(job, derivedTags);
      if (isWanted(plain.decision)) return plain;
      const known = new Set(conditions);
      let asked = -1;
      let matched = new Set(plain.decision.matched);
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        for (const id of matched) for (const condition of conditionsOf(id)) known.add(condition);
        if (known.size === asked) return null;
        asked = known.size;
        matched = new Set();
        for (const tried of variantsOf(job, [...known])) {
          const answer = ask(tried, derivedTags);
          if (isWanted(answer.decision)) return answer;
          for (const id of answer.decision.matched) matched.add(id);
        }
      }
      return null;
    },
  };
}

/** The job that a point stands for, without what jobs have by default. */
function jobOf(point: Point, trust: Trust): Pick<Answer, "job" | "derivedTags"> {
  const tags = [...point.tags].sort();
  const declared = tags.filter(([, state]) => trust === "trusted" || state !== DERIVED).map(([tag]) => tag);
  const job: DecidableJob = {
    topic: point.topic,
    ...(point.tenantId === "default" ? {} : { tenantId: point.tenantId }),
    ...(point.actor === null ? {} : { actor: point.actor as Actor }),
    ...(point.capability === null ? {} : { capability: point.capability }),
    ...(declared.length === 0 ? {} : { riskTags: declared }),
    ...(point.labels.size === 0 ? {} : { labels: Object.fromEntries(point.labels) }),
    ...(point.requires.length === 0 ? {} : { requires: point.requires }),
  };
  const derivedTags = trust === "trusted" ? [] : tags.filter(([, state]) => state === DERIVED).map(([tag]) => tag);
  return { job, derivedTags };
}

interface Probe {
  readonly path: readonly string[];
  readonly values: readonly Json[];
}

/** Jobs that differ in what the conditions look at: every combination of the values they name, as far as it goes. */
function variantsOf(job: DecidableJob, conditions: readonly Condition[]): readonly DecidableJob[] {
  let jobs: readonly DecidableJob[] = [job];
  for (const { path, values } of probesOf(conditions)) {
    const next = [...jobs];
    for (const value of values) {
      for (const before of jobs) {
        const changed = put(before, path, value);
        if (changed !== undefined) next.push(changed);
      }
    }
    // The first ones have something everywhere: a field that is missing makes most conditions err.
    jobs = next.reverse().slice(0, MAX_TRIED);
  }
  return jobs;
}

function probesOf(conditions: readonly Condition[]): readonly Probe[] {
  const byPath = new Map<string, { path: readonly string[]; values: Map<string, Json> }>();
  const add = (path: readonly string[], value: Json): void => {
    const key = JSON.stringify(path);
    const probe = byPath.get(key) ?? { path, values: new Map<string, Json>() };
    byPath.set(key, probe);
    probe.values.set(JSON.stringify(value), value);
  };
  for (const condition of conditions) {
    for (const { path, values } of condition.probes) for (const value of values) add(path, value);
    for (const tag of condition.tagsNamed ?? []) add(["risk_tags"], tag);
  }
  return [...byPath.values()].map(({ path, values }) => ({ path, values: [...values.values()] }));
}

const FIELDS: ReadonlyMap<string, keyof DecidableJob> = new Map<string, keyof DecidableJob>([
  ["payload", "payload"],
  ["labels", "labels"],
  ["actor", "actor"],
  ["capability", "capability"],
  ["tenant_id", "tenantId"],
  ["topic", "topic"],
]);

/** The job with a value at a path below `job` of CEL; undefined where nothing can be put. The engine judges the result. */
function put(job: DecidableJob, path: readonly string[], value: Json): DecidableJob | undefined {
  const [root, ...rest] = path;
  if (root === "risk_tags" && typeof value === "string") {
    return { ...job, riskTags: [...new Set([...(job.riskTags ?? []), value])].sort() };
  }
  if (root === "constraints") {
    const name = JOB_FIELDS_BELOW.get("constraints")?.get(rest[0] ?? "");
    return name === undefined ? undefined : { ...job, constraints: { ...job.constraints, [name]: value } };
  }
  const field = FIELDS.get(root ?? "");
  if (field === undefined) return undefined;
  return { ...job, [field]: within((job[field] ?? null) as Json, rest, value) } as DecidableJob;
}

function within(json: Json, path: readonly string[], value: Json): Json {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const object = typeof json === "object" && json !== null && !Array.isArray(json) ? json : {};
  const inner = Object.hasOwn(object, name) ? (object as Readonly<Record<string, Json>>)[name] : undefined;
  return Object.fromEntries([...Object.entries(object), [name, within(inner ?? null, rest, value)]]);
}
