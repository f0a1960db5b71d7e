/**
 * Recorded outputs are canonical JSON. What JSON cannot hold is an object with this one key and a name after it,
 * for example `{"$gate.date":"2026-01-02T03:04:05.000Z"}`. Records outlive releases: a tag once written keeps its meaning.
 */
export const TAG = "$gate.";

/** Every tag. `object` lists entries: it carries objects that look like a tag, and keys that JSON text cannot hold. */
export type TagName = "undefined" | "number" | "bigint" | "date" | "bytes" | "map" | "set" | "url" | "text" | "object";
