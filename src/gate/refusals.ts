import { boundText, type EventFacts, reasonFacts } from "../evidence/event.js";
import type { AdmittedJob } from "../job/job.js";
import type { Reason } from "../outcome.js";

/** How many refusals are written whole. */
export interface RefusalSettings {
  /**
   * Refusals of one actor and one reason that are written whole within a minute, 1 to 1,000,000; more are counted, in one event a
   * minute. Each process counts for itself. Default 10.
   */
  readonly perMinute: number;
  /**
   * Bytes that must be free on the store's disk for a refusal to be written at all, 0 or more. Claims, requests and how jobs end
   * are always written. Default 67,108,864.
   */
  readonly minFreeBytes: number;
}

/** Whose refusals are counted together. */
export interface Refused {
  readonly tenantId: string | null;
  /** Null where nobody is known to have asked. */
  readonly actorId: string | null;
}

/** Keeps an agent that is refused again and again from filling the disk. */
export interface Refusals {
  /** The reasons, as {@link reasonKey} tells them, for which this actor's refusals are only counted now; `"all"` on a disk that is nearly full. */
  readonly counted: (who: Refused) => readonly string[] | "all";
  /** One was refused; `counted` says that it was not written. */
  readonly refused: (who: Refused, reason: Reason, counted: boolean) => void;
  /** Writes what was counted in minutes that are over. */
  readonly flush: () => Promise<void>;
  /** Writes all that was counted. */
  readonly end: () => Promise<void>;
  /** Looks at how full the disk is. */
  readonly lookAtDisk: () => void;
  /** Whether refusals are not written at all now. */
  readonly isDiskLow: () => boolean;
}

/** What counting needs. */
export interface RefusalParts {
  readonly settings: RefusalSettings;
  readonly now: () => number;
  /** Bytes that are free for the store; null where nobody knows. */
  readonly freeBytes: () => number | null;
  readonly record: (facts: EventFacts) => Promise<unknown>;
}

/** What makes two refusals of one actor the same. */
export function reasonKey({ code, ruleId = "" }: Pick<Reason, "code" | "ruleId">): string {
  return `${code} ${ruleId}`;
}

/** Who asked for a job, in the host's words. */
export function askerOf({ tenantId, actor }: AdmittedJob, submitter: string | undefined): Refused {
  return { tenantId, actorId: actor?.id ?? submitter ?? null };
}

const MINUTE_MS = 60_000;

/** Actors that are told apart; all beyond share one count. */
const MOST_ACTORS = 10_000;

interface Minute {
  readonly who: Refused;
  readonly reason: Reason;
  readonly from: number;
  whole: number;
  counted: number;
}

export function createRefusals({ settings, now, freeBytes, record }: RefusalParts): Refusals {
  const actors = new Map<string, Map<string, Minute>>();
  let low = false;

  const minutesOf = (who: Refused): Map<string, Minute> | undefined => actors.get(actorKey(who));

  const isOver = ({ from }: Minute, at: number): boolean => at - from >= MINUTE_MS || at < from;

  /** What cannot be written now is tried again with the next beat. */
  const write = async (isDue: (minute: Minute) => boolean): Promise<void> => {
    for (const [actor, minutes] of actors) {
      for (const [key, minute] of minutes) {
        if (!isDue(minute)) continue;
        if (minute.counted > 0) await record(factsOf(minute, now()));
        minutes.delete(key);
      }
      if (minutes.size === 0) actors.delete(actor);
    }
  };

  return {
    counted: (who) => {
      if (low) return "all";
      const minutes = minutesOf(who);
      if (minutes === undefined) return NONE;
      const at = now();
      return [...minutes].flatMap(([key, minute]) =>
        minute.whole >= settings.perMinute && !isOver(minute, at) ? [key] : [],
      );
    },
    refused: (who, reason, counted) => {
      const isKnown = actors.has(actorKey(who));
      const by = isKnown || actors.size < MOST_ACTORS ? who : OTHERS;
      const minutes = actors.get(actorKey(by)) ?? new Map<string, Minute>();
      actors.set(actorKey(by), minutes);
      const key = reasonKey(reason);
      const at = now();
      const known = minutes.get(key);
      // What was counted in a minute that is over stays until it is written.
      const goesOn = known !== undefined && (!isOver(known, at) || known.counted > 0);
      const minute = goesOn ? known : { who: by, reason, from: at, whole: 0, counted: 0 };
      minutes.set(key, minute);
      if (counted) minute.counted += 1;
      else minute.whole += 1;
    },
    flush: () => {
      const at = now();
      return write((minute) => isOver(minute, at));
    },
    end: () => write(() => true),
    lookAtDisk: () => {
      const free = freeBytes();
      low = free !== null && free < settings.minFreeBytes;
    },
    isDiskLow: () => low,
  };
}

const NONE: readonly string[] = [];
const OTHERS: Refused = { tenantId: null, actorId: null };

function actorKey({ tenantId, actorId }: Refused): string {
  return JSON.stringify([tenantId, actorId]);
}

function factsOf({ who, reason, from, counted }: Minute, to: number): EventFacts {
  const { tenantId: tenant_id, actorId } = who;
  return {
    actor: actorId === null ? null : boundText(actorId),
    count: counted,
    from,
    reason: reasonFacts(reason),
    tenant_id,
    to,
  };
}
