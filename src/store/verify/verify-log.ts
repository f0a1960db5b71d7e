import { writeBase64 } from "../../evidence/base64.js";
import { type NoteKey, parseKey } from "../../evidence/note.js";
import { type ReplayState, replay } from "../replay.js";
import { checkEvent, type EventCheck, isCanonical } from "./check-event.js";
import { checkLog } from "./check-log.js";
import { checkTables } from "./check-tables.js";
import { guardSource } from "./guard-source.js";
import type { Problems, VerifyAnswer, VerifyRequest } from "./problem.js";
import type { LogSource, RawEvent } from "./source.js";

/** Rows that are read at a time. */
const PAGE = 256;

/** How long the event loop is held before others have their turn, in milliseconds. */
const SLICE_MS = 10;

/** What is verified, and where the replay keeps what it comes to: null where no state is asked for. */
export interface Verification {
  readonly source: LogSource;
  readonly state: ReplayState | null;
  readonly keys: readonly NoteKey[];
  /** Problems that were found before. */
  readonly problems: Problems;
  readonly onRead?: OnRead | undefined;
}

/** Told now and then how many events were read, of how many by the stored head. */
export type OnRead = (read: number, all: number) => void;

/** The keys of a request. Throws a `TypeError` for what is none: it would otherwise only seem that nobody had signed. */
export function readKeys({ keys }: VerifyRequest): readonly NoteKey[] {
  return keys.map((text) => {
    const key = parseKey(text);
    if (key === null) throw new TypeError("a key to verify with must be a verifier key (C2SP signed-note)");
    return key;
  });
}

/**
 * Recomputes the tree from the bytes of every event, holds all that is stored of it against that, and, where asked to, replays
 * the log and holds every table against what it comes to. In memory that does not grow with the log, and in slices between
 * which others have their turn. Whatever stands in the log or its tables: it is told, never thrown.
 */
export async function verifyLog({
  source,
  state,
  keys,
  problems,
  onRead = () => undefined,
}: Verification): Promise<Omit<VerifyAnswer, "integrity" | "problems" | "more">> {
  const guarded = guardSource(source, problems);
  const turn = takeTurns();
  const log = checkLog(guarded.source, keys, problems);
  const all = Number(guarded.source.head()?.size ?? 0);
  let events = 0;
  let highest = 0;
  let after = 0;

  const take = (row: RawEvent): void => {
    const seq = row.seq as number;
    events += 1;
    const bytes = row.bytes instanceof Uint8Array ? row.bytes : null;
    log.add(seq, bytes);
    const checked: EventCheck =
      bytes === null ? { ok: false, message: "its bytes are not there" } : checkEvent(row, bytes, highest);
    if (!checked.ok) {
      problems.add("event_bytes", checked.message, seq);
      return;
    }
    highest = Math.max(highest, checked.at);
    if (state === null) return;
    // What was appended is what the tree is of: that it was canonical from the first is only looked at together with what it means.
    if (!isCanonical(checked.text, checked.body)) {
      problems.add("event_bytes", "its bytes are not canonical JSON (RFC 8785)", seq);
    }
    replay(state, checked.body);
  };

  for (let more = true; more; ) {
    const page = guarded.source.events(after, PAGE);
    for (const row of page) {
      const { seq } = row;
      if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq <= after) {
        guarded.lose("events", "events do not stand in their order");
        break;
      }
      take(row);
      after = seq;
    }
    more = page.length === PAGE && !guarded.isLost("events");
    onRead(events, all);
    await turn();
  }
  const { size, root, checkpoints } = log.end(!guarded.isLost("events"));
  if (state !== null) await checkTables({ guarded, state, problems, turn });
  return { events, size, root: writeBase64(root), checkpoints };
}

/** Lets others have their turn, where this one took long enough. */
function takeTurns(): () => Promise<void> {
  let began = performance.now();
  return async () => {
    if (performance.now() - began < SLICE_MS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    began = performance.now();
  };
}
