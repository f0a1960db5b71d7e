import { nearest } from "../nearest.js";
import { type Block, conditionOf, isEmptyList, readBlock } from "./block.js";
import { reportOf } from "./finding.js";
import { studyPatterns, type Worded } from "./patterns.js";
import { askAt, attempt, nearestMiss } from "./reach.js";
import { search } from "./search.js";
import type { Key } from "./space.js";
import type { Study } from "./study.js";

/** What can be told from the words of single rules: patterns, exceptions, conditions and tags. */
export function studyWords(study: Study): void {
  const { rules, outputs = [] } = study.document;
  const worded = [
    ...rules.map(({ id, match }, number): Worded => ({ id, match, path: `/rules/${number}/match` })),
    ...outputs.map(({ id, match }, number): Worded => ({ id, match, path: `/outputs/${number}/match` })),
  ];
  for (const item of worded) {
    studyPatterns(study, item);
    reportConstant(study, item, item.match.when, `${item.path}/when`);
    reportConstant(study, item, item.match.unless?.when, `${item.path}/unless/when`);
  }
  reportTags(study, worded);
}

function reportConstant(study: Study, item: Worded, source: string | undefined, path: string): void {
  if (source === undefined) return;
  const { constant } = conditionOf(source);
  if (constant === undefined) return;
  const says = typeof constant === "boolean" ? `is always ${constant}` : "errs on every job";
  const keys: readonly Key[] = readBlock(item.match, "restriction", study.trust).keys;
  const open: Block = { keys, unless: null, when: null, unlessWhen: null, never: false };
  const point = attempt(() => search(study.solver, [open], () => undefined)) ?? nearestMiss(study, open)?.point;
  const answers = point === undefined ? [] : [askAt(study, point)];
  const message = `the \`when\` of \`${item.id}\` looks at no job: it ${says}`;
  study.report(reportOf("condition_constant", "warning", message, item.id, path, answers));
}

/** Tags that stand once in the whole policy, and are not in its vocabulary. */
function reportTags(study: Study, worded: readonly Worded[]): void {
  const { vocabulary, tiers } = study.solver.world;
  const uses = new Map<string, { readonly item: Worded; readonly path: string; count: number }>();
  const use = (tag: string, item: Worded, path: string): void => {
    const known = uses.get(tag);
    if (known === undefined) uses.set(tag, { item, path, count: 1 });
    else known.count += 1;
  };
  for (const item of worded) {
    for (const [block, path] of [
      [item.match, item.path],
      [item.match.unless ?? {}, `${item.path}/unless`],
    ] as const) {
      const tags = block.risk_tags;
      if (tags !== undefined && !isEmptyList(tags)) {
        for (const key of ["any", "all", "none"] as const) {
          for (const [index, tag] of (tags[key] ?? []).entries()) use(tag, item, `${path}/risk_tags/${key}/${index}`);
        }
      }
      if (block.when !== undefined) {
        for (const tag of conditionOf(block.when).tagsNamed ?? []) use(tag, item, `${path}/when`);
      }
    }
  }
  for (const [tag, { item, path, count }] of uses) {
    if (count > 1 || vocabulary?.has(tag) === true || tiers.includes(tag)) continue;
    // One letter for another in a short tag makes another word.
    const meant =
      tag.length < 4
        ? undefined
        : nearest(
            tag,
            [...uses.keys()].filter((other) => other !== tag),
          );
    study.report({
      kind: "tag_used_once",
      severity: meant === undefined ? "info" : "warning",
      message: `the tag \`${tag}\` stands only once in the policy, in \`${item.id}\``,
      help:
        meant === undefined
          ? "list the policy's words under `tags`, so that others are errors"
          : `did you mean \`${meant}\`?`,
      ruleIds: [item.id],
      path,
      witnesses: [],
    });
  }
}
