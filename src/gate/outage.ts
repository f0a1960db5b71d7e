import { isOutage, StoreError } from "../errors.js";

/** Whether the store is away: then nobody waits for it job by job, and it is tried again in the background. */
export interface Outage {
  /** Why the store is not asked now; null where it is. */
  readonly now: () => StoreError | null;
  /** Since when it has been away, in milliseconds since 1970-01-01T00:00:00Z; null while it is not. */
  readonly since: () => number | null;
  /** What a step failed with: an outage makes the store one that is away. */
  readonly failed: (error: unknown) => void;
  /** A step was not answered though the time that it was given is long over. */
  readonly silent: () => void;
  readonly close: () => void;
}

/** What an outage is made of. */
export interface OutageParts {
  readonly now: () => number;
  /** Rejects while the store is away. What it does MUST be durable where it resolves: reading says nothing about a full disk. */
  readonly probe: () => Promise<unknown>;
  /** The store is back. Rejects where it went away again. */
  readonly returned: (away: { readonly since: number; readonly error: StoreError }) => Promise<void>;
}

/** Pauses between two tries, in milliseconds: the first, and the longest. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** A circuit breaker: closed while the store answers, open while it is away. */
export function createOutage({ now, probe, returned }: OutageParts): Outage {
  let away: { readonly since: number; readonly error: StoreError } | null = null;
  let timer: NodeJS.Timeout | undefined;
  let pauseMs = FIRST_PAUSE_MS;
  let closed = false;

  const begin = (error: StoreError): void => {
    if (away !== null || closed) return;
    const { code, message, help } = error;
    away = { since: now(), error: new StoreError(code, message, { help, cause: error, nothingDone: true }) };
    pauseMs = FIRST_PAUSE_MS;
    tryLater();
  };

  const tryLater = (): void => {
    if (closed) return;
    timer = setTimeout(() => void tryOnce(), pauseMs);
    timer.unref();
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  };

  const tryOnce = async (): Promise<void> => {
    const before = away;
    if (before === null) return;
    try {
      await probe();
      away = null;
      await returned(before);
    } catch {
      away ??= before;
      tryLater();
    }
  };

  return {
    now: () => away?.error ?? null,
    since: () => away?.since ?? null,
    failed: (error) => {
      if (error instanceof StoreError && isOutage(error)) begin(error);
    },
    silent: () =>
      begin(
        new StoreError("store_busy", "the store does not answer", {
          help: "look at what it waits for; it is asked again in the background",
        }),
      ),
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}
