import { copyFileSync, rmSync } from "node:fs";
import { createGate, type Gate, StoreError } from "dispatch-gate";
import { type Checkpoint, readCheckpoint } from "../../src/evidence/checkpoint.js";
import { isConsistent } from "../../src/evidence/proof.js";
import type { Draws } from "./random.js";
import { connect, copyDatabase } from "./swaps.js";

const POLICY = { yaml: `version: v1\nrules: [{ id: all, match: { topics: ["**"] }, decision: allow }]\n` };

/**
 * What is promised of a gate that is closed: an older copy that is put back then is whole in itself, and opens. Who holds a
 * checkpoint of what came after it is told, before the log has grown past that and after. Where only the log was set back, and not
 * what was signed of it, no gate opens.
 */
export async function mustTellAtRest(store: string, draws: Draws): Promise<void> {
  const older = `${store}.older`;
  await withGate(store, (gate) => run(gate, 5 + draws.below(40)));
  copyDatabase(store, older);
  const held = await withGate(store, async (gate) => {
    await run(gate, 10 + draws.below(300));
    return noteOf(await gate.audit.checkpoint());
  });
  const newest = `${store}.newest`;
  copyDatabase(store, newest);

  putBack(older, store);
  await withGate(store, async (gate) => {
    const code = await gate.audit.consistency(held.size).then(
      () => "a proof",
      (error: { readonly code?: string }) => error.code,
    );
    if (code !== "checkpoint_unknown") throw new Error(`the holder of a checkpoint that is lost is answered ${code}`);
    await run(gate, held.size);
    if (isProof(await gate.audit.consistency(held.size), held))
      throw new Error("another log goes on from what was held");
  });

  // Control: what was held is of the log that it was held of.
  putBack(newest, store);
  await withGate(store, async (gate) => {
    await run(gate, 5);
    if (!isProof(await gate.audit.consistency(held.size), held))
      throw new Error("the log does not go on from what was held");
  });

  putBack(older, store);
  const [log, signed] = [await connect(store), await connect(newest)];
  // What stops accidents does not stop who can drop it.
  for (const { name } of log.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all()) {
    log.exec(`DROP TRIGGER "${name}"`);
  }
  for (const { size, at, note } of signed.prepare("SELECT size, at, note FROM checkpoints").all()) {
    const values = [size as number, at as number, note as string] as const;
    log.prepare("INSERT OR IGNORE INTO checkpoints (size, at, note) VALUES (?, ?, ?)").run(...values);
  }
  signed.close();
  log.close();
  try {
    await withGate(store, (gate) => run(gate, 1));
  } catch (error) {
    if (error instanceof StoreError && error.code === "store_head_changed") return;
    throw error;
  }
  throw new Error("a gate opened on a log that is shorter than what was signed of it");
}

/** With nothing left beside it of what was there. */
function putBack(from: string, to: string): void {
  for (const end of ["-wal", "-shm"]) rmSync(`${to}${end}`, { force: true });
  copyFileSync(from, to);
}

async function withGate<T>(store: string, step: (gate: Gate) => Promise<T>): Promise<T> {
  const gate = await createGate({ policy: POLICY, store, dispatch: () => "done" });
  try {
    return await step(gate);
  } finally {
    await gate.close();
  }
}

async function run(gate: Gate, count: number): Promise<void> {
  const jobs = Array.from({ length: count }, () => gate.evaluateAndDispatch({ topic: "job.a" }));
  const left = (await Promise.all(jobs)).filter(({ status }) => status !== "SUCCEEDED");
  if (left.length > 0) throw new Error(`a job is ${left[0]?.status} (${left[0]?.reason.code})`);
}

function noteOf(signed: { readonly note: string } | null): Checkpoint {
  const read = signed === null ? null : readCheckpoint(signed.note);
  if (read === null) throw new Error("the log was not signed");
  return read;
}

/** Whether it leads from what is held to what is signed now: `old SIZE`, the hashes, an empty line, the checkpoint. */
function isProof(consistency: string, { size, root }: Checkpoint): boolean {
  const [head = "", ...rest] = consistency.split("\n\n");
  const hashes = head.split("\n").slice(1);
  const signed = readCheckpoint(rest.join("\n\n"));
  if (signed === null) return false;
  const proof = hashes.map((hash) => Buffer.from(hash, "base64"));
  return isConsistent({ from: size, fromRoot: root, to: signed.size, toRoot: signed.root, proof });
}
