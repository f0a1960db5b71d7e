import { canonicalize } from "../canonical.js";
import { digest } from "../digest.js";
import type { JsonObject } from "../outcome.js";
import type { PolicyDocument } from "./document.js";

/** What the words of a policy mean to this engine. Raised whenever the same document could be decided otherwise. */
const SEMANTICS = 2;

/**
 * SHA-256 of what a policy means: its normalised document and the engine's reading of it, in lower-case hex.
 * Queue limits and the words that describe tags decide nothing, and are left out: they change without a new policy.
 */
export function snapshotOf(document: PolicyDocument): string {
  return snapshotUnder(document, SEMANTICS);
}

/** True when the snapshot is the document's, as this engine or an earlier one reads it. */
export function isSnapshotOf(snapshot: string, document: PolicyDocument): boolean {
  for (let engine = SEMANTICS; engine >= 1; engine -= 1) if (snapshotUnder(document, engine) === snapshot) return true;
  return false;
}

function snapshotUnder(document: PolicyDocument, engine: number): string {
  const { queue: _, tags, ...meaning } = document;
  const vocabulary = tags === undefined ? {} : { tags: Object.keys(tags).sort() };
  return digest("policy", canonicalize({ engine, document: { ...meaning, ...vocabulary } as unknown as JsonObject }));
}
