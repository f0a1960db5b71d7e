import { canonicalize } from "../canonical.js";
import { commit } from "../digest.js";
import type { Json, JsonObject } from "../outcome.js";

/** A private value with the salt of its commitment, as it stands beside the log. */
export interface PrivateValue {
  readonly tenantId: string;
  readonly jobId: string;
  /** `job`, `output`, `held`, `error`, `late:<attempt>` or `note:<request or output>:<number or word>`. */
  readonly kind: string;
  readonly salt: string;
  /** JSON text; of a note the words themselves. */
  readonly value: string;
}

/** What an event commits to in place of a private value. */
export interface Committed {
  /** Whose value it is; null for a note, whose kind is its own. */
  readonly job: { readonly tenantId: string; readonly jobId: string } | null;
  /** An output is kept under one of several kinds. */
  readonly kinds: readonly string[];
  readonly commitment: string;
}

/** The private values that one event stands for. */
function committedBy(type: string, body: JsonObject): readonly Committed[] {
  const job = jobOf(body);
  const all: Committed[] = [];
  const add = (kinds: readonly string[], commitment: Json | undefined, whose = job): void => {
    if (typeof commitment === "string") all.push({ job: whose, kinds, commitment });
  };
  if (job !== null) {
    add(["job"], body.job);
    add(["job"], type === "job.erased" ? body.commitment : undefined);
    add(type === "job.late" ? [`late:${asText(body.attempt)}`] : OUTPUTS, body.output);
  }
  if (typeof body.note_ref === "string") add([noteKindOf(type, body)], body.note, null);
  return all;
}

const OUTPUTS: readonly string[] = ["output", "held", "error"];

/** As what a note to this event is kept, should there be one. An output has notes of its own. */
export function noteKindOf(type: string, body: JsonObject): string {
  const about = type === "output.released" ? body.quarantine_id : body.approval_id;
  return `note:${asText(about)}:${asText(body.note_ref)}`;
}

function asText(value: Json | undefined): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function jobOf({ tenant_id: tenantId, job_id: jobId }: JsonObject): Committed["job"] {
  return typeof tenantId === "string" && typeof jobId === "string" ? { tenantId, jobId } : null;
}

/** The commitment that this value opens. */
function commitmentOf({ kind, salt, value }: PrivateValue): string {
  return commit(salt, kind.startsWith("note:") ? canonicalize(value) : value);
}

/** All commitments of many events, by what they are of. */
export interface Commitments {
  readonly add: (type: string, body: JsonObject) => void;
  /** Null where no event commits to a value of that kind; else whether one commits to this one. */
  readonly opens: (value: PrivateValue) => boolean | null;
}

/** An empty set of commitments. */
export function createCommitments(): Commitments {
  const known = new Map<string, Set<string>>();
  return {
    add: (type, body) => {
      for (const { job, kinds, commitment } of committedBy(type, body)) {
        for (const kind of kinds) {
          const key = keyOf(job, kind);
          known.set(key, (known.get(key) ?? new Set()).add(commitment));
        }
      }
    },
    opens: (value) => {
      const isNote = value.kind.startsWith("note:");
      const commitments = known.get(keyOf(isNote ? null : value, value.kind));
      return commitments === undefined ? null : commitments.has(commitmentOf(value));
    },
  };
}

function keyOf(job: Committed["job"], kind: string): string {
  return JSON.stringify(job === null ? [kind] : [job.tenantId, job.jobId, kind]);
}

/** One line of `values.jsonl`, without its newline. */
export function valueLine({ tenantId, jobId, kind, salt, value }: PrivateValue): string {
  return canonicalize({ tenant_id: tenantId, job_id: jobId, kind, salt, value });
}

/** Reads one line of `values.jsonl`; null for what is none. */
export function readValueLine(value: Json | undefined): PrivateValue | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { tenant_id: tenantId, job_id: jobId, kind, salt, value: text, ...more } = value as JsonObject;
  const all = [tenantId, jobId, kind, salt, text];
  if (Object.keys(more).length > 0 || !all.every((field) => typeof field === "string")) return null;
  return { tenantId, jobId, kind, salt, value: text } as PrivateValue;
}
