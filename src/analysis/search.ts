import type { Block } from "./block.js";
import type { Meter } from "./meter.js";
import { narrow, type Point, type Region, satisfies, wholeSpace, witness } from "./space.js";
import type { TagWorld } from "./tag-set.js";

/** A block that the point must not be in: one that takes it, or undefined when none does. */
export type Taker = (point: Point) => Block | undefined;

/** The space that jobs of one policy live in, and what one question may cost. */
export interface Solver {
  readonly world: TagWorld;
  readonly meter: () => Meter;
}

/**
 * A job in all of `inside` that nothing takes; null when it is proved that there is none. Conditions are left open:
 * of a block inside only the keys count, and a taker MUST have none.
 *
 * Asks about one job of the region at a time. Whoever takes it splits the region by what it demands: in each part one
 * of its demands fails, so the same taker is never asked about there again.
 *
 * @throws BudgetSpent
 */
export function search(solver: Solver, inside: readonly Block[], taker: Taker): Point | null {
  const meter = solver.meter();
  if (inside.some((block) => block.never)) return null;
  let region: Region | null = wholeSpace(solver.world, meter);
  for (const key of inside.flatMap((block) => block.keys)) {
    if (region === null) return null;
    region = narrow(region, key, true, solver.world, meter);
  }
  if (region === null) return null;
  return descend(solver.world, region, inside.filter(isExact), taker, meter);
}

/** An exception that is more than its keys say may not hold, so the job may be inside all the same. */
function isExact(block: Block): boolean {
  return block.unless !== null && block.unlessWhen === null;
}

function descend(world: TagWorld, start: Region, excepted: readonly Block[], taker: Taker, meter: Meter): Point | null {
  const open: Region[] = [start];
  for (let region = open.pop(); region !== undefined; region = open.pop()) {
    meter.spend(1);
    const point = witness(region);
    if (point === null) {
      // More labels or tags than a job may carry: which others would do was not looked into.
      meter.spend(Number.POSITIVE_INFINITY);
      return null;
    }
    const here = region;
    const exception = excepted.find((block) => block.unless?.every((key) => satisfies(point, key)));
    const parts: Region[] = [];
    const part = (key: Block["keys"][number]): void => {
      const narrowed = narrow(here, key, false, world, meter);
      if (narrowed !== null) parts.push(narrowed);
    };
    if (exception !== undefined) {
      exception.unless?.forEach(part);
    } else {
      const block = taker(point);
      if (block === undefined) return point;
      block.keys.forEach(part);
      const spared = block.unless === null ? null : throughout(here, block.unless, world, meter);
      if (spared !== null) parts.push(spared);
    }
    open.push(...parts.reverse());
  }
  return null;
}

function throughout(region: Region, keys: Block["keys"], world: TagWorld, meter: Meter): Region | null {
  let narrowed: Region | null = region;
  for (const key of keys) {
    if (narrowed === null) return null;
    narrowed = narrow(narrowed, key, true, world, meter);
  }
  return narrowed;
}
