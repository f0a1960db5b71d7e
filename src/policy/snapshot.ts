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
  return snapshotUnder(SEMANTICS, document);
}

/** Whether this or an earlier engine gives the document that snapshot: one that was kept does not change with the engine. */
export function wasSnapshotOf(document: PolicyDocument, snapshot: string): boolean {
  for (let engine = SEMANTICS; engine >= 1; engine -= 1) {
    if (snapshotUnder(engine, document) === snapshot) return true;
  }
  return false;
}

function snapshotUnder(engine: number, document: PolicyDocument): string {
  const { queue: _, tags, ...meaning } = document;
  const vocabulary = tags === undefined ? {} : { tags: Object.keys(tags).sort() };
  return digest("policy", canonicalize({ engine, document: { ...meaning, ...vocabulary } as unknown as JsonObject }));
}
