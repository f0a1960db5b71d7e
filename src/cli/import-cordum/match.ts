import type { Json } from "../../outcome.js";
import { isMap, type Loose } from "../../policy/report.js";
import { type Path, quoted } from "../../policy/source.js";
import { cel } from "./cel.js";
import { crossTopic } from "./crossing.js";
import { convertLabelLists, convertLabels, convertMcp, convertSecrets, convertThresholds } from "./labels.js";
import {
  ANYTHING,
  type Around,
  type Block,
  cannot,
  exactly,
  isMatched,
  labelIn,
  listOf,
  type Matched,
  NEVER,
} from "./matched.js";
import { convertActorTypes, convertNames, convertTags } from "./names.js";
import { at, isUnset, noteStray, trimSpace } from "./shape.js";

const KEYS: ReadonlySet<string> = new Set([
  ..."tenants topics capabilities risk_tags requires pack_ids actor_ids actor_types labels mcp secrets_present".split(
    " ",
  ),
  ..."label_allowlist label_threshold predicate delegation agent_risk_tiers agent_data_classifications".split(" "),
]);

/** Keys about what no job of ours carries. */
const HOMELESS = ["predicate", "delegation", "agent_risk_tiers", "agent_data_classifications"] as const;

/** Rewrites a match block. */
export function convertMatch(given: Json | undefined, path: Path, around: Around): Matched {
  if (given === undefined || given === null) return ANYTHING;
  if (!isMap(given)) return cannot("`match` is not a map", path, around);
  const stray = noteStray(given, KEYS, path, around.notes);
  const parts = [
    ...(stray.length > 0 ? [cannot("`match` cannot be read whole", path, around)] : []),
    convertTopics(given, path, around),
    ...(["tenants", "capabilities", "requires", "pack_ids", "actor_ids"] as const).map((key) =>
      convertNames(given, key, path, around),
    ),
    convertTags(given, path, around),
    convertActorTypes(given, path, around),
    convertLabels(given, path, around),
    convertLabelLists(given, path, around),
    convertThresholds(given, path, around),
    convertSecrets(given, path, around),
    convertMcp(at(given, "mcp"), [...path, "mcp"], around),
    ...HOMELESS.filter((key) => !isUnset(at(given, key))).map((key) =>
      cannot(`\`${key}\` is about what no job carries here`, [...path, key], around),
    ),
  ];
  return finish(parts, path, around);
}

/** All parts hold. Exact as long as every part is. */
function finish(parts: readonly Matched[], path: Path, around: Around): Matched {
  if (parts.some(({ wide }) => wide === null)) return NEVER;
  const wide = merge(parts.map((part) => part.wide));
  const narrow = parts.every((part) => part.narrow === part.wide) ? wide : merge(parts.map((part) => part.narrow));
  if (!tooLong(wide)) return { narrow, wide };
  const { when: _, ...rest } = wide as Block;
  return { ...cannot("its conditions together are too long for one rule", path, around), wide: rest };
}

function tooLong(block: Block | null): boolean {
  return joined(block?.when ?? []).length > 4_000;
}

/** Conditions that must all hold, as one. */
export function joined(conditions: readonly string[]): string {
  return conditions.length < 2 ? conditions.join("") : conditions.map((one) => `(${one})`).join(" && ");
}

function merge(blocks: readonly (Block | null)[]): Block | null {
  let merged: Block = {};
  for (const block of blocks) {
    if (block === null) return null;
    const labels: Record<string, readonly string[]> = { ...merged.labels };
    const when = [...(merged.when ?? []), ...(block.when ?? [])];
    for (const [name, values] of Object.entries(block.labels ?? {})) {
      // Two keys may ask for the same label, and both must hold.
      if (Object.hasOwn(labels, name)) when.push(labelIn(name, values));
      else labels[name] = values;
    }
    merged = {
      ...merged,
      ...block,
      ...(when.length === 0 ? {} : { when }),
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    };
  }
  return merged;
}

function convertTopics(given: Loose, path: Path, around: Around): Matched {
  const list = listOf(given, "topics", path, around);
  if (isMatched(list)) return list;
  const here = [...path, "topics"];
  const plain = new Set<string>();
  const wide = new Set<string>();
  const conditions: string[] = [];
  let exact = true;
  for (const [index, pattern] of list.entries()) {
    const one = crossTopic(trimSpace(pattern));
    if (one.kind === "never") {
      around.notes.add("dropped", [...here, index], `the topic pattern ${quoted(pattern)} matches nothing: ${one.why}`);
      continue;
    }
    for (const ours of one.kind === "patterns" ? one.patterns : one.wide) wide.add(ours);
    if (one.kind === "patterns") for (const ours of one.patterns) plain.add(ours);
    else exact = false;
    conditions.push(one.condition);
  }
  if (conditions.length === 0) return NEVER;
  if (exact) return exactly({ topics: [...wide] });
  const when = conditions.map((one) => `job.topic.matches(${cel(one)})`).join(" || ");
  if (when.length <= 3_500 && conditions.length <= 12 && conditions.every((one) => one.length <= 1_000))
    return exactly({ topics: [...wide], when: [when] });
  cannot("these topic patterns are too long to write down", here, around);
  return { narrow: plain.size === 0 ? null : { topics: [...plain] }, wide: { topics: [...wide] } };
}
