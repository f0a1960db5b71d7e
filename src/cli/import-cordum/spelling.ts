import { asWords, cel, celList, mcpOtherwise } from "./cel.js";
import { trimSpace } from "./shape.js";

/** What Cordum compares without regard to case and surrounding space, and we compare exactly. */
export type Field = "tenants" | "capabilities" | "requires" | "actor_ids" | "pack_ids";

/**
 * One spelling of each value for the whole file: the first one seen. Whoever carries another spelling of a value that
 * a rule other than a plain `allow` names would slip past it here, so such jobs are denied before anything else.
 */
export interface Spellings {
  /** The one spelling, or null for nothing but space. */
  readonly settle: (field: Field, value: string, guarded: boolean) => string | null;
  /** The file looks at calls of the Model Context Protocol, whose fields Cordum reads from several labels. */
  readonly nameCalls: () => void;
  /** Conditions under which a job carries another spelling, by field. */
  readonly guards: () => readonly Guard[];
}

export interface Guard {
  readonly of: Field | "mcp";
  readonly when: string;
}

/** Characters of a value that a job can carry. */
const MAX_VALUE = 256;

export function createSpellings(): Spellings {
  const known = new Map<string, string>();
  const guarded = new Map<Field, Set<string>>();
  let calls = false;
  return {
    settle: (field, value, guard) => {
      const trimmed = trimSpace(value);
      if (trimmed === "") return null;
      // Another spelling is as long: no job carries that either, and a million characters need not be folded.
      if (trimmed.length > MAX_VALUE) return trimmed;
      const key = `${field} ${fold(trimmed)}`;
      const settled = known.get(key) ?? trimmed;
      known.set(key, settled);
      if (guard && mayVary(field, settled)) guarded.set(field, (guarded.get(field) ?? new Set()).add(settled));
      return settled;
    },
    nameCalls: () => {
      calls = true;
    },
    guards: () => [
      ...[...guarded].flatMap(([field, values]) => chunked([...values]).map((part) => guardOf(field, part))),
      ...(calls ? [{ of: "mcp" as const, when: mcpOtherwise() }] : []),
    ],
  };
}

/** Equal for what Go's `EqualFold` calls equal: character by character, so that `ß` is not `ss`. */
function fold(text: string): string {
  return [...text].map((character) => single(single(character, "toUpperCase"), "toLowerCase")).join("");
}

function single(character: string, turn: "toUpperCase" | "toLowerCase"): string {
  const turned = character[turn]();
  return turned.length === character.length ? turned : character;
}

/** Ids hold no space: without letters they have one spelling. */
function mayVary(field: Field, value: string): boolean {
  return (field !== "tenants" && field !== "actor_ids") || /\p{L}/u.test(value);
}

/** A pattern has at most 1,000 characters, a condition 500 parts. */
function chunked(values: readonly string[]): readonly (readonly string[])[] {
  const chunks: string[][] = [];
  let room = 0;
  for (const value of values) {
    const cost = value.length * 2 + 1;
    if (room < cost) {
      chunks.push([]);
      room = 700;
    }
    room -= Math.max(cost, 10);
    chunks.at(-1)?.push(value);
  }
  return chunks;
}

const SUBJECTS: Readonly<Record<Field, (other: (subject: string) => string) => string>> = {
  tenants: (other) => other("job.tenant_id"),
  capabilities: (other) => `job.capability != null && ${other("job.capability")}`,
  actor_ids: (other) => `job.actor != null && ${other("job.actor.id")}`,
  requires: (other) => `job.requires.exists(need, ${other("need")})`,
  pack_ids: (other) => `"pack_id" in job.labels && ${other('job.labels["pack_id"]')}`,
};

function guardOf(field: Field, values: readonly string[]): Guard {
  const [only, ...more] = values.map(cel) as [string, ...string[]];
  const other = (subject: string): string =>
    more.length === 0 ? `${subject} != ${only}` : `!(${subject} in ${celList(values)})`;
  const when = SUBJECTS[field]((subject) => `${subject}.matches(${asWords(values)}) && ${other(subject)}`);
  return { of: field, when };
}
