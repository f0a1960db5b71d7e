import type { DecidableJob } from "../job/job.js";
import type { DecisionType } from "../outcome.js";
import type { MatchKeys } from "../policy/document.js";
import { isEmptyList } from "./block.js";
import { type Finding, list, type Severity, witnessOf } from "./finding.js";
import type { Answer } from "./oracle.js";
import type { Meeting } from "./overlap.js";
import { attempt } from "./reach.js";
import type { StudiedRule } from "./studied-rule.js";
import { isRefused, matchedFor, type Study } from "./study.js";
import { exactly, findText, valueLanguage } from "./text.js";

/** What rests on fields that the gate does not establish itself: `untrusted_permission` and `per_choosable`. */
export function studyTrust(study: Study, meetings: readonly Meeting[]): void {
  const met = new Map<StudiedRule, Meeting[]>();
  for (const meeting of meetings) met.set(meeting.refusal, [...(met.get(meeting.refusal) ?? []), meeting]);
  for (const rule of study.rules) {
    const reached = study.reached.get(rule.id);
    if (reached === undefined) continue;
    if (rule.part === "grant") reportUntrusted(study, rule, [reached]);
    else if (rule.part === "refusal") {
      reportUntrusted(
        study,
        rule,
        (met.get(rule) ?? []).map(({ answer }) => answer),
      );
    } else reportChoosable(study, rule, reached);
  }
}

/** At most one finding for the tags and one for each label that the rule looks at. */
function reportUntrusted(study: Study, rule: StudiedRule, answers: readonly Answer[]): void {
  const { match } = rule.document;
  const blocks = match.unless === undefined ? [match] : [match, match.unless];
  if (study.trust === "trusted") {
    const named = new Set(blocks.flatMap((block) => tagsIn(block)));
    for (const condition of rule.conditions) for (const tag of condition.tagsNamed ?? []) named.add(tag);
    const looks = named.size > 0 || blocks.some((block) => block.risk_tags !== undefined);
    if (looks) reportFirst(study, rule, answers, "tags", (job) => tagVariants(study, job, [...named]));
  }
  const names = new Set(blocks.flatMap((block) => Object.keys(block.labels ?? {})));
  for (const { path } of rule.conditions.flatMap((condition) => condition.probes)) {
    if (path[0] === "labels" && path.length === 2) names.add(path[1] as string);
  }
  for (const name of names) {
    reportFirst(study, rule, answers, `label:${name}`, (job) => labelVariants(blocks, job, name));
  }
}

function tagsIn(block: MatchKeys): readonly string[] {
  const tags = block.risk_tags;
  if (tags === undefined || isEmptyList(tags)) return [];
  return [...(tags.any ?? []), ...(tags.all ?? []), ...(tags.none ?? [])];
}

function reportFirst(
  study: Study,
  rule: StudiedRule,
  answers: readonly Answer[],
  field: string,
  variants: (job: DecidableJob) => readonly DecidableJob[],
): void {
  for (const answer of answers) {
    for (const job of variants(answer.job)) {
      const other = study.oracle.ask(job, answer.derivedTags);
      const pair = pairOf(rule, answer, other);
      if (pair === undefined) continue;
      study.report(untrusted(rule, field, pair[0], pair[1]));
      return;
    }
  }
}

/** The more severe one first; undefined where the change loosens nothing, or the job is no longer one of the policy's. */
function pairOf(rule: StudiedRule, answer: Answer, other: Answer): readonly [Answer, Answer] | undefined {
  if (GATES_OWN.has(other.decision.ruleId)) return undefined;
  const difference = severityOf(other) - severityOf(answer);
  if (rule.part === "grant" && difference > 0) return [other, answer];
  return rule.part === "refusal" && difference < 0 && !isRefused(other.decision) ? [answer, other] : undefined;
}

const GATES_OWN: ReadonlySet<string> = new Set(["@tags", "@tiers", "@invalid"]);

/** From the least severe to the most. */
const BY_SEVERITY: readonly DecisionType[] = [
  "ALLOW",
  "ALLOW_WITH_CONSTRAINTS",
  "REQUIRE_APPROVAL",
  "THROTTLE",
  "DENY",
];

function severityOf({ decision }: Answer): number {
  return BY_SEVERITY.indexOf(decision.type);
}

function untrusted(rule: StudiedRule, field: string, strict: Answer, lax: Answer): Finding {
  const change = changeOf(field, strict.job, lax.job);
  const severity: Severity = change.verb === "omitting" ? "info" : "warning";
  return {
    kind: "untrusted_permission",
    severity,
    message: `${change.verb} ${change.what} turns ${word(strict.decision.type)} by \`${strict.decision.ruleId}\` into ${word(lax.decision.type)} by \`${lax.decision.ruleId}\``,
    help:
      field === "tags"
        ? "let the host derive the tag, and set `declaredTags` to `restrict_only`"
        : "make sure that the host sets the label, and never the agent",
    ruleIds: [rule.id, ...new Set([strict, lax].map(({ decision }) => decision.ruleId).filter((id) => id !== rule.id))],
    path: `/rules/${rule.number}/match`,
    witnesses: [witnessOf(strict), witnessOf(lax)],
  };
}

const WORDS: Readonly<Record<DecisionType, string>> = {
  DENY: "a denial",
  THROTTLE: "a throttle",
  REQUIRE_APPROVAL: "a need for approval",
  ALLOW_WITH_CONSTRAINTS: "a permission under constraints",
  ALLOW: "a permission",
};

