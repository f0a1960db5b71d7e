import type { Json } from "../outcome.js";
import type { MatchDocument, PolicyDocument } from "./document.js";
import type { Loose } from "./report.js";

/** Rules and outputs of a policy's files, in the order in which they count. */
export interface Merged {
  readonly rules: readonly Loose[];
  readonly outputs: readonly Loose[];
}

/** What `approvals` says where it says nothing: a day to decide, a quarter of an hour to use it, a day that a no stands. */
const APPROVALS = { expires_in_sec: 86_400, use_within_sec: 900, rejection_stands_sec: 86_400 };

/**
 * The one form of a document: imports resolved, defaults written out, shorthands spelt in full. Its bytes are what the
 * snapshot hashes, so two files that mean the same by these alone are the same policy. The document MUST have been checked.
 */
export function normalise(document: Json, merged: Merged): PolicyDocument {
  const given = document as Loose;
  const outputs = merged.outputs.map(normaliseRule);
  return {
    version: "v1",
    combining: given.combining ?? "most_restrictive",
    default: given.default ?? "deny",
    ...kept(given, ["tags", "tiers", "queue"]),
    approvals: { ...APPROVALS, ...(given.approvals as Loose | undefined) },
    rules: merged.rules.map(normaliseRule),
    // An empty list is a load error, and this document must load again: no outputs, no key.
    ...(outputs.length === 0 ? {} : { outputs }),
    output_default: given.output_default ?? "secrets",
  } as unknown as PolicyDocument;
}

function kept(given: Loose, keys: readonly string[]): Loose {
  return Object.fromEntries(keys.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]])));
}

function normaliseRule(rule: Loose): Loose {
  return { ...rule, match: normaliseMatch(rule.match as Loose) as unknown as Json };
}

function normaliseMatch(match: Loose): MatchDocument {
  const { risk_tags: tags, labels, unless } = match;
  const full: Record<string, Json> = { ...match };
  if (Array.isArray(tags) && tags.length > 0) full.risk_tags = { any: tags };
  if (labels !== undefined) {
    const entries = Object.entries(labels as Loose);
    full.labels = Object.fromEntries(
      entries.map(([name, value]) => [name, typeof value === "string" ? [value] : value]),
    );
  }
  if (unless !== undefined) full.unless = normaliseMatch(unless as Loose) as unknown as Json;
  return full as MatchDocument;
}
