import type { Decision } from "../outcome.js";
import type { Condition } from "../policy/condition.js";
import type { MatchDocument, PolicyDocument, RuleDocument } from "../policy/document.js";
import type { Policy } from "../policy/policy.js";
import { type Block, conditionOf, covers, readBlock, type Trust } from "./block.js";
import { chargedBlock, chargedNeighbours, chargedOracle } from "./charge.js";
import type { Finding, FindingKind, Undecided } from "./finding.js";
import { BudgetSpent, type Ledger } from "./meter.js";
import { createNeighbours, type Neighbours } from "./neighbours.js";
import type { Answer, Oracle, Wanted } from "./oracle.js";
import { type Solver, search } from "./search.js";
import type { Point } from "./space.js";
import type { Part, StudiedRule } from "./studied-rule.js";
import { ABSENT, DECLARED, DERIVED } from "./tag-set.js";

/** One policy under study: what is made of it once, and where findings go. */
export interface Study {
  readonly document: PolicyDocument;
  readonly trust: Trust;
  readonly rules: readonly StudiedRule[];
  readonly byId: ReadonlyMap<string, StudiedRule>;
  readonly neighbours: Neighbours;
  readonly solver: Solver;
  /** What the run may still cost. Work that no meter counts MUST be charged here. */
  readonly ledger: Ledger;
  readonly oracle: Oracle;
  /** Of each rule that is proved to have its effect, a job that shows it. */
  readonly reached: Map<string, Answer>;
  /** Rules that are proved to have no effect at all. */
  readonly dead: Set<StudiedRule>;
  readonly report: (finding: Finding) => void;
  readonly undecided: (ruleIds: readonly string[], message: string) => void;
  /** The engine contradicts the solver: one of them is wrong. */
  readonly contradicted: (ruleIds: readonly string[], message: string) => void;
}

/** Findings of one kind that are listed. */
const MAX_LISTED = 1_000;

export interface Collected {
  readonly findings: Finding[];
  readonly omitted: Map<FindingKind, number>;
  readonly undecided: Undecided[];
}

export function createStudy(
  policy: Policy,
  trust: Trust,
  ledger: Ledger,
  collected: Collected,
  contradicted: Study["contradicted"],
): Study {
  const document = policy.document as unknown as PolicyDocument;
  const rules = document.rules.map((rule, number) => studyRule(rule, number, trust, ledger));
  const byId = new Map(rules.map((rule) => [rule.id, rule]));
  const neighbours = createNeighbours(document.rules.map((rule) => rule.match));
  const counts = new Map<FindingKind, number>();
  return {
    document,
    trust,
    rules,
    byId,
    neighbours: chargedNeighbours(neighbours, ledger),
    solver: { world: worldOf(document, trust), meter: ledger.open },
    ledger,
    oracle: chargedOracle(policy, trust, { byId, rules, neighbours }, ledger),
    reached: new Map(),
    dead: new Set(),
    report: (finding) => {
      const count = (counts.get(finding.kind) ?? 0) + 1;
      counts.set(finding.kind, count);
      if (count <= MAX_LISTED) collected.findings.push(finding);
      else collected.omitted.set(finding.kind, count - MAX_LISTED);
    },
    // What the run could not pay for is counted, and told once.
    undecided: (ruleIds, message) => {
      if (!ledger.isSpent()) collected.undecided.push({ ruleIds, message });
    },
    contradicted,
  };
}

function studyRule(document: RuleDocument, number: number, trust: Trust, ledger: Ledger): StudiedRule {
  const part = partOf(document);
  return {
    number,
    id: document.id,
    part,
    document,
    block: chargedBlock(readBlock(document.match, part === "grant" ? "permission" : "restriction", trust), ledger),
    conditions: conditionsIn(document.match),
  };
}

function partOf(rule: RuleDocument): Part {
  if (rule.decision === "deny") return "refusal";
  if (rule.decision === "throttle") return rule.throttle === undefined ? "refusal" : "limit";
  return "grant";
}

function conditionsIn(match: MatchDocument): readonly Condition[] {
  return [match.when, match.unless?.when].filter((source) => source !== undefined).map(conditionOf);
}

function worldOf(document: PolicyDocument, trust: Trust): Solver["world"] {
  const tiers = document.tiers ?? [];
  return {
    states: trust === "trusted" ? ABSENT | DECLARED : ABSENT | DECLARED | DERIVED,
    vocabulary: document.tags === undefined ? null : new Set([...Object.keys(document.tags), ...tiers]),
    tiers,
    tierStates: trust === "trusted" ? DECLARED : DERIVED,
  };
}

