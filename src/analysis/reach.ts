import type { Decision } from "../outcome.js";
import { type Block, covers } from "./block.js";
import { type Finding, list, witnessOf } from "./finding.js";
import { BudgetSpent } from "./meter.js";
import type { Answer } from "./oracle.js";
import { search } from "./search.js";
import { ORIGIN, type Point, wholeSpace, witness } from "./space.js";
import type { StudiedRule } from "./studied-rule.js";
import { isExact, isRefused, matchedFor, resolve, type Study, takersOf } from "./study.js";

/** Which rules have an effect on some job, and which have none: `never_fires`, `unreachable`, `shadowed`. */
export function studyReach(study: Study): void {
  for (const rule of study.rules) {
    const reply = resolve(study, {
      about: [rule],
      inside: [rule.block],
      takers: takersOf(study, rule),
      isWanted: (decision) => takesEffect(decision, rule),
    });
    if (reply.status === "found") study.reached.set(rule.id, reply.answer);
    else if (reply.status === "none") reportDead(study, rule, reply.takers);
  }
}

/** A permission that permits, or a restriction that binds. */
function takesEffect(decision: Decision, rule: StudiedRule): boolean {
  return matchedFor(decision, rule) && (rule.part !== "grant" || !isRefused(decision));
}

function reportDead(study: Study, rule: StudiedRule, takers: readonly StudiedRule[]): void {
  study.dead.add(rule);
  const point = attempt(() => search(study.solver, [rule.block], () => undefined));
  if (point === undefined) {
    study.undecided([rule.id], "the budget of the question is spent");
    return;
  }
  if (point === null) {
    reportNever(study, rule);
    return;
  }
  const answer = askAt(study, point);
  if (takesEffect(answer.decision, rule)) {
    study.dead.delete(rule);
    study.contradicted([rule.id], "the engine lets a rule take effect that is proved to have none");
    return;
  }
  const ids = takers.map((taker) => taker.id);
  const first = study.document.combining === "first_match";
  study.report({
    kind: first ? "unreachable" : "shadowed",
    severity: rule.part === "refusal" ? "error" : "warning",
    message: first
      ? `the rule \`${rule.id}\` is never reached: ${list(ids)} ${ids.length === 1 ? "takes" : "take"} every job that it ${verbOf(study, rule)}`
      : `the rule \`${rule.id}\` permits nothing: ${list(ids)} ${ids.length === 1 ? "refuses" : "refuse"} every job that it ${verbOf(study, rule)}`,
    help: first
      ? `move \`${rule.id}\` before ${list(ids)}, or remove it`
      : `narrow ${list(ids)}, or remove \`${rule.id}\``,
    ruleIds: [rule.id, ...ids],
    path: `/rules/${rule.number}`,
    witnesses: [witnessOf(answer)],
  });
}

/** Where declared tags are not trusted, a permission may restrict jobs that it can not permit. */
function verbOf(study: Study, rule: StudiedRule): string {
  return study.trust === "restrict_only" && rule.part === "grant" ? "permits" : "matches";
}

function reportNever(study: Study, rule: StudiedRule): void {
  const nearest = nearestMiss(study, rule.block);
  if (nearest === undefined) {
    study.undecided([rule.id], "the budget of the question is spent");
    return;
  }
  const answer = askAt(study, nearest.point);
  const verb = verbOf(study, rule);
  if (verb === "matches" && answer.decision.matched.includes(rule.id)) {
    study.dead.delete(rule);
    study.contradicted([rule.id], "the engine matches a rule that is proved to match nothing");
    return;
  }
  study.report({
    kind: "never_fires",
    severity: "error",
    message: `the rule \`${rule.id}\` ${verb} no job: ${nearest.why}`,
    ruleIds: [rule.id],
    path: `/rules/${rule.number}/match`,
    witnesses: [witnessOf(answer)],
  });
}

interface Miss {
  readonly point: Point;
  readonly why: string;
}

