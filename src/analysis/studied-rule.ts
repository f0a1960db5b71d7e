import type { Condition } from "../policy/condition.js";
import type { RuleDocument } from "../policy/document.js";
import type { Block } from "./block.js";

/** What a rule does where it matches: permits, refuses, or only binds. */
export type Part = "grant" | "refusal" | "limit";

/** One rule as lint looks at it. */
export interface StudiedRule {
  readonly number: number;
  readonly id: string;
  readonly part: Part;
  readonly document: RuleDocument;
  /** Of the half that matters: a grant's permission, the restriction of the others. */
  readonly block: Block;
  readonly conditions: readonly Condition[];
}
