import { canonicalize } from "../canonical.js";
import { digest } from "../digest.js";
import type { JsonObject } from "../outcome.js";

/** What the words of a policy mean to this engine. Raised whenever the same document could be decided otherwise. */
const SEMANTICS = 1;

/** SHA-256 of what a policy means: its normalised document and the engine's reading of it, in lower-case hex. */
export function snapshotOf(document: JsonObject): string {
  return digest("policy", canonicalize({ engine: SEMANTICS, document }));
}
