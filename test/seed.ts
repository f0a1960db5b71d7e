/** Chooses the seed of all property tests of a run, once, and says which: the same one again repeats the run. */
export default function chooseSeed(): void {
  process.env.SEED ??= String(Math.floor(Math.random() * 2 ** 31));
  console.log(`property tests run with SEED=${process.env.SEED}`);
}
