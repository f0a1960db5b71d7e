import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { peakMemory } from "../../bench/peak-memory.js";
import { main } from "../../src/cli/main.js";
import { formatCheckpoint } from "../../src/evidence/checkpoint.js";
import { sealEvent } from "../../src/evidence/event.js";
import { append, leafHash, NO_LEAVES, rootOf } from "../../src/evidence/merkle.js";
import { exportLog } from "../../src/gate/export.js";
import { keyOf, signerOfSeed, signNote } from "../../src/signer.js";
import type { LoggedEvent, PageQuery, Store } from "../../src/store/port.js";

const [count = 0, how, out = ""] = [Number(process.argv[2]), process.argv[3], process.argv[4]];

/** An event of 1 KiB, made when it is asked for. */
function eventAt(seq: number): LoggedEvent {
  const { text, ...columns } = sealEvent("job.refused", seq, { filler: "x".repeat(980) });
  return { ...columns, seq, text, body: JSON.parse(text) };
}

const store: Pick<Store, "read" | "page"> = {
  read: async () => ({}),
  page: async ({ kind, after, limit }: PageQuery) => {
    if (kind !== "events") return { checkpoints: [], next: null };
    const from = Number(after ?? 0);
    const events = Array.from({ length: Math.min(limit, count - from) }, (_, n) => eventAt(from + n + 1));
    return { events, next: from + limit >= count ? null : String(from + limit) };
  },
};

let tree = NO_LEAVES;
for (let seq = 1; seq <= count; seq += 1) tree = append(tree, leafHash(eventAt(seq).text));
const signer = signerOfSeed("example.com/big", randomBytes(32));
const note = await signNote(signer, formatCheckpoint({ origin: signer.name, size: count, root: rootOf(tree) }));
const checkpoint = { size: count, at: 0, note };

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
if (how !== "naive") await exportLog({ store, checkpoint, key: keyOf(signer) }, out);
else {
  const all = Array.from({ length: count }, (_, n) => eventAt(n + 1));
  await writeFile(out, all.map(({ text }) => `${text}\n`).join(""));
}
if (how === "verify") {
  const sink = { write: (): void => {} };
  const none = async function* (): AsyncGenerator<string> {};
  const interrupted = (): Promise<void> => Promise.resolve();
  const code = await main(["verify", out], {
    cwd: "/",
    stdout: sink,
    stderr: sink,
    stdin: none(),
    env: {},
    interrupted,
  });
  if (code !== 0) throw new Error(`what was exported does not hold: ${code}`);
}
delay.disable();
const file = how !== "naive" ? join(out, "events.jsonl") : out;
const memory = peakMemory();
process.stdout.write(JSON.stringify({ bytes: statSync(file).size, memory, held: delay.max / 1e6 }));
