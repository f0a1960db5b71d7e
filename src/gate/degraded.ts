import { isOutage, StoreError } from "../errors.js";
import { sealEvent } from "../evidence/event.js";
import type { ClaimAnswer, ClaimRequest, SettleAnswer, SettleRequest, Spooled, Store } from "../store/port.js";
import type { JobRow, OwnerRow, Recorded, VaultRow } from "../store/rows.js";
import { openSpool, type Spool } from "../store/spool.js";
import { type Away, enterLeftSpools, giveSpooled } from "./enter-spools.js";

type ClaimedAnswer = Recorded<Extract<ClaimAnswer, { readonly status: "claimed" }>>;

/** What a gate in fail mode `open` does while its store is away. */
export interface Degraded {
  /** Claims a job without the store: null where that may not be. Resolves once its record is on the disk. */
  readonly claim: (request: ClaimRequest, error: unknown) => Promise<ClaimedAnswer | null>;
  /** Records how a job ended: where its claim is. */
  readonly settle: (request: SettleRequest) => Promise<SettleAnswer>;
  /** Gives the store, which is back, all that was done meanwhile, also by processes that are gone. */
  readonly enter: (away: Away | null) => Promise<void>;
  /** Says that this process lives. */
  readonly touch: () => void;
  readonly close: () => void;
}

/** What it is made of. */
export interface DegradedParts {
  readonly store: Pick<Store, "settle" | "change">;
  readonly now: () => number;
  readonly owner: OwnerRow;
  /** Of each process a file of its own: this, and the process's id behind it. */
  readonly path: string;
  readonly maxBytes: number;
  /** Whether an operator stopped all claims, as far as is known. */
  readonly isHalted: () => boolean;
}

/** Opens the spool of this process. Throws a `StoreError` where that cannot be. */
export function openDegraded(parts: DegradedParts): Degraded {
  const { store, now, owner, path, maxBytes, isHalted } = parts;
  const spool: Spool = openSpool({ path: `${path}.${owner.id}`, maxBytes, owner });
  /** Claims that are in the spool and nowhere else. */
  const held = new Set<string>();
  /** One at a time: nothing is written to a spool that is being given away. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const next = last.then(step);
    last = next.catch(() => undefined);
    return next;
  };

  const claim = async (request: ClaimRequest): Promise<ClaimedAnswer> => {
    const { row, vault, event } = recordOf(request, now());
    await spool.append({ kind: "claim", row, vault, event });
    held.add(keyOf(row.tenantId, row.id));
    return { status: "claimed", job: row, approval: null, takenAt: request.tick, events: [event] };
  };

  const enterOwn = async (away: Away | null): Promise<void> => {
    if (held.size === 0 && spool.used() === 0 && away === null) return;
    const content = spool.read();
    const claims = new Set(
      content.entries.flatMap((each) => (each.kind === "claim" ? keyOf(each.row.tenantId, each.row.id) : [])),
    );
    const missing = [...held].filter((key) => !claims.has(key)).length;
    await giveSpooled(parts, { ...content, lost: Math.max(content.lost, missing) }, away);
    spool.clear();
    held.clear();
  };

  return {
    claim: async (request, error) => {
      if (!mayRunWithout(request, error) || isHalted() || !spool.hasRoom()) return null;
      return inTurn(() => claim(request));
    },
    settle: (request) =>
      held.has(keyOf(request.tenantId, request.jobId))
        ? inTurn(async () => {
            if (!held.has(keyOf(request.tenantId, request.jobId))) return store.settle(request);
            await spool.append({ kind: "settle", request });
            return { status: "settled" };
          })
        : store.settle(request),
    enter: (away) =>
      inTurn(async () => {
        await enterOwn(away);
        await enterLeftSpools(parts, path, spool.path);
      }),
    touch: () => spool.touch(),
    close: () => spool.close(),
  };
}

/**
 * A job runs without its record in the store only where the store was away before anything of this claim was done, and the job
 * is allowed, holds no place anywhere, and is nobody's but this call's.
 */
function mayRunWithout({ verdict, intent, opens, limits, pools, job }: ClaimRequest, error: unknown): boolean {
  if (!(error instanceof StoreError) || !isOutage(error) || !error.nothingDone) return false;
  if (verdict.kind !== "permit" || intent !== "dispatch" || !opens) return false;
  return limits.length === 0 && pools.length === 0 && !job.named;
}

/** What the store would have written. */
function recordOf(request: ClaimRequest, now: number): Omit<Extract<Spooled, { readonly kind: "claim" }>, "kind"> {
  const { job, dispatcher, decision, constraints, owner, facts } = request;
  const { tenantId, id, traceId, hash, commitment, salt, canonical, annotations } = job;
  const row: JobRow = {
    ...{ tenantId, id, traceId, hash, commitment, dispatcher, decision, constraints, owner },
    ...{ status: "RUNNING", reason: { code: "job_running", message: "the job is running" }, degraded: true },
    ...{ approvalId: null, result: null, requesters: null, createdAt: now, updatedAt: now, erasedAt: null },
  };
  const vault: VaultRow[] = [{ tenantId, jobId: id, kind: "job", salt, value: canonical }];
  if (annotations !== "{}") vault.push({ tenantId, jobId: id, kind: "annotations", salt, value: annotations });
  return { row, vault, event: sealEvent("job.dispatching", now, { ...facts, degraded: true }) };
}

function keyOf(tenantId: string, id: string): string {
  return `${id} ${tenantId}`;
}
