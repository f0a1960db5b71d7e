import { writeBase64 } from "../evidence/base64.js";
import { whyNotProved } from "../evidence/check-bundle.js";
import { checkSigned } from "../evidence/check-log.js";
import { describeEvent } from "../evidence/describe.js";
import type { Faults } from "../evidence/faults.js";
import type { NoteKey } from "../evidence/note.js";
import { readEvent } from "../evidence/read-event.js";
import { parseTlogProof } from "../evidence/tlog-proof.js";
import { CannotRun, type Io } from "./io.js";
import { readText } from "./read-text.js";
import type { Verified } from "./verify-report.js";

/** One proof with what it is to be checked with. */
export interface ProofCheck {
  readonly io: Io;
  readonly shown: string;
  /** A file with the event; without it, the proof MUST carry its own. */
  readonly event: string | undefined;
  readonly key: NoteKey;
  readonly faults: Faults;
}

/** Checks one proof. @throws CannotRun where there is no event that it could be of. */
export async function checkProofFile(asked: ProofCheck): Promise<Omit<Verified, "isKeyGiven" | "faults">> {
  const { io, shown, key, faults } = asked;
  const text = await readProof(io, shown);
  const proof = parseTlogProof(text);
  const counts = { events: 0, checkpoints: 0, proofs: 1, policies: 0, values: 0 };
  if (proof === null) {
    faults.add("proof_malformed", shown, "the file is no proof (C2SP tlog-proof)");
    return { kind: "proof", key, size: null, root: null, event: null, counts };
  }
  const { index, checkpoint: note } = proof;
  const bytes = asked.event === undefined ? proof.extra : Buffer.from(await readText(io, asked.event));
  if (bytes === null) {
    throw new CannotRun("option_missing", "the proof does not carry its event", "give it with `--event`");
  }
  const line = asked.event === undefined ? bytes : withoutNewline(bytes);
  const checkpoint = checkSigned(note, key, shown, faults);
  const why = checkpoint === null ? null : whyNotProved(line, { index, proof: text, checkpoint: note });
  if (why !== null) faults.add(why.code, shown, why.message);
  const read = readEvent(line);
  if (!read.ok) faults.add(read.code, asked.event ?? shown, read.message);
  const summary = read.ok ? describeEvent(read.event.type, read.event.body) : null;
  const root = checkpoint === null ? null : writeBase64(checkpoint.root);
  const event = { index, summary };
  return { kind: "proof", key, size: checkpoint?.size ?? null, root, event, counts: { ...counts, events: 1 } };
}

/** What is no text, or far too long, is no proof. */
async function readProof(io: Io, shown: string): Promise<string> {
  try {
    return await readText(io, shown);
  } catch (error) {
    if (error instanceof CannotRun && ["encoding_invalid", "file_too_large"].includes(error.code)) return "";
    throw error;
  }
}

/** A line of a file of events may be handed over with its end: no event ends in one. */
function withoutNewline(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
}
