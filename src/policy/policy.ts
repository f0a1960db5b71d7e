import { types } from "node:util";
import { PolicyError, type PolicyIssue } from "../errors.js";
import { deepFreeze } from "../job/freeze.js";
import type { AdmittedJob, DecidableJob } from "../job/job.js";
import { nearest } from "../nearest.js";
import type { Decision, JsonObject } from "../outcome.js";
import { check } from "./check.js";
import { compile } from "./compile.js";
import { createDecide, refuseMalformed } from "./decide.js";
import { normalise } from "./normalise.js";
import { readDocument } from "./read-document.js";
import { readYaml } from "./read-yaml.js";
import { snapshotOf } from "./snapshot.js";
import { DEFAULT_MAX_BYTES, type PolicySource, type Reading } from "./source.js";
import { translate } from "./translate.js";
import { validate } from "./validate-document.generated.js";
import { viewAdmitted, viewUnknown } from "./view.js";

export type { PolicySource } from "./source.js";

/** A policy that was loaded whole: frozen, and pure in all it answers. */
export interface Policy {
  /** SHA-256 of what the policy means, lower-case hex. Comments, layout and the order of keys do not change it. */
  readonly snapshot: string;
  /** SHA-256 of the bytes it was read from, lower-case hex; null when it was given as a document. */
  readonly sourceHash: string | null;
  /** The normalised document. Compiling it again gives the same snapshot: so other processes take a policy over. */
  readonly document: JsonObject;
  /** In file order. */
  readonly ruleIds: readonly string[];
  /**
   * What this policy says of a job, all declared tags trusted. For trusted callers and tests: the gate's own `decide`
   * admits the job first. Never throws: a job that could not be admitted for a field that policies look at, or for
   * one that does not exist, is denied under the rule id `@invalid`.
   */
  readonly decide: (job: DecidableJob) => Decision;
}

/** Options of {@link compilePolicy}. */
export interface CompileOptions {
  /** Bytes of the source; as canonical JSON a `document` may be four times as long. Default 2,097,152 (2 MiB). */
  readonly maxBytes?: number | undefined;
}

/** What the gate asks of a policy, also of one that another copy of this package compiled. */
interface Internals {
  readonly decideAdmitted: (job: AdmittedJob, derivedTags: readonly string[], declaredTags: DeclaredTags) => Decision;
}

type DeclaredTags = "trusted" | "restrict_only";

/** Problems of one kind that are listed: a file with more is not a policy, and the message would be larger than it. */
const MAX_LISTED = 1_000;

const INTERNALS: unique symbol = Symbol.for("dispatch-gate.policy") as never;

/**
 * Loads a policy, whole or not at all.
 *
 * @throws PolicyError with every problem found (of a file full of them, the first 1,000 of each kind), in the order of their places.
 * @throws TypeError when the arguments themselves are wrong.
 */
export function compilePolicy(source: PolicySource, options: CompileOptions = {}): Policy {
  const maxBytes = readOptions(options);
  const reading = read(source, maxBytes);
  const issues = [...reading.issues];
  if (reading.value !== undefined) {
    const errors = validate(reading.value) ? [] : (validate.errors ?? []);
    issues.push(...translate(errors.slice(0, MAX_LISTED), reading.locate));
    issues.push(...check(reading.value, reading.locate).slice(0, MAX_LISTED));
  }
  if (reading.value === undefined || issues.length > 0) throw new PolicyError(sorted(issues));

  const document = deepFreeze(normalise(reading.value));
  const plain = document as unknown as JsonObject;
  const engine = compile(document, snapshotOf(plain));
  const decide = createDecide(engine);
  const internals: Internals = {
    decideAdmitted: (job, derivedTags, declaredTags) => decide(viewAdmitted(job, derivedTags, declaredTags)),
  };
  const policy: Policy = {
    snapshot: engine.snapshot,
    sourceHash: reading.sourceHash,
    document: plain,
    ruleIds: Object.freeze(document.rules.map((rule) => rule.id)),
    decide: (job) => {
      const seen = viewUnknown(job);
      return seen.ok ? decide(seen.view) : refuseMalformed(engine, seen.reason);
    },
  };
  Object.defineProperty(policy, INTERNALS, { value: Object.freeze(internals) });
  return Object.freeze(policy);
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

function internalsOf(policy: object): Internals | undefined {
  return Object.getOwnPropertyDescriptor(policy, INTERNALS)?.value as Internals | undefined;
}

function readOptions(options: CompileOptions): number {
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

/** By place in the text; a document's issues by its own order of lists and keys. */
function sorted(issues: readonly PolicyIssue[]): readonly PolicyIssue[] {
  const byPath = new Intl.Collator("en", { numeric: true });
  return issues.toSorted(
    (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0) || byPath.compare(a.path, b.path),
  );
}
