import { digest } from "../digest.js";
import { didYouMean } from "../nearest.js";
import type { Json, JsonObject } from "../outcome.js";
import { type CopyIssue, type CopyLimits, copyAsCanonical, readProperties } from "./copy.js";
import { FIELDS, HASHED, IDENTIFIER, writeField } from "./fields.js";
import { deepFreeze } from "./freeze.js";
import type { AdmittedJob } from "./job.js";

/** A job that was let in, with everything that is made of it once and carried on. */
export interface Admission {
  readonly job: AdmittedJob;
  /** RFC 8785 text of the hashed fields: what was hashed, is shown, and is stored. */
  readonly canonical: string;
  /** SHA-256 of `canonical` under the domain `job`, lower-case hex. */
  readonly hash: string;
  /** True when the caller named the job. */
  readonly named: boolean;
}

/** Why a job was not let in. */
export interface JobIssue extends CopyIssue {
  readonly help?: string;
}

export type AdmitResult =
  | { readonly ok: true; readonly admission: Admission }
  | { readonly ok: false; readonly issue: JobIssue };

/** What `admit` takes from outside: ids for a job that has none, and the size limit. */
export interface AdmitContext {
  readonly jobId: string;
  readonly traceId: string;
  /** UTF-8 bytes of the canonical job. */
  readonly maxJobBytes: number;
}

/** 1 MiB of canonical JSON. */
export const DEFAULT_MAX_JOB_BYTES = 1_048_576;

/** Nested arrays and objects in a payload or annotations. */
const MAX_DEPTH = 64;

/** UTF-8 bytes of canonical annotations: a note beside the job, not a second payload. */
const MAX_ANNOTATION_BYTES = 16_384;

/**
 * Lets a job in, or says why not. The caller's object is read once; what travels on is parsed from the
 * canonical bytes and frozen, so that what is hashed, shown, approved and dispatched is the same.
 */
export function admit(input: unknown, context: AdmitContext): AdmitResult {
  const read = readProperties(input, "");
  if (!read.ok) return { ok: false, issue: { ...read.issue, message: read.issue.message.replace("a value", "a job") } };
  // At the top level alone an undefined field is an absent one: hosts write `traceId: maybeTraceId`.
  const given = read.properties;
  for (const key of given.keys()) {
    if (!FIELDS.has(key)) return { ok: false, issue: unknownField(key) };
  }

  const limits: CopyLimits = { maxBytes: context.maxJobBytes, maxDepth: MAX_DEPTH };
  const parts: string[] = [];
  const content: Record<string, Json> = {};
  let bytes = 1;
  for (const name of HASHED) {
    const part = writeField(name, given.get(name), limits);
    if (!part.ok) return part;
    bytes += Buffer.byteLength(part.text) + name.length + 4;
    if (bytes > context.maxJobBytes) return refused(`/${name}`, "the job is larger than the size limit");
    parts.push(`"${name}":${part.text}`);
    content[name] = part.value;
  }
  const id = identifier("id", given.get("id"), context.jobId);
  if (!id.ok) return id;
  const traceId = identifier("traceId", given.get("traceId"), context.traceId);
  if (!traceId.ok) return traceId;
  const annotations = copyAnnotations(given.get("annotations"));
  if (!annotations.ok) return annotations;

  const ids = { id: id.value, traceId: traceId.value, annotations: annotations.value };
  const canonical = `{${parts.join(",")}}`;
  return { ok: true, admission: assemble(canonical, content, ids, given.get("id") !== undefined) };
}

interface Unhashed {
  readonly id: string;
  readonly traceId: string;
  readonly annotations: JsonObject;
}

/** The admission that a stored canonical text stands for. The text MUST be one that {@link admit} made. */
export function readmit(canonical: string, unhashed: Unhashed): Admission {
  return assemble(canonical, deepFreeze(JSON.parse(canonical) as JsonObject), unhashed, true);
}

/** `content` MUST be frozen, and what `canonical` stands for. */
function assemble(canonical: string, content: JsonObject, unhashed: Unhashed, named: boolean): Admission {
  const annotations = deepFreeze(unhashed.annotations);
  const job = Object.freeze({ id: unhashed.id, traceId: unhashed.traceId, ...content, annotations });
  return { job: job as unknown as AdmittedJob, canonical, hash: digest("job", canonical), named };
}

function unknownField(key: string): JobIssue {
  const shown = JSON.stringify(key.slice(0, 64)).slice(1, -1);
  const help = didYouMean(key, FIELDS, `a job has: ${[...FIELDS].join(", ")}`);
  return { path: `/${shown}`, message: `unknown job field \`${shown}\``, help };
}

type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issue: JobIssue };

function identifier(name: string, value: unknown, fallback: string): Checked<string> {
  if (value === undefined) return { ok: true, value: fallback };
  if (typeof value === "string" && IDENTIFIER.test(value)) return { ok: true, value };
  return refused(`/${name}`, `\`${name}\` must be 1 to 256 printable ASCII characters without spaces`);
}

function copyAnnotations(value: unknown): Checked<JsonObject> {
  if (value === undefined) return { ok: true, value: {} };
  const copy = copyAsCanonical(value, { maxBytes: MAX_ANNOTATION_BYTES, maxDepth: MAX_DEPTH }, "/annotations");
  if (!copy.ok) return copy;
  if (!copy.text.startsWith("{")) return refused("/annotations", "`annotations` must be an object");
  if (Buffer.byteLength(copy.text) > MAX_ANNOTATION_BYTES) {
    return refused("/annotations", "the job is larger than the size limit");
  }
  return { ok: true, value: JSON.parse(copy.text) as JsonObject };
}

function refused(path: string, message: string): { readonly ok: false; readonly issue: JobIssue } {
  return { ok: false, issue: { path, message } };
}
