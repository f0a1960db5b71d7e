import { canonicalize } from "../canonical.js";
import type { Json, JsonObject } from "../outcome.js";
import { MAX_EVENT_BYTES } from "./event.js";
import type { FaultCode } from "./faults.js";

/** One event as others hand it over: its bytes are a record of this format, and nobody has checked that they are in a log. */
export interface ReadEvent {
  /** May be one that this version does not know. */
  readonly type: string;
  readonly at: number;
  readonly traceId: string | null;
  readonly approvalId: string | null;
  readonly body: JsonObject;
}

/** An event, or why the bytes are none. */
export type EventReading =
  | { readonly ok: true; readonly event: ReadEvent }
  | { readonly ok: false; readonly code: FaultCode; readonly message: string };

/** Levels of a value: a policy has 64 at most, an event that a gate writes far fewer. */
const MAX_LEVELS = 128;

/** A byte order mark is no part of canonical JSON: it is kept, and refused. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the bytes of one event: at most 65,535, exactly as RFC 8785 writes their value, of a version that is known. */
export function readEvent(bytes: Uint8Array): EventReading {
  if (bytes.length > MAX_EVENT_BYTES) {
    return refused("event_too_large", `the event has more than ${MAX_EVENT_BYTES} bytes`);
  }
  const value = readCanonical(bytes);
  if (value === undefined) return refused("event_not_canonical", "the bytes are not canonical JSON (RFC 8785)");
  if (!isObject(value)) return refused("event_malformed", "the event is no object");
  if (value.v !== 1) return refused("event_version_unknown", "the event is of a version that is not known here");
  const { type, at, trace_id: traceId, approval_id: approvalId } = value;
  if (typeof type !== "string" || typeof at !== "number" || !isId(traceId) || !isId(approvalId)) {
    return refused("event_malformed", "the event has no type or time, or an id that is no text");
  }
  return { ok: true, event: { type, at, traceId: traceId ?? null, approvalId: approvalId ?? null, body: value } };
}

/** The value of bytes that are exactly its canonical form; undefined for all others. */
export function readCanonical(bytes: Uint8Array): Json | undefined {
  try {
    const text = UTF8.decode(bytes);
    const value = JSON.parse(text) as Json;
    return isShallow(value, MAX_LEVELS) && canonicalize(value) === text ? value : undefined;
  } catch {
    // No UTF-8, no JSON, or a value that canonical JSON cannot hold.
    return undefined;
  }
}

/** What goes through values afterwards goes down a level with each call. */
function isShallow(value: Json, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((item) => isShallow(item as Json, levels - 1));
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isId(value: Json | undefined): value is string | null | undefined {
  return value === undefined || value === null || typeof value === "string";
}

function refused(code: FaultCode, message: string): EventReading {
  return { ok: false, code, message };
}
