import { resolve } from "node:path";
import { EvidenceError, StoreError } from "../errors.js";
import { describeEvent } from "../evidence/describe.js";
import { displayLiteral } from "../evidence/display.js";
import type { NoteKey } from "../evidence/note.js";
import { timelineText } from "../evidence/timeline-text.js";
import { readTrace, writeBundle } from "../gate/bundle.js";
import { type EvidenceSource, exportLog } from "../gate/export.js";
import { readPublicKey } from "../gate/key-file.js";
import { readTimeline, type TimelineRef } from "../gate/timeline.js";
import type { Json, JsonObject } from "../outcome.js";
import { quoted } from "../policy/source.js";
import type { EventFilter, LoggedEvent, Store } from "../store/port.js";
import { withReadable } from "../store/sqlite/read-only.js";
import { openSqliteStore } from "../store/sqlite/store.js";
import type { Arguments } from "./arguments.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { count, inked, type Line, printLines } from "./print.js";
import { readKey } from "./read-key.js";
import { toWire } from "./wire.js";

/** What a call has to say. */
interface Told {
  readonly document: JsonObject;
  readonly lines: readonly Line[];
}

/** Prints what happened to one trace. */
export async function timeline(given: Arguments, log: string, io: Io): Promise<number> {
  const ref = refOf(given);
  return tell({ call: "timeline", given, log, io }, async (store) => {
    // A trace of which nothing is known is told as that.
    await readTrace(store, ref);
    const { traceId, entries } = await readTimeline(store, ref);
    const lines = timelineText({ traceId, entries }).trimEnd().split("\n");
    return {
      document: { trace_id: traceId, entries: entries.map(entryJson) },
      lines: lines.map((line): Line => [line]),
    };
  });
}

/** Prints one page of the log. */
export async function events(given: Arguments, log: string, io: Io): Promise<number> {
  const [filter, after, most] = [filterOf(given), numberOf(given, "after"), numberOf(given, "limit") ?? 100];
  if (most < 1 || most > 1_000) throw new CannotRun("value_invalid", "`--limit` must be from 1 to 1,000");
  return tell({ call: "events", given, log, io }, async (store) => {
    const items: LoggedEvent[] = [];
    let next = after === null ? null : String(after);
    do {
      const page = await store.page({ kind: "events", filter, after: next, limit: most - items.length });
      items.push(...(page.events ?? []));
      next = page.next;
    } while (next !== null && items.length < most);
    return {
      document: { events: items.map(eventJson), next: next === null ? null : Number(next) },
      lines: [...items.map(eventLine), ...(next === null ? [] : [[`more: --after ${next}`]])],
    };
  });
}

/** Writes the log into a folder. */
export async function exportFolder(given: Arguments, log: string, io: Io): Promise<number> {
  const out = outOf(given);
  const key = await keyOf(io, given, log);
  return tell({ call: "export", given, log, io }, async (store) => {
    const source = await sourceOf(store, key);
    const written = await exportLog(source, resolve(io.cwd, out));
    const { tree } = await store.read({ kind: "tree" });
    const left = (tree?.size ?? 0) - written.size;
    const { size, checkpoints, otherKeys } = written;
    const others = otherKeys === 0 ? "" : `; ${count(otherKeys, "checkpoint")} by another key left out`;
    return {
      document: { out, left, ...(toWire(written) as JsonObject) },
      lines: [
        [inked("good", `${count(size, "event")} and ${count(checkpoints, "earlier checkpoint")} written`), others],
        ...leftLine(left),
      ],
    };
  });
}

/** Writes the evidence of one trace into a folder. */
export async function bundle(given: Arguments, log: string, io: Io): Promise<number> {
  const [ref, out] = [refOf(given), outOf(given)];
  const key = await keyOf(io, given, log);
  return tell({ call: "bundle", given, log, io }, async (store) => {
    const trace = await readTrace(store, ref);
    const source = await sourceOf(store, key);
    const written = await writeBundle(source, trace, resolve(io.cwd, out), { values: given.has("values") });
    const { policies, values, left } = written;
    const parts = [count(policies, "policy", "policies"), ...(values === 0 ? [] : [count(values, "private value")])];
    return {
      document: { out, ...(toWire({ ...written, events: written.events }) as JsonObject) },
      lines: [
        [inked("good", `${count(written.events, "event")} with their proofs, ${parts.join(", ")} written`)],
        ...leftLine(left),
      ],
    };
  });
}

