import { digest } from "../digest.js";
import { lastNotPast, type Span } from "./view.js";

/** Tells equal things apart from others without telling what they are: 12 hex digits. */
export type Fingerprint = (kind: string, found: string) => string;

/**
 * Fingerprints under a secret, without which nobody can try out what they may stand for: equal within one scope alone. Of a
 * hash of which so little is shown nothing can be added to what was hashed.
 */
export function fingerprintUnder(secret: string, scope: string): Fingerprint {
  return (kind, found) => digest("finding", JSON.stringify([secret, scope, kind, found])).slice(0, 12);
}

/** The same for everything: tells nothing. */
export const NO_FINGERPRINT: Fingerprint = () => "000000000000";

/** What stands in place of something found. Where few values are possible there is no fingerprint: they could all be tried. */
export function markerOf(kind: string, fingerprint: string | null): string {
  return fingerprint === null ? `[REDACTED:${kind}]` : `[REDACTED:${kind}:${fingerprint}]`;
}

const MARKER = /\[REDACTED:(?<kind>[a-z0-9_]{1,64})(?::[0-9a-f]{12})?\](?:#[0-9]{1,6})?/g;

/** The markers in a text, in order. */
export interface Markers {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** The markers of these kinds. One of another kind is none: anybody can write brackets. */
export function markersIn(text: string, kindsKnown: () => ReadonlySet<string>): Markers {
  const starts: number[] = [];
  const ends: number[] = [];
  if (!text.includes("[REDACTED:")) return { starts, ends };
  const kinds = kindsKnown();
  for (const { 0: marker, index, groups } of text.matchAll(MARKER)) {
    if (!kinds.has(groups?.kind ?? "")) continue;
    starts.push(index);
    ends.push(index + marker.length);
  }
  return { starts, ends };
}

/** True for what lies within one of them, whole. */
export function isMarked({ starts, ends }: Markers, { start, end }: Span): boolean {
  const last = lastNotPast(starts, start);
  return last !== -1 && end <= (ends[last] ?? 0);
}
