import { StoreError } from "../../errors.js";
import { type Connection, isBusy, isPoison, storeErrorOf } from "./driver.js";
import type { Ledger } from "./ledger.js";

/** How transactions are shared. */
export interface CommitOptions {
  /** `false`: one commit a verb. For measuring what sharing is worth. */
  readonly group: boolean;
}

/** Runs steps in transactions: steps that arrive together share one commit, and each fails alone. */
export interface Commits {
  /**
   * Runs `step` inside a transaction and resolves with its answer once that is durable. A step MUST depend on nothing
   * but the database and its own request: when a neighbour fails, it is rolled back and run once more.
   * Rejects with `store_busy` when the lock was not had within `waitMs`; the step has then not run.
   */
  readonly run: <T>(step: () => T, waitMs: number) => Promise<T>;
  /** Commits made so far. */
  readonly count: () => number;
  /** Resolves when nothing is waiting any more, and refuses what comes later. */
  readonly end: () => Promise<void>;
  /** Throws when the connection may no longer be used. */
  readonly check: () => void;
}

interface Waiting {
  readonly step: () => unknown;
  readonly deadline: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: StoreError) => void;
}

/** Steps in one transaction: bounds how long the event loop is held. */
const MAX_GROUP = 256;

/** Longest pause between two looks at a lock that somebody else holds, in milliseconds. */
const MAX_PAUSE_MS = 20;

/**
 * Steps between two checkpoints of the write-ahead log, which then run between turns and not inside a commit.
 * Steps and not commits, since it is steps that make the log grow.
 */
const CHECKPOINT_EVERY = 1_000;

/** What commits are made on. */
export interface CommitParts {
  /** Its busy timeout MUST be 0: the event loop never waits for a lock. */
  readonly connection: Connection;
  readonly path: string;
  /** The log that the steps append to. */
  readonly ledger: Ledger;
}

/** Shares commits on one connection. */
export function shareCommits({ connection, path, ledger }: CommitParts, options: CommitOptions): Commits {
  const beginImmediate = connection.prepare("BEGIN IMMEDIATE");
  const commit = connection.prepare("COMMIT");
  const rollback = connection.prepare("ROLLBACK");
  const savepoint = connection.prepare("SAVEPOINT step");
  const release = connection.prepare("RELEASE step");
  const undo = connection.prepare("ROLLBACK TO step");

  let queue: Waiting[] = [];
  let scheduled = false;
  let ended = false;
  let broken: StoreError | null = null;
  let commits = 0;
  let sinceCheckpoint = 0;
  let idle: (() => void)[] = [];

  const check = (): void => {
    if (broken !== null) {
      throw new StoreError("store_io", "the store stopped after an earlier error", {
        help: "find the cause, then open the gate again",
        cause: broken,
      });
    }
    if (ended) throw new StoreError("store_closed", "the store is closed");
  };

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };

  const flush = (): void => {
    scheduled = false;
    dropLate();
    if (queue.length === 0) {
      settleIdle();
      return;
    }
    const group = queue.splice(0, options.group ? MAX_GROUP : 1);
    let answers: readonly Attempt[];
    try {
      begin();
      answers = together(group) ?? apart(group);
      ledger.end();
    } catch (error) {
      rollBackQuietly();
      if (isBusy(error)) {
        queue = [...group, ...queue];
        pause();
      } else {
        failGroup(group, error);
        next();
      }
      return;
    }
    try {
      commit.run();
    } catch (error) {
      rollBackQuietly();
      // Whether a commit that failed is on the disk is not known, so nobody is told that it is.
      failGroup(group, error);
      next();
      return;
    }
    ledger.committed();
    commits += 1;
    sinceCheckpoint += group.length;
    group.forEach((waiting, index) => {
      const answer = answers[index] as Attempt;
      if (answer.ok) waiting.resolve(answer.value);
      else waiting.reject(fault(answer.error));
    });
    next();
  };

  /** In every transaction, before any step: the log must be the one that was gone on from so far. */
  const begin = (): void => {
    beginImmediate.run();
    ledger.begin();
  };

  type Attempt = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

  /** All steps without a savepoint, as nearly always: keeping what a savepoint could undo costs more than the steps. */
  const together = (group: readonly Waiting[]): readonly Attempt[] | null => {
    try {
      return group.map(({ step }) => ({ ok: true, value: step() }));
    } catch {
      rollBackQuietly();
      return null;
    }
  };

  /** The same steps once more after one of them failed, each in a savepoint, so that it alone is undone. */
  const apart = (group: readonly Waiting[]): readonly Attempt[] => {
    begin();
    return group.map(({ step }) => {
      savepoint.run();
      const mark = ledger.mark();
      try {
        const value = step();
        release.run();
        return { ok: true, value };
      } catch (error) {
        undo.run();
        release.run();
        ledger.undo(mark);
        return { ok: false, error };
      }
    });
  };

  const next = (): void => {
    if (sinceCheckpoint >= CHECKPOINT_EVERY) {
      sinceCheckpoint = 0;
      setImmediate(checkpoint);
    }
    if (queue.length > 0) schedule();
    else settleIdle();
  };

  /** Passive: moves what it can without waiting for readers or writers. */
  const checkpoint = (): void => {
    if (!connection.open || broken !== null) return;
    try {
      connection.pragma("wal_checkpoint(PASSIVE)", { simple: true });
    } catch (error) {
      if (!isBusy(error)) fault(error);
    }
  };

  const pause = (): void => {
    scheduled = true;
    // Full jitter, so that many processes do not come back together.
    setTimeout(flush, Math.random() * MAX_PAUSE_MS);
  };

  const dropLate = (): void => {
    const now = performance.now();
    if (!queue.some(({ deadline }) => deadline <= now)) return;
    const late = queue.filter(({ deadline }) => deadline <= now);
    queue = queue.filter(({ deadline }) => deadline > now);
    for (const { reject } of late) {
      reject(
        new StoreError("store_busy", `the database stayed locked by another process: \`${path}\``, {
          help: "try again; look for a process that holds a long transaction",
        }),
      );
    }
  };

  const fault = (error: unknown): StoreError => {
    const stored = storeErrorOf(error, path);
    if (isPoison(stored)) broken ??= stored;
    return stored;
  };

  const failGroup = (group: readonly Waiting[], error: unknown): void => {
    const stored = fault(error);
    for (const { reject } of group) reject(stored);
  };

  const rollBackQuietly = (): void => {
    try {
      rollback.run();
    } catch {
      // SQLite rolls back by itself after most errors, and then says that there is nothing to roll back.
    }
  };

  const settleIdle = (): void => {
    const waiters = idle;
    idle = [];
    for (const resolve of waiters) resolve();
  };

  return {
    check,
    count: () => commits,
    run: <T>(step: () => T, waitMs: number) =>
      new Promise<T>((resolve, reject) => {
        check();
        const deadline = performance.now() + waitMs;
        queue.push({ step, deadline, resolve: resolve as (answer: unknown) => void, reject });
        schedule();
      }),
    end: () => {
      ended = true;
      return new Promise<void>((resolve) => {
        idle.push(resolve);
        if (queue.length === 0 && !scheduled) settleIdle();
        else schedule();
      });
    },
  };
}
