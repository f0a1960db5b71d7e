import { isUtf8 } from "node:buffer";
import { canonicalize } from "../../canonical.js";
import type { Json, JsonObject } from "../../outcome.js";
import type { RawEvent } from "./source.js";

/** An event as its bytes say it, or what is wrong with them. */
export type EventCheck =
  | { readonly ok: true; readonly body: JsonObject; readonly at: number; readonly text: string }
  | { readonly ok: false; readonly message: string };

/** Reads the bytes of an event, and holds the columns that it is found by against them. `highest`: the log's time so far. */
export function checkEvent(row: RawEvent, bytes: Uint8Array, highest: number): EventCheck {
  if (!isUtf8(bytes)) return wrong("its bytes are no text");
  // Over the same memory: a copy of each event would cost as much as reading it.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  const body = parse(text);
  if (body === null) return wrong("its bytes are no JSON object");
  const { at, type, trace_id: traceId = null, approval_id: approvalId = null } = body;
  if (typeof at !== "number" || typeof type !== "string") return wrong("its bytes say no type or no time");
  if (row.type !== type || row.trace_id !== traceId || row.approval_id !== approvalId) {
    return wrong("it stands under a type, trace or request that its bytes do not say");
  }
  if (row.at !== Math.max(at, highest)) return wrong("it stands under a time that is not the log's");
  return { ok: true, body, at, text };
}

function wrong(message: string): EventCheck {
  return { ok: false, message };
}

function parse(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as Json;
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}

/**
 * Whether a text is what {@link canonicalize} writes. The runtime writes the same but for the order of keys, and for half
 * characters, which it lets pass: where it does, looking at the keys is several times faster than writing all anew.
 */
export function isCanonical(text: string, value: Json): boolean {
  try {
    if (!text.includes("\\ud") && JSON.stringify(value) === text && hasSortedKeys(value)) return true;
    return canonicalize(value) === text;
  } catch {
    return false;
  }
}

function hasSortedKeys(value: Json): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return (value as readonly Json[]).every(hasSortedKeys);
  let last: string | undefined;
  for (const key of Object.keys(value)) {
    if (last !== undefined && last >= key) return false;
    if (!hasSortedKeys((value as JsonObject)[key] as Json)) return false;
    last = key;
  }
  return true;
}
