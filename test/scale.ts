/** True where the tests run once for each mutant: small sizes, and no time is measured of instrumented code. */
export const IS_SMALL = process.env.TEST_SIZE === "small";

/**
 * How many cases a property is tried on: the short number in `npm test`, the full one under `npm run test:full`, a
 * hundredth of the short one for each mutant of `npm run test:mutants`. All are printed, with the seed.
 */
export function cases(title: string, short: number, full: number): number {
  const isFull = (import.meta as { readonly env?: { readonly MODE?: string } }).env?.MODE === "full";
  const count = isFull ? full : IS_SMALL ? Math.ceil(short / 100) : short;
  console.info(`${title}: ${count.toLocaleString("en")} cases, SEED=${process.env.SEED ?? ""}`);
  return count;
}

/** Milliseconds that a property may take at its full size. */
export const FULL_TIME = 1_800_000;
