import type { JsonObject } from "../outcome.js";

/** What a snapshot looks like, and so a file that is named by one. */
const SNAPSHOT = /^[0-9a-f]{64}$/;

/** True for a text that may be a snapshot: nothing else is looked up, or names a file. */
export function isSnapshot(text: unknown): text is string {
  return typeof text === "string" && SNAPSHOT.test(text);
}

/** The policies that an event names: the one that was decided under, or the one that it tells of. */
export function snapshotsIn({ decision, snapshot }: JsonObject): readonly string[] {
  const decided =
    typeof decision === "object" && decision !== null && "snapshot" in decision ? decision.snapshot : null;
  return [...new Set([decided, snapshot].filter(isSnapshot))];
}
