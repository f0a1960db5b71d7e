import { types } from "node:util";
import { PolicyError, type PolicyIssue } from "../errors.js";
import { deepFreeze } from "../job/freeze.js";
import type { AdmittedJob, DecidableJob } from "../job/job.js";
import { nearest } from "../nearest.js";
import type { Constraints, Decision, JsonObject } from "../outcome.js";
import { compile } from "./compile.js";
import { createDecide } from "./decide.js";
import type { PolicyDocument, QueueDocument } from "./document.js";
import { type Explanation, explain, explainRefusal } from "./explain.js";
import { importsOf, type Linked, link, type PolicyFile } from "./link.js";
import { readDocument } from "./read-document.js";
import { readYaml } from "./read-yaml.js";
import { refuseMalformed } from "./refuse.js";
import { snapshotOf } from "./snapshot.js";
import { DEFAULT_MAX_BYTES, type PolicySource, type Reading } from "./source.js";
import { viewAdmitted } from "./view.js";
import { viewUnknown } from "./view-unknown.js";

export type { PolicySource } from "./source.js";

/** A policy that was loaded whole: frozen, and pure in all it answers. */
export interface Policy {
  /** SHA-256 of what the policy means, lower-case hex. Comments, layout and the order of keys do not change it. */
  readonly snapshot: string;
  /** SHA-256 of the bytes it was read from, lower-case hex; null when it was given as a document. */
  readonly sourceHash: string | null;
  /** The normalised document. Compiling it again gives the same snapshot: so other processes take a policy over. */
  readonly document: JsonObject;
  /** In file order, imports where they stand. */
  readonly ruleIds: readonly string[];
  /** How long approval requests live under this policy. */
  readonly approvals: ApprovalSpans;
  /** How many of them may wait. Not part of what the policy means: changing it changes no snapshot. */
  readonly queue: QueueLimits;
  /**
   * What this policy says of a job, all declared tags trusted. For trusted callers and tests: the gate's own `decide`
   * admits the job first. Never throws: a job that could not be admitted for a field that this policy looks at, or for
   * one that does not exist, is denied under the rule id `@invalid`; what no rule looks at is not read.
   */
  readonly decide: (job: DecidableJob) => Decision;
  /** Why {@link Policy.decide} says what it says: walks all rules, so it costs what they are many. Never throws. */
  readonly explain: (job: DecidableJob) => Explanation;
}

/** Spans of the life of an approval request, in seconds. */
export interface ApprovalSpans {
  /** A request that nobody decides lapses after this, where no rule says less. */
  readonly expiresInSec: number;
  /** An approval that nobody uses lapses after this. */
  readonly useWithinSec: number;
  /** An equal job is refused without asking again for this long after a rejection. */
  readonly rejectionStandsSec: number;
}

/** Bounds of the queue of approval requests, each an integer of 1 or more. */
export interface QueueLimits {
  /** Requests that may be pending at once. Default 1,000. */
  readonly maxPending: number;
  /** Of one actor in one tenant. Default 50. */
  readonly maxPendingPerActor: number;
  /** New requests of one actor in one tenant in any interval of `windowSec` seconds. Default 100 in 3,600. */
  readonly maxRequestsPerActor: { readonly limit: number; readonly windowSec: number };
}

/** Options of {@link compilePolicy}. */
export interface CompileOptions {
  /** Bytes of the source; as canonical JSON a `document` may be four times as long. Default 2,097,152 (2 MiB). */
  readonly maxBytes?: number | undefined;
}

/** What the gate asks of a policy, also of one that another copy of this package compiled. */
interface Internals {
  readonly documentText: string;
  readonly constraintsOf: (ruleId: string) => Constraints;
  readonly decideAdmitted: (job: AdmittedJob, derivedTags: readonly string[], declaredTags: DeclaredTags) => Decision;
  readonly explainAdmitted: (
    job: AdmittedJob,
    derivedTags: readonly string[],
    declaredTags: DeclaredTags,
  ) => Explanation;
}

type DeclaredTags = "trusted" | "restrict_only";

const INTERNALS: unique symbol = Symbol.for("dispatch-gate.policy") as never;

/**
 * Loads a policy, whole or not at all.
 *
 * @throws PolicyError with every problem found (of a file full of them, the first 1,000 of each kind), in the order of their places.
 * @throws TypeError when the arguments themselves are wrong.
 */
export function compilePolicy(source: PolicySource, options: CompileOptions = {}): Policy {
  const reading = read(source, readMaxBytes(options));
  if (importsOf(reading).length > 0) throw unresolved(reading);
  return compileFiles({ name: "", reading, imports: [] });
}

/** A policy that names imports can only be loaded from where they can be read. */
function unresolved(reading: Reading): PolicyError {
  const issue: PolicyIssue = {
    code: "imports_unresolved",
    message: "the policy has `imports`, which can only be followed from a file",
    help: "load it with `loadPolicy(path)`, or give the gate the path",
    path: "/imports",
    ...reading.locate(["imports"], "key"),
  };
  return new PolicyError([...reading.issues, issue]);
}

/** Compiles a policy whose files were read. @throws PolicyError as {@link compilePolicy} does. */
export function compileFiles(main: PolicyFile): Policy {
  return createPolicy(link(main));
}