/** True for a block that matches exactly the jobs its keys and exception say. */
export function isExact(block: Block): boolean {
  return !block.never && block.when === null && block.unlessWhen === null;
}

/** A question: is there a job in all of these blocks that no rule of some takes, and of which the engine says this? */
export interface Question {
  readonly about: readonly StudiedRule[];
  readonly inside: readonly Block[];
  readonly takers: (rule: StudiedRule) => boolean;
  readonly isWanted: Wanted;
}

export type Reply =
  | { readonly status: "found"; readonly answer: Answer }
  /** Proved: there is none. `takers`: rules that together take every job of the blocks. */
  | { readonly status: "none"; readonly takers: readonly StudiedRule[] }
  | { readonly status: "undecided" };

/**
 * First among jobs that no condition can spoil; then among all, where a rule with a condition takes nothing for sure.
 * Only the second is a proof that there is none.
 */
export function resolve(study: Study, question: Question): Reply {
  const ids = question.about.map((rule) => rule.id);
  const conditions = question.about.flatMap((rule) => rule.conditions);
  try {
    const careful = question.inside.map((block): Block => ({ ...block, unlessWhen: null }));
    const clear = search(study.solver, careful, (point) => takerOf(study, question, point, isPossible)?.block);
    const early = clear === null ? null : study.oracle.confirm(clear, question.isWanted, conditions);
    if (early !== null) return { status: "found", answer: early };
    const takers = new Set<StudiedRule>();
    const point = search(study.solver, question.inside, (at) => {
      const taker = takerOf(study, question, at, (rule) => isExact(rule.block));
      if (taker !== undefined) takers.add(taker);
      return taker?.block;
    });
    if (point === null) return { status: "none", takers: [...takers].sort((a, b) => a.number - b.number) };
    const answer = study.oracle.confirm(point, question.isWanted, conditions);
    if (answer !== null) return { status: "found", answer };
    const because = conditional(study, question, point);
    if (because.length === 0) study.contradicted(ids, `the engine does not confirm the job ${shown(study, point)}`);
    else
      study.undecided(
        [...ids, ...because.filter((id) => !ids.includes(id))],
        "because of `when`: no value that was tried decides it",
      );
  } catch (error) {
    if (!(error instanceof BudgetSpent)) throw error;
    study.undecided(ids, "the budget of the question is spent");
  }
  return { status: "undecided" };
}

function isPossible(rule: StudiedRule): boolean {
  return !rule.block.never;
}

function takerOf(
  study: Study,
  question: Question,
  point: Point,
  counts: (rule: StudiedRule) => boolean,
): StudiedRule | undefined {
  for (const number of study.neighbours.at(point)) {
    const rule = study.rules[number] as StudiedRule;
    if (question.takers(rule) && counts(rule) && covers(rule.block, point)) return rule;
  }
  return undefined;
}

/** Rules with a condition that have a say about the job. */
function conditional(study: Study, question: Question, point: Point): readonly string[] {
  const own = question.about.filter((rule) => rule.conditions.length > 0);
  const others = study.neighbours.at(point).map((number) => study.rules[number] as StudiedRule);
  const met = others.filter((rule) => !isExact(rule.block) && rule.conditions.length > 0);
  return [...new Set([...own, ...met].map((rule) => rule.id))];
}

function shown(study: Study, point: Point): string {
  return JSON.stringify({ ...point, labels: [...point.labels], tags: [...point.tags], trust: study.trust });
}

export function isRefused(decision: Decision): boolean {
  return decision.type === "DENY" || decision.type === "THROTTLE";
}

/** The rule matched, and no condition of it was left open. */
export function matchedFor(decision: Decision, rule: StudiedRule): boolean {
  return decision.matched.includes(rule.id) && !decision.erred.includes(rule.id);
}

/** The rules that stand in the way of one: all refusals, or under `first_match` whatever ends the search before it. */
export function takersOf(study: Study, rule: StudiedRule): (other: StudiedRule) => boolean {
  if (study.document.combining === "first_match")
    return (other) => other.number < rule.number && other.part !== "limit";
  return rule.part === "grant" ? (other) => other.part === "refusal" : () => false;
}