/** A job that meets all of the block but what contradicts the rest. Undefined: the budget is spent. */
export function nearestMiss(study: Study, block: Block): Miss | undefined {
  const among = (changed: Block): Point | null | undefined =>
    attempt(() => search(study.solver, [changed], () => undefined));
  const open: Block = { ...block, never: false };
  if (block.never) {
    const point = among(open);
    if (point !== null && point !== undefined) return { point, why: "its `when` is always false" };
  }
  const bare = among({ ...open, unless: null });
  if (bare === undefined) return undefined;
  if (bare !== null) return { point: bare, why: "its `unless` takes every job that the other keys match" };
  // From the end: of tags that must be there and must not, what the rule is for stays.
  for (const key of [...open.keys].reverse()) {
    const point = among({ ...open, unless: null, keys: open.keys.filter((other) => other !== key) });
    if (point === undefined) return undefined;
    if (point === null) continue;
    const name = NAMES[key.on] ?? key.on;
    return { point, why: `its \`${name}\` can not be met together with the rest of the policy's demands` };
  }
  const point = attempt(() => anyPoint(study));
  return point === undefined ? undefined : { point, why: "several of its keys can not be met" };
}

const NAMES: Readonly<Record<Block["keys"][number]["on"], string>> = {
  topic: "topics",
  actorId: "actors",
  actorType: "actor_types",
  tenant: "tenants",
  capability: "capabilities",
  requires: "requires",
  label: "labels",
  tags: "risk_tags",
};

/** A job that the policy's demands on tags let through. */
export function anyPoint(study: Study): Point {
  const space = wholeSpace(study.solver.world, study.solver.meter());
  return (space === null ? null : witness(space)) ?? ORIGIN;
}

export function askAt(study: Study, point: Point): Answer {
  return study.oracle.confirm(point, () => true, []) as Answer;
}

/** Undefined when the budget is spent. */
export function attempt<T>(question: () => T): T | undefined {
  try {
    return question();
  } catch (error) {
    if (error instanceof BudgetSpent) return undefined;
    throw error;
  }
}

/** `redundant`: refusals of which every job is refused by others. Of two equal ones the later is named. */
export function studyRedundant(study: Study): void {
  if (study.document.combining === "first_match") return;
  const named = new Set<StudiedRule>();
  const found: Finding[] = [];
  for (const rule of [...study.rules].reverse()) {
    const answer = study.reached.get(rule.id);
    if (rule.part !== "refusal" || answer === undefined) continue;
    const takers = new Set<StudiedRule>();
    const point = attempt(() =>
      search(study.solver, [rule.block], (at) => {
        const taker = otherRefusal(study, rule, at, named);
        if (taker !== undefined) takers.add(taker);
        return taker?.block;
      }),
    );
    if (point === undefined) study.undecided([rule.id], "the budget of the question is spent");
    if (point !== null) continue;
    named.add(rule);
    const ids = [...takers].sort((a, b) => a.number - b.number).map((taker) => taker.id);
    found.push({
      kind: "redundant",
      severity: "info",
      message: `the rule \`${rule.id}\` refuses nothing of its own: ${list(ids)} ${ids.length === 1 ? "refuses" : "refuse"} the same jobs`,
      ruleIds: [rule.id, ...ids],
      path: `/rules/${rule.number}`,
      witnesses: [witnessOf(answer)],
    });
  }
  for (const finding of found.reverse()) study.report(finding);
}

function otherRefusal(
  study: Study,
  rule: StudiedRule,
  at: Point,
  named: ReadonlySet<StudiedRule>,
): StudiedRule | undefined {
  for (const number of study.neighbours.at(at)) {
    const other = study.rules[number] as StudiedRule;
    if (other === rule || other.part !== "refusal" || named.has(other) || !isExact(other.block)) continue;
    // A denial outranks a throttle, and so stands for it; not the other way round.
    if (rule.document.decision === "deny" && other.document.decision !== "deny") continue;
    if (covers(other.block, at)) return other;
  }
  return undefined;
}
