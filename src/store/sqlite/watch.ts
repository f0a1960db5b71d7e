import type { WatchAnswer, WatchRequest } from "../port.js";
import type { Commits } from "./commits.js";
import { type Connection, isBusy } from "./driver.js";

/** How often the file is looked at for commits of other processes while somebody waits, in milliseconds. */
const LOOK_EVERY_MS = 50;

/** Tells when a step was committed, by whomever. */
export interface FileWatch {
  readonly wait: (request: WatchRequest) => Promise<WatchAnswer>;
  /** Answers all who wait. */
  readonly end: () => void;
}

interface Sleeper {
  readonly mark: string;
  readonly until: number;
  readonly resolve: (answer: WatchAnswer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Watches a file for commits. SQLite counts, for each connection, the commits that others made (`PRAGMA data_version`);
 * this connection's own are counted by `commits`. One timer serves all who wait, and none runs while nobody does.
 */
export function watchFile(connection: Connection, commits: Commits): FileWatch {
  // Prepared once, and kept: a statement a look would leave one to the garbage collector twenty times a second.
  const version = connection.prepare("PRAGMA data_version");
  let sleepers: Sleeper[] = [];
  let timer: NodeJS.Timeout | undefined;
  let foreign = 0;

  const mark = (): string => {
    try {
      foreign = Number(version.get()?.data_version ?? 0);
    } catch (error) {
      // While another process opens or recovers the file there is nothing to see, and nothing lost: the count stays.
      if (!isBusy(error)) throw error;
    }
    return `${foreign} ${commits.count()}`;
  };

  const look = (): void => {
    try {
      const now = mark();
      const time = performance.now();
      const awake = sleepers.filter((sleeper) => sleeper.mark !== now || sleeper.until <= time);
      sleepers = sleepers.filter((sleeper) => sleeper.mark === now && sleeper.until > time);
      for (const { resolve } of awake) resolve({ mark: now });
    } catch (error) {
      const failed = commits.fault(error);
      for (const { reject } of sleepers.splice(0)) reject(failed);
    }
    if (sleepers.length === 0) stop();
  };

  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };

  return {
    wait: async (request) => {
      commits.check();
      const now = mark();
      if (request.mark === null || request.mark !== now) return { mark: now };
      return new Promise<WatchAnswer>((resolve, reject) => {
        sleepers.push({ mark: now, until: performance.now() + request.waitMs, resolve, reject });
        timer ??= setInterval(look, LOOK_EVERY_MS);
      });
    },
    end: () => {
      stop();
      for (const { mark: seen, resolve } of sleepers.splice(0)) resolve({ mark: seen });
    },
  };
}
