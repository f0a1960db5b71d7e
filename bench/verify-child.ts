// Verifies one file in a process of its own, so that the memory that is told is its own: path, "tree" or "state".
import { formatKey } from "../src/evidence/note.js";
import { readPublicKey } from "../src/gate/key-file.js";
import { openSqliteStore } from "./built.js";
import { peakMemory } from "./peak-memory.js";

const [path = "", what = "tree"] = process.argv.slice(2);

/** Answers how long it took, how much processor time, and the most memory that the process ever had. */
async function verify(): Promise<VerifySample> {
  const key = readPublicKey(`${path}.key`);
  const keys = key === null ? [] : [formatKey(key)];
  const store = await openSqliteStore(path, { presence: "existing" });
  const began = performance.now();
  const cpuBefore = process.cpuUsage();
  const slices = watchTurns();
  const { events, problems, more, integrity } = await store.verify({ keys, state: what === "state" });
  const longestMs = slices();
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - began) / 1_000;
  await store.close();
  const found = problems.length + more;
  const rssMiB = peakMemory() / 1_048_576;
  return { events, found, integrity, seconds, cpuSeconds: (user + system) / 1e6, rssMiB, longestMs };
}

export interface VerifySample {
  readonly events: number;
  /** Problems: none are to be found. */
  readonly found: number;
  readonly integrity: string | null;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssMiB: number;
  /** The longest that nobody else had a turn. */
  readonly longestMs: number;
}

function watchTurns(): () => number {
  let last = performance.now();
  let longest = 0;
  let ended = false;
  const look = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!ended) setImmediate(look);
  };
  look();
  return () => {
    ended = true;
    return longest;
  };
}

process.send?.(await verify());
