/**
 * How many cases a property is tried on: the short number in `npm test`, the full one under `npm run test:full`.
 * Both are printed, with the seed.
 */
export function cases(title: string, short: number, full: number): number {
  const count = (import.meta as { readonly env?: { readonly MODE?: string } }).env?.MODE === "full" ? full : short;
  console.info(`${title}: ${count.toLocaleString("en")} cases, SEED=${process.env.SEED ?? ""}`);
  return count;
}

/** Milliseconds that a property may take at its full size. */
export const FULL_TIME = 1_800_000;
