import type { Json } from "../outcome.js";
import type { MatchDocument, PolicyDocument } from "./document.js";

type Loose = { readonly [key: string]: Json };

/**
 * The one form of a document: defaults written out, shorthands spelt in full. Its bytes are what the snapshot hashes,
 * so two files that mean the same by these alone are the same policy. The document MUST have been checked.
 */
export function normalise(document: Json): PolicyDocument {
  const given = document as Loose;
  const rules = (given.rules as readonly Loose[]).map(normaliseRule);
  const outputs = ((given.outputs ?? []) as readonly Loose[]).map(normaliseRule);
  return {
    version: "v1",
    combining: given.combining ?? "most_restrictive",
    default: given.default ?? "deny",
    rules,
    // An empty list is a load error, and this document must load again: no outputs, no key.
    ...(outputs.length === 0 ? {} : { outputs }),
    output_default: given.output_default ?? "secrets",
  } as unknown as PolicyDocument;
}

function normaliseRule(rule: Loose): Loose {
  return { ...rule, match: normaliseMatch(rule.match as Loose) as unknown as Json };
}

function normaliseMatch(match: Loose): MatchDocument {
  const { risk_tags: tags, labels } = match;
  const full: Record<string, Json> = { ...match };
  if (Array.isArray(tags) && tags.length > 0) full.risk_tags = { any: tags };
  if (labels !== undefined) {
    const entries = Object.entries(labels as Loose);
    full.labels = Object.fromEntries(
      entries.map(([name, value]) => [name, typeof value === "string" ? [value] : value]),
    );
  }
  return full as MatchDocument;
}
