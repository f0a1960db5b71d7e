import type { Json, JsonObject } from "../outcome.js";

/** Who asks. `onBehalfOf` names whom the actor acts for; both count as requesters of an approval. */
export interface Actor {
  /** 1 to 256 printable ASCII characters without spaces. */
  readonly id: string;
  readonly type: ActorType;
  readonly onBehalfOf?: string;
}

export type ActorType = "human" | "service" | "agent";

/** What the job says it will touch. */
export interface JobResources {
  readonly paths?: readonly string[];
  readonly hosts?: readonly string[];
}

/** The job's own limits. They can only tighten what the policy says. */
export interface JobConstraints {
  /** Seconds, greater than 0, at most 31,536,000. */
  readonly maxRuntimeSec?: number;
  /** Integer from 0 to 1,000. Where no rule of the policy gives retries there are none. */
  readonly maxRetries?: number;
  /** Bytes of the output's canonical JSON, an integer of 0 or more. */
  readonly maxOutputBytes?: number;
  /** Absolute paths, whole components, each list at most 256. `[]` in `read` or `write` allows nothing. */
  readonly paths?: {
    readonly read?: readonly string[];
    readonly write?: readonly string[];
    readonly deny?: readonly string[];
  };
  /** Hosts, `*.host`, addresses or CIDR ranges, each with an optional `:port`, at most 256 a list. */
  readonly network?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
}

/** What the host asks to run. Only `topic` is required; any key not listed here is refused. */
export interface Job {
  /** Unique within its tenant: 1 to 256 printable ASCII characters without spaces. Default: a UUIDv7. */
  readonly id?: string | undefined;
  /** 1 to 256 printable ASCII characters without spaces. Default: 32 random lower-case hex digits (W3C trace context). */
  readonly traceId?: string | undefined;
  /** Default `"default"`. */
  readonly tenantId?: string | undefined;
  readonly actor?: Actor | null | undefined;
  /** 1 to 256 characters, dot-separated non-empty segments from `[A-Za-z0-9_:@%~+-]`. */
  readonly topic: string;
  /** A set of `[a-z0-9_-]+`, at most 64. */
  readonly riskTags?: readonly string[] | undefined;
  /** At most 64. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly capability?: string | null | undefined;
  /** A set, at most 64. */
  readonly requires?: readonly string[] | undefined;
  readonly resources?: JobResources | undefined;
  readonly constraints?: JobConstraints | undefined;
  /** The agent's own words: any plain JSON. Absent is null. */
  readonly payload?: Json | undefined;
  /** Recorded beside the job; never matched, never hashed. */
  readonly annotations?: JsonObject | undefined;
}

declare const admitted: unique symbol;

/**
 * The gate's own copy of a job: parsed from its canonical bytes, deeply frozen, every field present.
 * Equal job hashes mean equal content. Only `admit` makes one.
 */
export interface AdmittedJob {
  readonly [admitted]: true;
  readonly id: string;
  readonly traceId: string;
  readonly tenantId: string;
  readonly actor: Actor | null;
  readonly topic: string;
  /** Declared tags, sorted, without repeats. */
  readonly riskTags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly capability: string | null;
  readonly requires: readonly string[];
  readonly resources: { readonly paths: readonly string[]; readonly hosts: readonly string[] };
  readonly constraints: JobConstraints;
  readonly payload: Json;
  readonly annotations: JsonObject;
}

/** The fields a policy may look at: what `policy.decide` takes. Absent fields are as in {@link Job}. */
export type DecidableJob = Pick<
  Job,
  "tenantId" | "actor" | "topic" | "riskTags" | "labels" | "capability" | "requires" | "constraints" | "payload"
>;
