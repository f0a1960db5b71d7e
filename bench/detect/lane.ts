// One tool in a process of its own: asked for a corpus, it tells how long it took for it, in milliseconds of processor time.
//   lane.ts INDEX SEED: which of LANES, and the seed of the corpora
import { openCorpora, slices } from "./corpus.js";
import { LANES } from "./lanes.js";

/** What one output holds. Every tool gets the same. */
const SLICE = 64_000;

/** Slices that are looked at before anything is measured, so that what is measured is compiled. */
const WARM = 4;

const [index, seed] = process.argv.slice(2).map(Number);
const lane = LANES[index ?? -1];
if (lane === undefined) throw new RangeError(`there is no lane ${index}`);
const parts = new Map(openCorpora(seed ?? 0).map(({ name, text }) => [name as string, slices(text, SLICE)]));

async function lookAt(texts: readonly string[]): Promise<void> {
  for (const text of texts) await lane?.look(text);
}

process.on("message", (corpus: string) => {
  void measure(parts.get(corpus) ?? []).then((ms) => process.send?.(ms));
});

/** Helper threads of the runtime included. */
async function measure(texts: readonly string[]): Promise<number> {
  await lookAt(texts.slice(0, WARM));
  const before = process.cpuUsage();
  await lookAt(texts);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
