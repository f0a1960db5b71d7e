import type { Loose } from "../../policy/report.js";
import type { Path } from "../../policy/source.js";
import { cel, celList } from "./cel.js";
import type { Notes } from "./notes.js";
import { stringsAt } from "./shape.js";
import type { Spellings } from "./spelling.js";

/** Keys of one of our match blocks, each an any-of but `requires`. Conditions are joined by "and". */
export interface Block {
  readonly topics?: readonly string[];
  readonly tags?: readonly string[];
  readonly tagsNone?: readonly string[];
  readonly tenants?: readonly string[];
  readonly actors?: readonly string[];
  readonly actorTypes?: readonly string[];
  readonly capabilities?: readonly string[];
  readonly requires?: readonly string[];
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  readonly when?: readonly string[];
}

/**
 * What became of a match block: the jobs that surely match it and the jobs that may. Null: none.
 * Where both are the same object, exactly the same legal jobs match as in Cordum.
 */
export interface Matched {
  readonly narrow: Block | null;
  readonly wide: Block | null;
}

/** What converts a match block needs to know around it. */
export interface Around {
  readonly notes: Notes;
  readonly spellings: Spellings;
  /** The rule is a plain `allow`: to match less is safe, to match more is not. Else it is the other way round. */
  readonly grants: boolean;
}

/** The same legal jobs match as in Cordum. */
export const exactly = (block: Block): Matched => ({ narrow: block, wide: block });
export const ANYTHING: Matched = exactly({});
export const NEVER: Matched = { narrow: null, wide: null };
/** Nothing matches surely, and everything may. */
const UNKNOWN: Matched = { narrow: null, wide: {} };

/** Says that a key was left out, and what that does. */
export function cannot(message: string, path: Path, { notes, grants }: Around, help?: string): Matched {
  const then = grants ? "the rule is left out, which permits less" : "every job it may have matched is denied";
  notes.add(grants ? "refused" : "changed", path, `${message}: ${then}`, help);
  return UNKNOWN;
}

/** A list, or what to do without one. */
export function listOf(given: Loose, key: string, path: Path, around: Around): readonly string[] | Matched {
  const list = stringsAt(given, key);
  if (list === null) return cannot(`\`${key}\` is not a list of strings`, [...path, key], around);
  return list.length === 0 ? ANYTHING : list;
}

export const isMatched = (value: readonly string[] | Matched): value is Matched => "narrow" in value;

/** A label that is there holds one of these. */
export function labelIn(name: string, values: readonly string[]): string {
  return `${cel(name)} in job.labels && job.labels[${cel(name)}] in ${celList(values)}`;
}

/** Values that mean themselves in our label patterns. */
export const LABEL_PLAIN = /^[^*?{}[\]()!\\|^]{1,256}$/;
