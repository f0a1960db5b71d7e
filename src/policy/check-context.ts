import type { Condition } from "./condition.js";
import type { Report } from "./report.js";
import type { Path } from "./source.js";

/** What the files of one policy share while they are checked. */
export interface CheckContext {
  /** Ids of rules and outputs seen so far, with the place of each. */
  readonly ids: Map<string, string>;
  /** Tags that may be used; null where any may. */
  readonly vocabulary: ReadonlySet<string> | null;
  /** Conditions that were compiled, by their text. */
  readonly conditions: Map<string, Condition>;
  readonly effort: Effort;
  /** `main`: the policy itself. `import`: a file that one of its files imports. */
  readonly role: "main" | "import";
  /** How messages call the file: empty for the policy itself. */
  readonly file: string;
}

/**
 * What the patterns of one policy may take to compile, all together. Each is bounded on its own, and ten thousand of
 * the largest would still take minutes and gigabytes. Sums, so that it does not matter what stands where.
 */
export interface Effort {
  /** Steps of topic patterns, and spellings of others, with their braces written out. */
  spellings: number;
  /** What conditions and patterns of outputs cost, in units of some 100 ns. */
  built: number;
  told: boolean;
}

export function createEffort(): Effort {
  return { spellings: 0, built: 0, told: false };
}

/** Ten thousand plain rules take some 80,000. */
const MAX_SPELLINGS = 500_000;

/** Two seconds. */
const MAX_BUILT = 20_000_000;

/** True while there is room for more; that there is none is reported once, where it ran out. */
export function hasRoom(effort: Effort, path: Path, report: Report): boolean {
  const { spellings, built } = effort;
  if (spellings <= MAX_SPELLINGS && built <= MAX_BUILT) return true;
  if (!effort.told) {
    const what =
      spellings > MAX_SPELLINGS ? "patterns have too many spellings" : "conditions and patterns are too large";
    report("policy_too_complex", `the policy's ${what} together`, path, "value", "write fewer or simpler ones");
    effort.told = true;
  }
  return false;
}