function leftLine(left: number): readonly Line[] {
  const line: Line = [inked("wait", `${count(left, "event")} not signed yet left out`)];
  return left === 0 ? [] : [line];
}

interface Asked {
  readonly call: string;
  readonly given: Arguments;
  readonly log: string;
  readonly io: Io;
}

/** Reads the log, and says what was found. */
async function tell({ call, given, log, io }: Asked, read: (store: Store) => Promise<Told>): Promise<number> {
  const head = { command: "audit", call } as const;
  try {
    const { document, lines } = await withStore(resolve(io.cwd, log), log, read);
    if (given.has("json")) printJson(io, { ...head, ok: true, log, ...document });
    else printLines(io.stdout, io.env, lines);
    return EXIT.fine;
  } catch (error) {
    if (!(error instanceof EvidenceError) || !FOUND.has(error.code)) throw cannot(error);
    const { code, message, help } = error;
    const told = help === undefined ? {} : { help };
    if (given.has("json")) printJson(io, { ...head, ok: false, log, error: { code, message, ...told } });
    else printLines(io.stdout, io.env, [[inked("bad", "refused"), `: ${message} [${code}]`]]);
    return EXIT.findings;
  }
}

/** What the log says, and no mistake of whoever asks. */
const FOUND: ReadonlySet<string> = new Set(["trace_unknown", "checkpoint_unknown", "log_changed"]);

function cannot(error: unknown): unknown {
  if (error instanceof StoreError || error instanceof EvidenceError) {
    return new CannotRun(error.code, error.message, error.help);
  }
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  return new CannotRun(
    "file_unwritable",
    `the folder cannot be written (${code})`,
    "check the path and its permissions",
  );
}

/** A store that is there, of this very schema; nothing is made or changed in it. */
function withStore<T>(path: string, shown: string, read: (store: Store) => Promise<T>): Promise<T> {
  return withReadable(path, shown, async (file) => {
    const store = await openSqliteStore(file, { presence: "existing" });
    try {
      return await read(store);
    } finally {
      await store.close();
    }
  });
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
async function keyOf(io: Io, given: Arguments, log: string): Promise<NoteKey> {
  const named = await readKey(io, given);
  if (named !== null) return named;
  let found: NoteKey | null;
  try {
    found = readPublicKey(`${resolve(io.cwd, log)}.key`);
  } catch (error) {
    throw cannot(error);
  }
  if (found !== null) return found;
  throw new CannotRun("option_missing", "the log's key file is not beside it", "give its public key with `--key`");
}

function outOf(given: Arguments): string {
  const out = given.text("out");
  if (out !== undefined) return out;
  throw new CannotRun("option_missing", "`--out` is missing: where to?", "see `dispatch-gate audit --help`");
}

function refOf(given: Arguments): Exclude<TimelineRef, string> {
  const [traceId, jobId, approvalId] = [given.text("trace"), given.text("job"), given.text("approval")];
  const tenantId = given.text("tenant");
  const named = [traceId, jobId, approvalId].filter((each) => each !== undefined);
  if (named.length !== 1 || (tenantId !== undefined && jobId === undefined)) {
    const help = "see `dispatch-gate audit --help`";
    throw new CannotRun(
      "option_missing",
      "name one trace: by `--trace`, `--job` (with `--tenant`) or `--approval`",
      help,
    );
  }
  if (traceId !== undefined) return { traceId };
  if (approvalId !== undefined) return { approvalId };
  return { jobId: jobId ?? "", ...(tenantId === undefined ? {} : { tenantId }) };
}

function filterOf(given: Arguments): EventFilter {
  const fields = {
    traceId: given.text("trace"),
    jobId: given.text("job"),
    tenantId: given.text("tenant"),
    approvalId: given.text("approval"),
  };
  const type = given.text("type");
  const asked = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return { ...asked, ...(type === undefined ? {} : { types: [type as LoggedEvent["type"]] }) };
}

function numberOf(given: Arguments, name: string): number | null {
  const text = given.text(name);
  if (text === undefined) return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new CannotRun("value_invalid", `\`--${name}\` is no number: ${quoted(text)}`);
}

function eventLine({ seq, at, type, body }: LoggedEvent): Line {
  return [`${seq} ${new Date(at).toISOString()} ${type} ${displayLiteral(describeEvent(type, body))}`];
}

function eventJson({ seq, body }: LoggedEvent): Json {
  return { seq, body };
}

function entryJson({
  seq,
  body,
  summary,
  note,
}: LoggedEvent & { readonly summary: string; readonly note: string | null }): Json {
  return { seq, summary, note, body };
}
