import { displaySafe } from "../evidence/display.js";
import type { Io } from "./io.js";

/** A bar on standard error that says how far long work has come. */
export interface Progress {
  /** Says that `done` of `all` is done. */
  readonly at: (done: number, all: number) => void;
  /** Takes the bar away. */
  readonly end: () => void;
}

/** How often the bar is drawn at most, in milliseconds. */
const EVERY_MS = 100;

const CELLS = 24;

/** Shows a bar where somebody looks: on a terminal, and not beside a document for programs. `what` is counted, as `events`. */
export function createProgress(io: Io, json: boolean, what: string): Progress {
  if (io.stderr.isTTY !== true || json) return { at: () => undefined, end: () => undefined };
  let [drawn, width] = [Number.NEGATIVE_INFINITY, 0];
  return {
    at: (done, all) => {
      const now = performance.now();
      if (now - drawn < EVERY_MS) return;
      drawn = now;
      const bar = barOf(done, all, displaySafe(what));
      io.stderr.write(`\r${bar.padEnd(width)}`);
      width = bar.length;
    },
    // With spaces and not with an escape sequence: a terminal that knows none shows the bar as well.
    end: () => {
      if (width > 0) io.stderr.write(`\r${" ".repeat(width)}\r`);
      width = 0;
    },
  };
}

function barOf(done: number, all: number, what: string): string {
  const share = all === 0 ? 1 : Math.min(1, done / all);
  const cells = "#".repeat(Math.floor(share * CELLS)).padEnd(CELLS, ".");
  return `[${cells}] ${Math.floor(share * 100)}% of ${all} ${what}`;
}
