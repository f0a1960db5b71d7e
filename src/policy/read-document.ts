import { copyAsCanonical } from "../job/copy.js";
import type { Json } from "../outcome.js";
import { MAX_DEPTH, type Reading } from "./source.js";

/** JSON is wordier than YAML: quotes, commas, and what was left to defaults. What loads as YAML loads as its document. */
const WORDIER = 4;

/** Reads a policy given as data: own data properties of plain JSON, copied once; no code of the caller's is run. */
export function readDocument(document: unknown, maxBytes: number): Reading {
  const copy = copyAsCanonical(document, { maxBytes: maxBytes * WORDIER, maxDepth: MAX_DEPTH });
  const locate = (): { readonly line?: number } => ({});
  if (copy.ok) return { value: JSON.parse(copy.text) as Json, issues: [], locate, sourceHash: null };
  const tooLarge = copy.issue.message.includes("size limit");
  const issue = {
    code: tooLarge ? "policy_too_large" : "document_invalid",
    message: copy.issue.message.replace("the job", "the policy"),
    path: copy.issue.path,
  };
  return { issues: [issue], locate, sourceHash: null };
}
