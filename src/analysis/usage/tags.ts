import type { Json, JsonObject } from "../../outcome.js";
import { compileCondition } from "../../policy/condition.js";
import type { MatchDocument, MatchKeys, PolicyDocument } from "../../policy/document.js";
import { isMap } from "../../policy/report.js";
import { readList, textsOf } from "./tally.js";

/** Which tags of a policy some recorded job carried, declared or derived. */
export interface TagTally {
  /** Takes what an event says of its job, if it says anything. True where a list in it was cut short. */
  readonly take: (body: JsonObject) => boolean;
  /** An event that should say it could not be read. */
  readonly blur: () => void;
  readonly report: () => { readonly neverCarried: readonly string[]; readonly notKnown: readonly string[] };
}

/** Counts the tags that the policy speaks of. The log holds tags sorted: what was cut away stands after the last. */
export function createTagTally(document: PolicyDocument): TagTally {
  const carried = new Set<string>();
  /** The least of the tags behind which some job's list was cut. */
  let cutAfter: string | null = null;
  return {
    take: (body) => {
      let cut = false;
      for (const list of [readList(body.risk_tags), readList(body.derived_tags)]) {
        const tags = textsOf(list);
        for (const tag of tags) carried.add(tag);
        if (list?.cut !== true) continue;
        cut = true;
        const last = tags.at(-1) ?? "";
        if (cutAfter === null || last < cutAfter) cutAfter = last;
      }
      return cut;
    },
    blur: () => {
      cutAfter = "";
    },
    report: () => {
      const absent = tagsOf(document).filter((tag) => !carried.has(tag));
      const isCut = (tag: string): boolean => cutAfter !== null && tag > cutAfter;
      return { neverCarried: absent.filter((tag) => !isCut(tag)), notKnown: absent.filter(isCut) };
    },
  };
}

/** Every tag that the policy speaks of, sorted. */
function tagsOf(document: PolicyDocument): readonly string[] {
  const tags = new Set<string>([...Object.keys(document.tags ?? {}), ...(document.tiers ?? [])]);
  for (const { match } of [...document.rules, ...(document.outputs ?? [])]) {
    for (const keys of blocksOf(match)) for (const tag of tagsOfKeys(keys)) tags.add(tag);
  }
  return [...tags].sort();
}

function blocksOf(match: MatchDocument): readonly MatchKeys[] {
  return match.unless === undefined ? [match] : [match, match.unless];
}

function tagsOfKeys({ risk_tags: tags, when }: MatchKeys): readonly string[] {
  const named =
    tags === undefined || !isMap(tags as Json) ? [] : Object.values(tags as Record<string, string[]>).flat();
  if (when === undefined) return named;
  const compiled = compileCondition(when);
  return compiled.ok ? [...named, ...(compiled.condition.tagsNamed ?? [])] : named;
}
