import { EvidenceError } from "../errors.js";
import { boundText } from "../evidence/event.js";
import { refuseUnknown } from "../refuse-unknown.js";
import type { EraseRefusal } from "../store/port.js";
import type { JobRow } from "../store/rows.js";
import type { Core } from "./core.js";
import { optionalText } from "./options.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";
import { theJob } from "./the-job.js";

/** Whose private data are erased, and on whose word. */
export interface EraseOptions {
  /** Needed where several tenants have a job of that id. */
  readonly tenantId?: string;
  /** Who asked for it, as the log will say. Default: nobody is named. */
  readonly by?: string;
  /**
   * Whether the database may be made anew (`VACUUM`), which alone takes away the copies that SQLite leaves of rows it has moved: some
   * 16 ms for each megabyte, in which this process stands still and nobody writes. Default: for files of up to 64 MiB.
   */
  readonly compact?: boolean;
}

/** What was erased. */
export interface Erased {
  /** Private values that were erased now, with their salts: 0 where that was done before. */
  readonly values: number;
  /**
   * True once no copy is left in the store's own files. False while another process reads, so that the write-ahead log still
   * holds what was there, and where the file was not made anew: call it once more then, with `compact: true` when nothing else
   * runs. Backups are the host's to erase.
   */
  readonly cleared: boolean;
}

/** Which jobs are erased by age. */
export interface EraseBeforeOptions {
  /** Only that tenant's. Default: everybody's. */
  readonly tenantId?: string;
  readonly by?: string;
  /** As for one job: made anew once, at the end. */
  readonly compact?: boolean;
}

/** What was erased by age. */
export interface ErasedBefore {
  /** Jobs whose values were erased now. */
  readonly jobs: number;
  readonly values: number;
  /** Old jobs that keep theirs: they are open, or a rejection of them stands. */
  readonly kept: number;
  readonly cleared: boolean;
}

/** Erases the private values of one job. Rejects with an `EvidenceError` where there is no such job, or it is open. */
export async function erase(core: Core, jobId: string, options: EraseOptions = {}): Promise<Erased> {
  refuseUnknown(options, ["tenantId", "by", "compact"], "erase");
  const compact = optionalFlag(options.compact);
  if (typeof jobId !== "string" || jobId === "") throw new TypeError("`erase` needs a job id");
  const tenantId = optionalText("tenantId", options.tenantId);
  const by = optionalText("by", options.by);
  const row = await theJob(core.store, jobId, tenantId);
  const answer = row === null ? "unknown" : await eraseRow(core, row, { by, clear: true, compact });
  if (typeof answer !== "string") return answer;
  const [code, message, help] = REFUSALS[answer];
  throw new EvidenceError(code, message, { help });
}

const REFUSALS: Readonly<Record<EraseRefusal, readonly ["job_unknown" | "job_open" | "job_rejected", string, string]>> =
  {
    unknown: ["job_unknown", "there is no job of that id", "name the id and the tenant as the outcome has them"],
    open: ["job_open", "the job runs, or waits for an approval", "wait for its end, or cancel its request"],
    rejected: ["job_rejected", "a rejection of the job still stands", "erase it after that, or lift the rejection"],
  };

/** Jobs that are looked at together. */
const LOOK_AT = 200;

/** Erases what is old, in the order of ids, with the log kept whole. What is open keeps its values. */
export async function eraseBefore(core: Core, at: number, options: EraseBeforeOptions = {}): Promise<ErasedBefore> {
  refuseUnknown(options, ["tenantId", "by", "compact"], "eraseBefore");
  const compact = optionalFlag(options.compact);
  if (!Number.isFinite(at)) throw new TypeError("`eraseBefore` needs a time in milliseconds");
  const tenantId = optionalText("tenantId", options.tenantId);
  const by = optionalText("by", options.by);
  const done = { jobs: 0, values: 0, kept: 0, cleared: true };
  let last: JobRow | null = null;
  let after: string | null = null;
  do {
    const page = await core.store.page({ kind: "jobs", status: null, tenantId, after, limit: LOOK_AT });
    for (const { row } of page.jobs ?? []) {
      // What an erasure before this one left, since somebody read then, is cleared as well.
      if (row.erasedAt !== null) last ??= row;
      if (row.updatedAt >= at || row.erasedAt !== null) continue;
      const answer = await eraseRow(core, row, { by, clear: false, compact: false });
      if (typeof answer === "string") {
        done.kept += 1;
        continue;
      }
      done.jobs += 1;
      done.values += answer.values;
      last = row;
    }
    after = page.next;
  } while (after !== null);
  if (last === null) return Object.freeze(done);
  // Once more, which erases nothing: what copies the others left are cleared together.
  const answer = await eraseRow(core, last, { by, clear: true, compact });
  return Object.freeze({ ...done, cleared: typeof answer !== "string" && answer.cleared });
}

interface Erasure {
  readonly by: string | null;
  /** Whether what copies are left is cleared at once. */
  readonly clear: boolean;
  readonly compact: boolean | undefined;
}

function optionalFlag(compact: unknown): boolean | undefined {
  if (compact === undefined || typeof compact === "boolean") return compact;
  throw new TypeError("`compact` must be true or false");
}

async function eraseRow(core: Core, row: JobRow, { by, clear, compact }: Erasure): Promise<Erased | EraseRefusal> {
  const { id: jobId, tenantId } = row;
  const facts = by === null ? {} : { by: boundText(by) };
  const step = {
    kind: "erase",
    now: core.clock.wall(),
    waitMs: SETTLE_WAIT_MS,
    tenantId,
    jobId,
    clear,
    ...(compact === undefined ? {} : { compact }),
    facts,
  } as const;
  const answer = await core.store.change(step);
  if (answer.status === "erased") return Object.freeze({ values: answer.values, cleared: answer.cleared });
  if (answer.status === "not_erased") return answer.refusal;
  throw new TypeError("the store does not say whether the values were erased");
}
