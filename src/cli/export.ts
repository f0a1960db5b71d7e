import { resolve } from "node:path";
import { EvidenceError } from "../errors.js";
import type { NoteKey } from "../evidence/note.js";
import { readTrace, writeBundle } from "../gate/bundle.js";
import { type EvidenceSource, exportLog } from "../gate/export.js";
import { readPublicKey } from "../gate/key-file.js";
import type { TimelineRef } from "../gate/timeline.js";
import type { JsonObject } from "../outcome.js";
import type { Store } from "../store/port.js";
import { toWire } from "../wire.js";
import { type Arguments, readArguments } from "./arguments.js";
import { CannotRun, type Io } from "./io.js";
import { count, inked, type Line } from "./print.js";
import { createProgress, type Progress } from "./progress.js";
import { readKey } from "./read-key.js";
import { cannotRead, storeOf, type Told, tellStore } from "./read-store.js";
import { TRACE_OPTIONS, traceRefOf } from "./trace-ref.js";

export const EXPORT_HELP = `usage: dispatch-gate export FOLDER [options]

Writes evidence into a folder, for somebody else to check with \`dispatch-gate verify\`: the log of a gate, or all that proves one
trace. The folder must be empty or not there yet. Reads the store beside gates that are running, and leaves it as it is.

  --store FILE     the gate's SQLite file, ./dispatch-gate.db where none is given
  --trace ID       this trace alone, each event with its proof
  --job ID         the trace of this job
  --tenant ID      whose job it is, where several have one of that id
  --approval ID    the trace of this request
  --values         with a trace: private values as well
  --key KEY        the public key of the log, or a file with it, where its key file is not beside the store
  --json           one JSON document

  dispatch-gate export evidence && dispatch-gate verify evidence
  dispatch-gate export incident --job 0198f0c2-7c5a-7e0e-9d9c-4a6f3f1b2c3d

Nothing is signed here: events after the latest checkpoint are left out of what is written, and counted.
Exit: 0 written, 1 there is no such trace, or the log is not signed or not what was signed, 2 could not run.`;

/** What it takes. */
export const EXPORT_SHAPE = {
  options: { store: "text", trace: "text", ...TRACE_OPTIONS, values: "switch", key: "text" },
  operands: { least: 1, most: 1, name: "FOLDER" },
} as const;

/** Writes the log, or the evidence of one trace, into a folder. */
export async function exportEvidence(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, EXPORT_SHAPE);
  const [out = ""] = given.operands;
  const [ref, values] = [traceRefOf(given, given.text("trace")), given.has("values")];
  if (values && ref === null) {
    throw new CannotRun("option_unexpected", "`--values` is of one trace alone", "name one, or see `--help`");
  }
  const key = await keyOf(io, given);
  const folder = resolve(io.cwd, out);
  const progress = createProgress(io, given.has("json"), "events");
  return tellStore("export", given, io, async (store) => {
    const asked = { store, key, folder, out, progress };
    try {
      return ref === null ? await writeLog(asked) : await writeTrace(asked, ref, values);
    } finally {
      progress.end();
    }
  });
}

interface Asked {
  readonly store: Store;
  readonly key: NoteKey;
  readonly folder: string;
  /** The folder as it was named. */
  readonly out: string;
  readonly progress: Progress;
}

async function writeLog({ store, key, folder, out, progress }: Asked): Promise<Told> {
  const source = await sourceOf(store, key);
  let done = 0;
  const page: Store["page"] = async (query) => {
    const answer = await store.page(query);
    done += answer.events?.length ?? 0;
    progress.at(done, source.checkpoint.size);
    return answer;
  };
  const written = await exportLog({ ...source, store: { read: store.read, page } }, folder);
  const { tree } = await store.read({ kind: "tree" });
  const left = (tree?.size ?? 0) - written.size;
  const { size, checkpoints, otherKeys } = written;
  const others = otherKeys === 0 ? "" : `; ${count(otherKeys, "checkpoint")} by another key left out`;
  return {
    document: { kind: "log", out, left, ...(toWire(written) as JsonObject) },
    lines: [
      [inked("good", `${count(size, "event")} and ${count(checkpoints, "earlier checkpoint")} written`), others],
      ...leftLine(left),
    ],
  };
}

async function writeTrace(
  { store, key, folder, out, progress }: Asked,
  ref: Exclude<TimelineRef, string>,
  open: boolean,
): Promise<Told> {
  const trace = await readTrace(store, ref);
  const source = await sourceOf(store, key);
  let done = 0;
  const read: Store["read"] = async (query) => {
    const answer = await store.read(query);
    if (query.kind === "inclusion") progress.at(++done, trace.events.length);
    return answer;
  };
  const written = await writeBundle({ ...source, store: { read, page: store.page } }, trace, folder, { values: open });
  const { events, policies, values, left } = written;
  const parts = [count(policies, "policy", "policies"), ...(values === 0 ? [] : [count(values, "private value")])];
  return {
    document: { kind: "bundle", out, ...(toWire(written) as JsonObject) },
    lines: [
      [inked("good", `${count(events, "event")} with their proofs, ${parts.join(", ")} written`)],
      ...leftLine(left),
    ],
  };
}

function leftLine(left: number): readonly Line[] {
  const line: Line = [inked("wait", `${count(left, "event")} not signed yet left out`)];
  return left === 0 ? [] : [line];
}

/** What is signed already: the latest checkpoint. */
async function sourceOf(store: Store, key: NoteKey): Promise<EvidenceSource> {
  const { checkpoint } = await store.read({ kind: "checkpoint", size: null });
  if (checkpoint !== undefined && checkpoint !== null) return { store, checkpoint, key };
  throw new EvidenceError("checkpoint_unknown", "the log was never signed", {
    help: "open it with a gate, which signs it",
  });
}

/** The log's public key: what was given, or that of the key file beside it, which is only read. */
async function keyOf(io: Io, given: Arguments): Promise<NoteKey> {
  const named = await readKey(io, given);
  if (named !== null) return named;
  let found: NoteKey | null;
  try {
    found = readPublicKey(`${resolve(io.cwd, storeOf(given))}.key`);
  } catch (error) {
    throw cannotRead(error);
  }
  if (found !== null) return found;
  throw new CannotRun("option_missing", "the log's key file is not beside it", "give its public key with `--key`");
}