function createPolicy({ document, sourceHash, conditions }: Linked): Policy {
  const engine = compile(document, snapshotOf(document), conditions);
  // Ten thousand rules are five times as large as data as they are as text, and a policy that only decides never asks
  // for them again: the document is made anew when somebody first does.
  const text = JSON.stringify(document);
  let made: PolicyDocument | null = null;
  const read = (): PolicyDocument => {
    made ??= deepFreeze(JSON.parse(text) as PolicyDocument);
    return made;
  };
  const decide = createDecide(engine);
  const asking = { fields: engine.fields, knows: engine.index.knows };
  let byId: ReadonlyMap<string, Constraints> | null = null;
  const internals: Internals = {
    documentText: text,
    constraintsOf: (ruleId) => {
      byId ??= new Map(engine.rules.map(({ id, constraints }) => [id, constraints]));
      return byId.get(ruleId) ?? {};
    },
    decideAdmitted: (job, derivedTags, declaredTags) => decide(viewAdmitted(job, derivedTags, declaredTags)),
    explainAdmitted: (job, derivedTags, declaredTags) => {
      const view = viewAdmitted(job, derivedTags, declaredTags);
      return explain(engine, read(), view, decide(view));
    },
  };
  const { expires_in_sec, use_within_sec, rejection_stands_sec } = document.approvals;
  const policy: Policy = {
    snapshot: engine.snapshot,
    sourceHash,
    get document() {
      return read() as unknown as JsonObject;
    },
    ruleIds: Object.freeze(document.rules.map((rule) => rule.id)),
    approvals: Object.freeze({
      expiresInSec: expires_in_sec,
      useWithinSec: use_within_sec,
      rejectionStandsSec: rejection_stands_sec,
    }),
    queue: queueLimits(document.queue),
    decide: (job) => {
      const view = viewUnknown(job, asking);
      return "malformed" in view ? refuseMalformed(engine, view.malformed) : decide(view);
    },
    explain: (job) => {
      const view = viewUnknown(job, asking);
      if ("malformed" in view) return explainRefusal(refuseMalformed(engine, view.malformed));
      return explain(engine, read(), view, decide(view));
    },
  };
  Object.defineProperty(policy, INTERNALS, { value: Object.freeze(internals) });
  return Object.freeze(policy);
}

/** The bounds that a `queue` block comes to. */
export function queueLimits(queue: QueueDocument | undefined): QueueLimits {
  const { limit, window_sec } = queue?.max_requests_per_actor ?? { limit: 100, window_sec: 3_600 };
  return Object.freeze({
    maxPending: queue?.max_pending ?? 1_000,
    maxPendingPerActor: queue?.max_pending_per_actor ?? 50,
    maxRequestsPerActor: Object.freeze({ limit, windowSec: window_sec }),
  });
}

/** The document of a policy as JSON text, in which it is kept: what a store holds. */
export function documentText(policy: Policy): string {
  return internalsOf(policy)?.documentText ?? JSON.stringify(policy.document);
}

/** What one rule asks of a run. Empty where it asks nothing, and for an id that is none. */
export function constraintsOf(policy: Policy, ruleId: string): Constraints {
  return internalsOf(policy)?.constraintsOf(ruleId) ?? {};
}

/** True for a compiled policy, also one that another copy of this package made. */
export function isPolicy(value: unknown): value is Policy {
  if (typeof value !== "object" || value === null) return false;
  try {
    return typeof internalsOf(value)?.decideAdmitted === "function";
  } catch {
    return false;
  }
}

/** Decides a job that was admitted. Under `restrict_only`, tags that are not derived only ever tighten. */
export function decideAdmitted(
  policy: Policy,
  job: AdmittedJob,
  derivedTags: readonly string[],
  declaredTags: DeclaredTags,
): Decision {
  const internals = internalsOf(policy);
  if (internals === undefined) throw new TypeError("not a compiled policy");
  return internals.decideAdmitted(job, derivedTags, declaredTags);
}

/** Explains what {@link decideAdmitted} decides. */
export function explainAdmitted(
  policy: Policy,
  job: AdmittedJob,
  derivedTags: readonly string[],
  declaredTags: DeclaredTags,
): Explanation {
  const internals = internalsOf(policy);
  if (internals === undefined) throw new TypeError("not a compiled policy");
  return internals.explainAdmitted(job, derivedTags, declaredTags);
}

function internalsOf(policy: object): Internals | undefined {
  return Object.getOwnPropertyDescriptor(policy, INTERNALS)?.value as Internals | undefined;
}

/** The one option, checked. @throws TypeError when the options are wrong. */
export function readMaxBytes(options: CompileOptions): number {
  if (typeof options !== "object" || options === null)
    throw new TypeError("the options of compilePolicy must be an object");
  refuseUnknownKeys(options, ["maxBytes"], "option");
  const { maxBytes = DEFAULT_MAX_BYTES } = options;
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1)
    throw new TypeError("`maxBytes` must be a whole number of 1 or more");
  return maxBytes;
}

function read(source: PolicySource, maxBytes: number): Reading {
  if (typeof source !== "object" || source === null) {
    throw new TypeError("a policy source must be `{ yaml }` or `{ document }`; to read a file use loadPolicy");
  }
  refuseUnknownKeys(source, ["yaml", "document"], "policy source");
  if (Object.keys(source).length !== 1) throw new TypeError("a policy source must have either `yaml` or `document`");
  if ("document" in source) return readDocument(source.document, maxBytes);
  const { yaml } = source;
  if (typeof yaml !== "string" && !types.isUint8Array(yaml)) throw new TypeError("`yaml` must be a string or bytes");
  return readYaml(yaml, maxBytes);
}

function refuseUnknownKeys(given: object, known: readonly string[], what: string): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    throw new TypeError(
      `unknown ${what} \`${key.slice(0, 64)}\`${meant === undefined ? "" : `: did you mean \`${meant}\`?`}`,
    );
  }
}