function word(type: DecisionType): string {
  return WORDS[type];
}

function changeOf(
  field: string,
  from: DecidableJob,
  to: DecidableJob,
): { readonly verb: string; readonly what: string } {
  if (field !== "tags") {
    const name = field.slice("label:".length);
    const [before, after] = [from, to].map((job) => Object.hasOwn(job.labels ?? {}, name));
    const verb = before && after ? "changing" : after ? "adding" : "omitting";
    return { verb, what: `the label \`${name}\`` };
  }
  const [before, after] = [new Set(from.riskTags), new Set(to.riskTags)];
  const added = [...after].filter((tag) => !before.has(tag));
  const omitted = [...before].filter((tag) => !after.has(tag));
  const verb = omitted.length === 0 ? "adding" : added.length === 0 ? "omitting" : "changing";
  const changed = verb === "omitting" ? omitted : added;
  return { verb, what: `the ${changed.length === 1 ? "tag" : "tags"} ${list(changed)}` };
}

/** The job with one of the named tags more or less, with none of them, with a tag that no rule names, or with another tier. */
function tagVariants(study: Study, job: DecidableJob, named: readonly string[]): readonly DecidableJob[] {
  const carried = job.riskTags ?? [];
  const { vocabulary, tiers } = study.solver.world;
  const without = (gone: readonly string[]): readonly string[] => carried.filter((tag) => !gone.includes(tag));
  const sets: (readonly string[])[] = [];
  for (const tag of named) sets.push(carried.includes(tag) ? without([tag]) : [...carried, tag]);
  sets.push(without(named));
  const fresh =
    vocabulary === null ? "other" : [...vocabulary].find((tag) => !carried.includes(tag) && !tiers.includes(tag));
  if (fresh !== undefined && !carried.includes(fresh)) sets.push([...carried, fresh]);
  for (const tier of tiers) if (!carried.includes(tier)) sets.push([...without(tiers), tier]);
  return sets.map((tags) => withTags(job, [...tags].sort()));
}

function withTags(job: DecidableJob, tags: readonly string[]): DecidableJob {
  const { riskTags: _, ...rest } = job;
  return tags.length === 0 ? rest : { ...rest, riskTags: tags };
}

/** The job without the label, with a text that the block asks for, and with one that nobody does. */
function labelVariants(blocks: readonly MatchKeys[], job: DecidableJob, name: string): readonly DecidableJob[] {
  const values = new Set<string>();
  for (const block of blocks) {
    const test = Object.hasOwn(block.labels ?? {}, name) ? block.labels?.[name] : undefined;
    if (test !== undefined && !("absent" in test))
      for (const text of valueLanguage("label", test).samples) values.add(text);
  }
  values.add("other");
  const others = Object.entries(job.labels ?? {}).filter(([key]) => key !== name);
  const { labels: _, ...rest } = job;
  const bare = others.length === 0 ? rest : { ...rest, labels: Object.fromEntries(others) };
  return [bare, ...[...values].map((value) => ({ ...rest, labels: Object.fromEntries([...others, [name, value]]) }))];
}

/** A limit counted by a label that may have any number of values: whoever sets it has as many limits. */
function reportChoosable(study: Study, rule: StudiedRule, reached: Answer): void {
  for (const [index, key] of (rule.document.throttle?.per ?? []).entries()) {
    if (!key.startsWith("label:")) continue;
    const name = key.slice("label:".length);
    const { labels } = rule.document.match;
    const test = labels !== undefined && Object.hasOwn(labels, name) ? labels[name] : ["*"];
    if (test === undefined || "absent" in test) continue;
    const language = valueLanguage("label", test);
    if (language.finite) continue;
    const pair = twoBuckets(study, rule, reached, name, test);
    if (pair === undefined) {
      study.undecided([rule.id], `no two jobs were found that \`${rule.id}\` counts apart by the label \`${name}\``);
      continue;
    }
    study.report({
      kind: "per_choosable",
      severity: "warning",
      message: `\`${rule.id}\` is counted by the label \`${name}\`, which may have any number of values: each has a limit of its own`,
      help: "count by `tenant` or `actor`, or list the values the label may have",
      ruleIds: [rule.id],
      path: `/rules/${rule.number}/throttle/per/${index}`,
      witnesses: pair.map(witnessOf),
    });
  }
}

function twoBuckets(
  study: Study,
  rule: StudiedRule,
  reached: Answer,
  name: string,
  test: readonly string[],
): readonly Answer[] | undefined {
  const language = valueLanguage("label", test);
  const buckets: Answer[] = [];
  const seen: string[] = [];
  // More than two: an exception of the rule may take some of them.
  for (let tried = 0; tried < 8 && buckets.length < 2; tried += 1) {
    const outside = seen.map((text) => exactly("label", text));
    const text = attempt(() => findText("label", [language], outside, study.solver.meter()));
    if (text === null || text === undefined) return undefined;
    seen.push(text);
    const job = { ...reached.job, labels: { ...reached.job.labels, [name]: text } };
    const answer = study.oracle.ask(job, reached.derivedTags);
    if (matchedFor(answer.decision, rule)) buckets.push(answer);
  }
  return buckets.length === 2 ? buckets : undefined;
}
