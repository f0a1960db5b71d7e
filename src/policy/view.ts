import { writeField } from "../job/fields.js";
import type { AdmittedJob, JobConstraints } from "../job/job.js";
import type { Json } from "../outcome.js";
import type { ConditionJob, Purse } from "./condition.js";

/** What a policy sees of one job. */
export interface View {
  readonly topic: string;
  readonly tenantId: string;
  readonly actor: { readonly id: string; readonly type: string; readonly onBehalfOf?: string } | null;
  readonly capability: string | null;
  // Lists, not sets: they are short, and most jobs are looked at by rules that ask for none of them.
  readonly requires: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Declared and derived. */
  readonly tags: readonly string[];
  /** Those that may satisfy a permission or lift a restriction: all of `tags`, or under `restrict_only` the derived ones. */
  readonly trustedTags: readonly string[];
  /** Those of `tags` that are not among the trusted. */
  readonly untrusted: readonly string[];
  /** What only conditions look at, as it came: of a job that nobody admitted it is hostile. */
  readonly rest: { readonly constraints?: unknown; readonly payload?: unknown; readonly resources?: unknown };
  /** True for a job that `admit` has read: `rest` is frozen plain JSON then. */
  readonly admitted: boolean;
  /** What conditions see, made when the first of them is asked. */
  conditionJob: ConditionJob | null | undefined;
  /** What all conditions may cost together, made with it. */
  purse: Purse | undefined;
}

/** Steps of all conditions of one decision: five times as many as one may take, some 25 ms. */
const MAX_DECISION_STEPS = 150_000;

/** The purse of a decision, full when its first condition is asked. */
export function purseOf(view: View): Purse {
  view.purse ??= { left: MAX_DECISION_STEPS };
  return view.purse;
}

/** No texts, the same list for every job. */
export const NONE: readonly string[] = Object.freeze([]);

/** What a policy sees of a job that was admitted. */
export function viewAdmitted(
  job: AdmittedJob,
  derivedTags: readonly string[],
  declaredTags: "trusted" | "restrict_only",
): View {
  const tags = derivedTags.length === 0 ? job.riskTags : [...new Set([...job.riskTags, ...derivedTags])].sort();
  const trusted = declaredTags === "trusted";
  return {
    topic: job.topic,
    tenantId: job.tenantId,
    actor: job.actor,
    capability: job.capability,
    requires: job.requires,
    labels: job.labels,
    tags,
    trustedTags: trusted ? tags : derivedTags,
    untrusted: trusted ? NONE : job.riskTags.filter((tag) => !derivedTags.includes(tag)),
    rest: job,
    admitted: true,
    conditionJob: undefined,
    purse: undefined,
  };
}

/** What conditions see of a job, as plain JSON; null when the job holds something that is not. */
export function conditionJobOf(view: View): ConditionJob | null {
  if (view.conditionJob === undefined) view.conditionJob = makeConditionJob(view);
  return view.conditionJob;
}

function makeConditionJob(view: View): ConditionJob | null {
  const { actor } = view;
  const rest = view.admitted ? (view.rest as Record<string, Json | undefined>) : readRest(view.rest);
  if (rest === null) return null;
  const constraints = (rest.constraints ?? {}) as JobConstraints;
  const resources = (rest.resources ?? {}) as Partial<ConditionJob["resources"]>;
  return {
    actor:
      actor === null
        ? null
        : {
            id: actor.id,
            type: actor.type,
            ...(actor.onBehalfOf === undefined ? {} : { on_behalf_of: actor.onBehalfOf }),
          },
    capability: view.capability,
    constraints: {
      ...(constraints.maxRuntimeSec === undefined ? {} : { max_runtime_sec: constraints.maxRuntimeSec }),
      ...(constraints.maxRetries === undefined ? {} : { max_retries: constraints.maxRetries }),
      ...(constraints.maxOutputBytes === undefined ? {} : { max_output_bytes: constraints.maxOutputBytes }),
      ...(constraints.paths === undefined ? {} : { paths: constraints.paths }),
      ...(constraints.network === undefined ? {} : { network: constraints.network }),
    },
    labels: view.labels,
    payload: rest.payload ?? null,
    requires: view.requires,
    resources: { paths: resources.paths ?? [], hosts: resources.hosts ?? [] },
    risk_tags: view.trustedTags,
    tenant_id: view.tenantId,
    topic: view.topic,
  };
}

/** No larger than an admitted job may be at most. */
const MAX_REST = { maxBytes: 16_777_216, maxDepth: 64 };

/** Copied and checked as `admit` does. */
function readRest(rest: View["rest"]): Record<string, Json> | null {
  const read: Record<string, Json> = {};
  for (const name of ["constraints", "payload", "resources"] as const) {
    const written = writeField(name, rest[name], MAX_REST);
    if (!written.ok) return null;
    read[name] = written.value;
  }
  return read;
}
