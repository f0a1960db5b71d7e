/** Draws the same numbers again for the same seed and case: mulberry32 over a hash of both. */
export interface Draws {
  /** From 0 (included) to 1 (not). */
  readonly fraction: () => number;
  /** A whole number from 0 to `below - 1`. */
  readonly below: (below: number) => number;
  readonly pick: <Item>(items: readonly Item[]) => Item;
}

export function drawsOf(seed: number, number: number): Draws {
  let state = (Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(number + 1, 0xc2b2_ae35)) >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(fraction() * limit);
  return { fraction, below, pick: (items) => items[below(items.length)] as (typeof items)[number] };
}
