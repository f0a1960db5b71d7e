import type { DecisionType, Job } from "dispatch-gate";
import picomatch from "picomatch";
import { compilePolicy } from "./built.js";
import { median, medianRatio } from "./sample.js";
import { type BenchRule, type BenchTags, documentOf, jobOf, rulesOf, servicesOf } from "./workload.js";

/** One row of the table: what one decision costs at a number of rules, in nanoseconds. */
export interface DecideRow {
  readonly rules: number;
  /** Four jobs again and again: those of the first, the middle and the last rule, and one that no rule is for. */
  readonly fewTopics: number;
  /** Jobs of up to 1,000 different topics in turn: nothing that is kept by topic helps. */
  readonly manyTopics: number;
  /** The plain loop over the same rules, with the four jobs. */
  readonly plain: number;
  /** How many times the plain loop's cost is that of `fewTopics`: the median of pairs. */
  readonly plainRatio: number;
}

export interface DecideReport {
  readonly rows: readonly DecideRow[];
  /** What the largest policy costs against the smallest, by kind of jobs: the median of pairs. */
  readonly flatFew: number;
  readonly flatMany: number;
  /** Jobs on which both gave the same type, rule and matches. */
  readonly checked: number;
}

const SIZES = [10, 100, 1_000, 10_000] as const;
const MANY = 1_000;

/** Every sample takes about this long, in milliseconds. */
const SAMPLE_MS = 15;

type Decide = (job: Job) => { readonly matched: readonly string[] };

/** Measures `decide` against a plain loop at every size, all in turn within each round. */
export function measureDecide(rounds: number): DecideReport {
  let checked = 0;
  const subjects = SIZES.map((size) => {
    const rules = rulesOf(size);
    const policy = compilePolicy({ document: documentOf(rules) });
    const plain = plainLoop(rules);
    const few = fewJobs(size);
    const many = manyJobs(size);
    // The plain loop over 10,000 rules takes milliseconds a job: there a part of the jobs must do.
    for (const job of [...few, ...many.filter((_, n) => n % Math.ceil(size / 1_000) === 0)]) {
      sameAnswer(policy.decide(job), plain(job), job);
      checked += 1;
    }
    return {
      size,
      few: sampler((job) => policy.decide(job), few),
      many: sampler((job) => policy.decide(job), many),
      plain: sampler(plain, few),
      costs: { few: [] as number[], many: [] as number[], plain: [] as number[] },
    };
  });

  for (let round = 0; round < rounds; round += 1) {
    for (const { few, many, plain, costs } of subjects) {
      costs.few.push(few());
      costs.plain.push(plain());
      costs.many.push(many());
    }
  }

  const [smallest] = subjects;
  const largest = subjects.at(-1);
  return {
    rows: subjects.map(({ size, costs }) => ({
      rules: size,
      fewTopics: median(costs.few),
      manyTopics: median(costs.many),
      plain: median(costs.plain),
      plainRatio: medianRatio(costs.plain, costs.few),
    })),
    flatFew: medianRatio(largest?.costs.few ?? [], smallest?.costs.few ?? []),
    flatMany: medianRatio(largest?.costs.many ?? [], smallest?.costs.many ?? []),
    checked,
  };
}

function fewJobs(size: number): readonly Job[] {
  const services = servicesOf(size);
  return [0, Math.floor(services / 2), services - 1, services + 1].map((service, n) => jobOf(n, service));
}

/** Services evenly over all rules, one job in ten for none, one in ten carrying a tag that a rule for all looks at. */
function manyJobs(size: number): readonly Job[] {
  const services = servicesOf(size);
  return Array.from({ length: MANY }, (_, n) => {
    const job = jobOf(n, Math.floor((n * services) / MANY) + (n % 10 === 9 ? services : 0));
    return n % 10 === 4 ? { ...job, riskTags: ["destructive", "prod"] } : job;
  });
}

let sink = 0;

/** A function that runs one sample and answers nanoseconds a decision. Its length is found once, while it warms up. */
function sampler(decide: Decide, jobs: readonly Job[]): () => number {
  const pass = (times: number): number => {
    const began = performance.now();
    for (let time = 0; time < times; time += 1) {
      for (const job of jobs) sink += decide(job).matched.length;
    }
    return performance.now() - began;
  };
  let times = 1;
  let spent = pass(times);
  while (spent < SAMPLE_MS && times < 1_000_000) {
    times = Math.ceil(times * Math.min(8, Math.max(1.2, (1.1 * SAMPLE_MS) / spent)));
    spent = pass(times);
  }
  return () => (pass(times) * 1e6) / (times * jobs.length);
}

/** Every answer so far, so that no loop can be left out as without effect. */
export const answersSeen = (): number => sink;

interface PlainAnswer {
  readonly type: DecisionType;
  readonly ruleId: string;
  readonly matched: readonly string[];
}

const TYPES = {
  allow: "ALLOW",
  deny: "DENY",
  require_approval: "REQUIRE_APPROVAL",
  allow_with_constraints: "ALLOW_WITH_CONSTRAINTS",
} as const;

const SEVERITY = ["ALLOW", "ALLOW_WITH_CONSTRAINTS", "REQUIRE_APPROVAL", "THROTTLE", "DENY"] as const;

/** What one would write without an index: every rule in turn, its globs compiled beforehand. */
function plainLoop(rules: readonly BenchRule[]): (job: Job) => PlainAnswer {
  const compiled = rules.map(({ id, match, decision }) => ({
    id,
    type: TYPES[decision],
    isMatch: picomatch(match.topics.map((topic) => topic.replaceAll(".", "/"))),
    tags: match.risk_tags,
  }));
  return (job) => {
    const path = job.topic.replaceAll(".", "/");
    const carried = new Set(job.riskTags);
    const matched: string[] = [];
    let type: DecisionType = "DENY";
    let ruleId = "@default";
    for (const rule of compiled) {
      if (!rule.isMatch(path) || !carries(carried, rule.tags)) continue;
      matched.push(rule.id);
      if (ruleId !== "@default" && SEVERITY.indexOf(rule.type) <= SEVERITY.indexOf(type)) continue;
      type = rule.type;
      ruleId = rule.id;
    }
    return { type, ruleId, matched };
  };
}

function carries(carried: ReadonlySet<string>, tags: BenchTags | undefined): boolean {
  if (tags === undefined) return true;
  const { any, all, none } = tags;
  if (any?.some((tag) => carried.has(tag)) === false) return false;
  if (all?.every((tag) => carried.has(tag)) === false) return false;
  return none?.some((tag) => carried.has(tag)) !== true;
}

function sameAnswer(one: PlainAnswer, other: PlainAnswer, job: Job): void {
  const told = ({ type, ruleId, matched }: PlainAnswer): string => JSON.stringify([type, ruleId, matched]);
  if (told(one) === told(other)) return;
  throw new Error(`decide and the plain loop differ on ${job.topic}: ${told(one)} against ${told(other)}`);
}
