import type { Json } from "../../outcome.js";
import { escaped } from "../../policy/source.js";
import { joined } from "./match.js";
import type { Block } from "./matched.js";
import type { ImportNote } from "./notes.js";
import type { Output } from "./outputs.js";
import type { Rule } from "./rule.js";

/** Writes the policy down, with each note beside the rule it is about. */
export function render(rules: readonly Rule[], outputs: readonly Output[], heads: readonly ImportNote[]): string {
  const lines = [
    "# Rewritten from a Cordum safety policy. Lines that begin with `# changed`, `# dropped` or `# refused` say what does",
    "# not mean the same as it did there. Read them before you use this file.",
    ...heads.flatMap((note) => comment(note, "")),
    "version: v1",
    "combining: first_match",
    "default: deny",
    "rules:",
    ...rules.flatMap((rule) => item(ruleToJson(rule), rule.notes ?? [])),
    ...(outputs.length === 0
      ? []
      : ["outputs:", ...outputs.flatMap((output) => item(outputToJson(output), output.notes))]),
  ];
  return `${lines.join("\n")}\n`;
}

function comment(note: ImportNote, indent: string): readonly string[] {
  const place = note.line === undefined ? "" : ` (line ${note.line})`;
  const help = note.help === undefined ? [] : [`${indent}#   help: ${seen(note.help)}`];
  return [`${indent}# ${note.kind}${place}: ${seen(note.message)}`, ...help];
}

/** What some runners of builds take for a command wherever in a line it stands: the policy may go to standard output. */
const MARK = /#(?=#[a-z]*\[)/gi;

function seen(text: string): string {
  return escaped(text).replace(MARK, "\\u{23}");
}

type Tree = { readonly [key: string]: Json };

function ruleToJson({ id, block, unlessTopics, decision, reason, throttle, constraints, remediations }: Rule): Tree {
  const match = matchToJson(block);
  const unless = unlessTopics === undefined ? {} : { unless: { topics: unlessTopics } };
  const whole = {
    id,
    match: { ...match, ...unless },
    decision,
    reason,
    throttle,
    constraints,
    remediations,
  };
  return whole as unknown as Tree;
}

function outputToJson({ id, block, detect, action }: Output): Tree {
  return { id, match: matchToJson(block), detect, action } as unknown as Tree;
}

function matchToJson(block: Block): Tree {
  const { topics, tags, tagsNone, tenants, actors, actorTypes, capabilities, requires, labels, when } = block;
  const keys = {
    topics,
    risk_tags: tagsNone === undefined ? tags : { any: tags, none: tagsNone },
    tenants,
    actors,
    actor_types: actorTypes,
    capabilities,
    requires,
    labels,
    when: when === undefined ? undefined : joined(when),
  };
  const set = Object.entries(keys).filter(([, value]) => value !== undefined);
  return (set.length === 0 ? { topics: ["**"] } : Object.fromEntries(set)) as unknown as Tree;
}

function item(rule: Tree, notes: readonly ImportNote[]): readonly string[] {
  const written = mapLines(rule, "    ");
  const [first, ...rest] = written as [string, ...string[]];
  return [...notes.flatMap((note) => comment(note, "  ")), `  - ${first.trimStart()}`, ...rest];
}

function mapLines(map: Tree, indent: string): readonly string[] {
  return Object.entries(map).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const name = /^[a-z][a-z_]*$/.test(key) ? key : scalar(key);
    if (typeof value !== "object" || value === null) return [`${indent}${name}: ${scalar(value)}`];
    if (!Array.isArray(value)) return [`${indent}${name}:`, ...mapLines(value as Tree, `${indent}  `)];
    const list = value as readonly Json[];
    if (list.every((one) => typeof one !== "object")) return [`${indent}${name}: [${list.map(scalar).join(", ")}]`];
    return [`${indent}${name}:`, ...list.flatMap((one) => listItem(one, `${indent}  `))];
  });
}

function listItem(one: Json, indent: string): readonly string[] {
  if (typeof one !== "object" || one === null) return [`${indent}- ${scalar(one)}`];
  const [first, ...rest] = mapLines(one as Tree, `${indent}  `) as [string, ...string[]];
  return [`${indent}- ${first.trimStart()}`, ...rest];
}

/** Words that a reader of YAML takes for something else than a text. */
const TAKEN = /^(null|true|false|yes|no|on|off|y|n)$/i;

/** What must not stand in the text as it is: what cannot be seen, and what begins {@link MARK}. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffe\uffff]|#(?=#[A-Za-z]*\[)/gu;

function scalar(value: Json): string {
  if (typeof value !== "string") return JSON.stringify(value);
  if (/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(value) && !TAKEN.test(value)) return value;
  // Conditions hold quotes and backslashes: they stay readable in single quotes.
  if (/["\\]/.test(value) && value.search(UNSEEN) < 0) return `'${value.replaceAll("'", "''")}'`;
  return JSON.stringify(value).replace(UNSEEN, (character) => {
    const code = character.codePointAt(0) as number;
    return `\\U${code.toString(16).padStart(8, "0")}`;
  });
}
