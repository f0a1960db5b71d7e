import type { Constraints } from "../outcome.js";
import { createFetchGuard, type GuardedFetch, type GuardedInit } from "./guard/fetch.js";
import { checkUrl } from "./guard/network.js";
import { createPathGuard, type PathGuard } from "./guard/path.js";

/** What a dispatch function asks before it touches a file or the network. Each refusal is a `GuardError`, and opens nothing. */
export interface Guard {
  /** The absolute path with links followed, if this run may read or write there. Use what it answers, not what was asked. */
  readonly path: (path: string, mode: "read" | "write") => Promise<string>;
  /** The URL, if this run may connect there as far as its text tells. */
  readonly url: (url: string | URL) => URL;
  /** Connects only where this run may: to public addresses and to listed ones, the same after each redirect. */
  readonly fetch: GuardedFetch;
}

/** A guard, with what it was asked so far. */
export interface WatchedGuard {
  readonly guard: Guard;
  /** Which attempt it was given to. */
  readonly attempt: number;
  readonly asked: () => number;
  readonly refused: () => number;
  /** Ends the connections that it opened: what came over them was read by now, or is of no use to anybody. */
  readonly end: () => void;
}

/**
 * What one run may read and write, told before its function is called for the first time: it must not be able to move what
 * it is held to.
 */
export async function openPaths({ paths }: Constraints): Promise<PathGuard> {
  const guard = createPathGuard(paths);
  await guard.ready;
  return guard;
}

/** The guard of one attempt. */
export function createGuard(
  constraints: Constraints,
  { attempt, path, signal }: { readonly attempt: number; readonly path: PathGuard; readonly signal: () => AbortSignal },
): WatchedGuard {
  let asked = 0;
  let refused = 0;
  const counted = async <T>(ask: () => T | Promise<T>): Promise<T> => {
    asked += 1;
    try {
      return await ask();
    } catch (error) {
      refused += 1;
      throw error;
    }
  };
  const ended = new AbortController();
  let fetching: GuardedFetch | undefined;
  const fetch: GuardedFetch = (input, init) => {
    fetching ??= createFetchGuard({ limits: constraints.network, signal: AbortSignal.any([signal(), ended.signal]) });
    return fetching(input, init);
  };
  const guard: Guard = Object.freeze({
    path: (given: string, mode: "read" | "write") => counted(() => path(given, mode)),
    url: (given: string | URL) => {
      asked += 1;
      try {
        return checkUrl(constraints.network, given);
      } catch (error) {
        refused += 1;
        throw error;
      }
    },
    fetch: (input: string | URL, init?: GuardedInit) => counted(() => fetch(input, init)),
  });
  return { guard, attempt, asked: () => asked, refused: () => refused, end: () => ended.abort() };
}
