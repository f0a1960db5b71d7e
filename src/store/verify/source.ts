import type { ApprovalRow, HaltRow, VoteRow } from "../rows.js";

/** What is verified, read in order and in bounded parts. Each of these may throw: then what lies behind is not looked at. */
export interface LogSource {
  /** The stored head of the tree. */
  readonly head: () => Fields<"size" | "frontier"> | undefined;
  readonly events: (after: number, limit: number) => readonly RawEvent[];
  readonly tile: (level: number, number: number) => Fields<"root" | "hashes"> | undefined;
  readonly tileCount: () => number;
  readonly checkpoints: (after: number, limit: number) => readonly Fields<"size" | "note">[];
  readonly jobs: Pages<RawJob>;
  readonly approvals: Pages<RawApproval>;
  readonly votes: Pages<RawVote>;
  readonly policies: Pages<RawPolicy>;
  readonly halts: Pages<RawHalt>;
  readonly values: Pages<RawValue>;
  /** Rows by key, for what the log knows and the tables may have lost. */
  readonly has: {
    readonly job: (tenantId: string, id: string) => boolean;
    readonly approval: (id: string) => boolean;
    readonly vote: (approvalId: string, number: number) => boolean;
    readonly policy: (epoch: number) => boolean;
    readonly halt: (number: number) => boolean;
    readonly value: (tenantId: string, jobId: string, kind: string) => boolean;
  };
}

/** Rows in the order of their keys; `after` is the key of the last row of the page before. */
export interface Pages<Row> {
  /** The columns of the key, in the order that they sort in. */
  readonly key: readonly string[];
  readonly page: (after: readonly unknown[] | null, limit: number) => readonly Row[];
}

/** Columns as they stand there: of whatever type a damaged file answers. */
type Fields<Name extends string> = { readonly [Key in Name]: unknown };

export type RawEvent = Fields<"seq" | "at" | "type" | "trace_id" | "approval_id" | "bytes">;

export type RawJob = Fields<
  | "id"
  | "tenant_id"
  | "trace_id"
  | "status"
  | "owner"
  | "approval_id"
  | "reason"
  | "commitment"
  | "erased_at"
  | "degraded"
  /** Of a job whose output was withheld; else null. */
  | "result"
>;

/** A request by its key. `read` may throw, where a column is not what it must be. */
export type RawApproval = Fields<"id"> & { readonly read: () => ApprovalRow };

export type RawVote = Fields<"approval_id" | "number"> & { readonly read: () => VoteRow };

export type RawHalt = Fields<"number"> & { readonly read: () => HaltRow };

export type RawPolicy = Fields<"epoch" | "snapshot" | "document">;

/** `hash` is that of the job's row; null where there is none. */
export type RawValue = Fields<"job_id" | "tenant_id" | "kind" | "salt" | "value" | "hash">;
