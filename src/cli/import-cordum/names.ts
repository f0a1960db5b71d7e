import type { Loose } from "../../policy/report.js";
import { type Path, quoted } from "../../policy/source.js";
import { cel, celList } from "./cel.js";
import {
  type Around,
  type Block,
  cannot,
  exactly,
  isMatched,
  LABEL_PLAIN,
  labelIn,
  listOf,
  type Matched,
  NEVER,
} from "./matched.js";
import { trimSpace } from "./shape.js";
import type { Field } from "./spelling.js";

const IDENTIFIER = /^[\x21-\x7e]{1,256}$/;

const TEXT = /^[\s\S]{1,256}$/;
const LEGAL: Readonly<Record<Field, RegExp>> = {
  tenants: IDENTIFIER,
  actor_ids: IDENTIFIER,
  capabilities: TEXT,
  requires: TEXT,
  pack_ids: TEXT,
};

/** Lists of names that Cordum compares without regard to case. */
export function convertNames(given: Loose, key: Field, path: Path, around: Around): Matched {
  const list = listOf(given, key, path, around);
  if (isMatched(list)) return list;
  const here = [...path, key];
  if (key === "pack_ids")
    around.notes.add(
      "changed",
      here,
      "`pack_ids` look at the label `pack_id`",
      "the host must set that label on every job that belongs to a pack",
    );
  const names = new Set<string>();
  let illegal = false;
  for (const [index, value] of list.entries()) {
    const settled = around.spellings.settle(key, value, !around.grants);
    if (settled === null || !LEGAL[key].test(settled)) {
      illegal = true;
      around.notes.add("dropped", [...here, index], `${quoted(value)} is no value that a job can carry here`);
      continue;
    }
    if (settled !== trimSpace(value))
      around.notes.add(
        "changed",
        [...here, index],
        `${quoted(value)} is written ${quoted(settled)}, as elsewhere in the file`,
      );
    names.add(settled);
  }
  const named = names.size === 0 ? null : key === "requires" ? requiring([...names]) : naming(key, [...names]);
  if (!illegal) return named === null ? NEVER : exactly(named);
  const { wide } = cannot(
    `\`${key}\` holds a value that no job can carry`,
    here,
    around,
    "name it anew, here and on the jobs",
  );
  // All of `requires` must hold, any of the others.
  return key === "requires" ? { narrow: null, wide: named ?? {} } : { narrow: named, wide };
}

/** As match keys where each name means itself there, else as a condition. */
function naming(key: Exclude<Field, "requires">, names: readonly string[]): Block {
  const plain = names.every((name) => LABEL_PLAIN.test(name));
  const list = celList(names);
  switch (key) {
    case "tenants":
      return plain ? { tenants: names } : { when: [`job.tenant_id in ${list}`] };
    case "capabilities":
      return plain ? { capabilities: names } : { when: [`job.capability != null && job.capability in ${list}`] };
    case "actor_ids":
      return plain ? { actors: names } : { when: [`job.actor != null && job.actor.id in ${list}`] };
    case "pack_ids":
      return plain ? { labels: { pack_id: names } } : { when: [labelIn("pack_id", names)] };
  }
}

function requiring(names: readonly string[]): Block {
  const plain = names.filter((name) => !name.includes("*"));
  const others = names.filter((name) => name.includes("*")).map((name) => `${cel(name)} in job.requires`);
  return { ...(plain.length === 0 ? {} : { requires: plain }), ...(others.length === 0 ? {} : { when: others }) };
}

const TAG = /^[a-z0-9_-]{1,64}$/;

/** Tags are lower case here: what differs in case alone is the same tag. */
export function convertTags(given: Loose, path: Path, around: Around): Matched {
  const list = listOf(given, "risk_tags", path, around);
  if (isMatched(list)) return list;
  const legal = new Set<string>();
  const respelt = new Set<string>();
  for (const [index, value] of list.entries()) {
    const tag = tagOf(value);
    if (tag === "") continue;
    if (TAG.test(tag)) legal.add(tag);
    else {
      const other = tag.replace(/[^a-z0-9_-]/gu, "-").slice(0, 64);
      respelt.add(other);
      const then = around.grants
        ? "the rule does not permit by it"
        : `the rule refuses jobs with the tag \`${other}\` in its place`;
      around.notes.add(
        around.grants ? "refused" : "changed",
        [...path, "risk_tags", index],
        `${quoted(value)} is no legal tag here: ${then}`,
        `let the host write the tag \`${other}\``,
      );
    }
  }
  const narrow: Block | null = legal.size === 0 ? null : { tags: [...legal] };
  const wide = [...new Set([...legal, ...respelt])];
  if (respelt.size === 0) return narrow === null ? NEVER : exactly(narrow);
  return { narrow, wide: { tags: wide } };
}

/** Lower case: no tag of ours has another. Two characters from elsewhere fold to ASCII letters. */
function tagOf(value: string): string {
  return trimSpace(value).toLowerCase().replaceAll("\u017f", "s");
}

const ACTOR_TYPES: readonly string[] = ["human", "service", "agent"];

/** Human, service or agent. */
export function convertActorTypes(given: Loose, path: Path, around: Around): Matched {
  const list = listOf(given, "actor_types", path, around);
  if (isMatched(list)) return list;
  const types = [...new Set(list.map(tagOf).filter((type) => type !== ""))];
  const legal = types.filter((type) => ACTOR_TYPES.includes(type));
  const narrow = legal.length === 0 ? null : { actorTypes: legal };
  if (legal.length === types.length) return narrow === null ? NEVER : exactly(narrow);
  const { wide } = cannot(
    "`actor_types` holds a type that no actor has here",
    [...path, "actor_types"],
    around,
    "use human, service or agent",
  );
  return { narrow, wide };
}
