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
  /** The error after which nothing is done any more; null while there is none. */
  readonly stoppedBy: () => StoreError | null;
  /** The store's own error for what the driver threw; one after which the connection may not be used any more stops it. */
  readonly fault: (error: unknown) => StoreError;
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
 * Steps and not commits, since it is steps that make the log grow. A checkpoint holds the event loop: after 1,000 steps for 9 ms, after
 * 250 for 3 ms, which the slowest of a hundred requests waits for; the more often, the more it takes in all.
 */
const CHECKPOINT_EVERY = 500;

/**
 * Frames of the write-ahead log above which a checkpoint makes sure that it begins anew: 16 MiB of the usual pages. One process
 * alone stays below.
 */
const MOST_FRAMES = 4_000;

/** Longest pause before the log is tried to begin anew once more, in milliseconds: each try holds the event loop for an fsync. */
const RESTART_PAUSE_MS = 200;

/** True for what may have ended the transaction that it came in: no other step of it can be committed any more. */
function endsAll(error: StoreError): boolean {
  return isPoison(error) || error.code === "store_full";
}

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
  const passive = connection.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  const anew = connection.prepare("PRAGMA wal_checkpoint(RESTART)");

  let queue: Waiting[] = [];
  let scheduled = false;
  let ended = false;
  let broken: StoreError | null = null;
  let commits = 0;
  let sinceCheckpoint = 0;
  let restarting: NodeJS.Timeout | undefined;
  let idle: (() => void)[] = [];

  const check = (): void => {
    if (broken !== null) {
      throw new StoreError(broken.code, `the store stopped after an earlier error: ${broken.message}`, {
        help: "find the cause, then open the gate again",
        cause: broken,
        nothingDone: true,
      });
    }
    if (ended) throw new StoreError("store_closed", "the store is closed", { nothingDone: true });
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
        failGroup(group, error, { nothingDone: true });
        next();
      }
      return;
    }
    try {
      commit.run();
    } catch (error) {
      rollBackQuietly();
      // Whether a commit that failed is on the disk is not known, so nobody is told that it is.
      failGroup(group, error, { nothingDone: false });
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
        // After some errors SQLite has rolled back all of it, and what follows must not be committed as if it had not.
        if (endsAll(storeErrorOf(error, path))) throw error;
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
      const { log } = passive.get() ?? {};
      if (Number(log) > MOST_FRAMES) restart();
    } catch (error) {
      if (!isBusy(error)) fault(error);
    }
  };

  /**
   * Lets the log begin anew. With several processes there is nearly always one that writes while another moves what is there, so
   * that the log would go on behind it, and grow, for as long as they write: what is left is moved with writers kept out. That waits
   * for nobody either; where one of them is at it, or a reader, it is tried again.
   */
  const restart = (): void => {
    if (restarting !== undefined || !connection.open || broken !== null) return;
    try {
      const { busy } = anew.get() ?? {};
      if (busy === 0) return;
      restarting = setTimeout(() => {
        restarting = undefined;
        restart();
      }, Math.random() * RESTART_PAUSE_MS);
      restarting.unref();
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
          nothingDone: true,
        }),
      );
    }
  };

  const fault = (error: unknown): StoreError => {
    const stored = storeErrorOf(error, path);
    if (isPoison(stored)) broken ??= stored;
    return stored;
  };

  const failGroup = (group: readonly Waiting[], error: unknown, known: { readonly nothingDone: boolean }): void => {
    const { code, message, help, cause } = fault(error);
    const stored = new StoreError(code, message, { help, cause, ...known });
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
    stoppedBy: () => broken,
    fault,
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
