import type { LintReport } from "../../src/analysis/finding.js";
import { lintStrictly } from "../../src/analysis/lint.js";
import type { DecidableJob } from "../../src/job/job.js";
import type { Decision, Json } from "../../src/outcome.js";
import type { MatchKeys, PolicyDocument, RuleDocument } from "../../src/policy/document.js";
import { compilePolicy, decideAdmitted, type Policy } from "../../src/policy/policy.js";
import { admitted } from "../policy/job.js";

export type Trust = "trusted" | "restrict_only";

/** A job of the small world that is walked whole, and what the engine says of it. */
export interface Seen {
  readonly job: DecidableJob;
  readonly derived: readonly string[];
  readonly decision: Decision;
}

const segments = ["a", "b", "c"];
const TOPICS = segments.flatMap((one) => [
  one,
  ...segments.flatMap((two) => [`${one}.${two}`, ...segments.map((three) => `${one}.${two}.${three}`)]),
]);
const TAGS = ["p", "q", "r", "z"];

/** Every job that rules over the generated words can tell apart; dimensions that no rule looks at stand still. */
function everyJob(policy: Policy, trust: Trust): readonly Seen[] {
  const document = policy.document as unknown as PolicyDocument;
  const blocks = document.rules.flatMap(({ match }): MatchKeys[] => [match, match.unless ?? {}]);
  const conditions = blocks.flatMap((block) => block.when ?? []).join(" ");
  const looks = (key: keyof MatchKeys): boolean => blocks.some((block) => block[key] !== undefined);
  const tagged = looks("risk_tags") || document.tiers !== undefined || conditions.includes("risk_tags");
  let jobs: readonly { readonly job: DecidableJob; readonly derived: readonly string[] }[] = [
    { job: { topic: "a" }, derived: [] },
  ];
  const spread = (field: string, values: readonly (Json | undefined)[]): void => {
    jobs = jobs.flatMap(({ job, derived }) =>
      values.map((value) => ({ job: value === undefined ? job : { ...job, [field]: value }, derived })),
    );
  };
  if (looks("topics")) spread("topic", TOPICS);
  if (looks("tenants")) spread("tenantId", ["t", "u", "v"]);
  if (looks("actor_types"))
    spread("actor", [null, ...["human", "agent", "service"].map((type) => ({ id: "i", type }))]);
  if (looks("requires")) spread("requires", [[], ["g"], ["h"], ["g", "h"]]);
  if (looks("labels") || conditions.includes("labels")) {
    spread("labels", [undefined, { env: "prod" }, { env: "eu-1" }, { env: "" }]);
  }
  if (conditions.includes("payload")) spread("payload", [undefined, { n: 1 }, { n: 9 }]);
  if (tagged) {
    const sets = subsetsOf(TAGS.filter((tag) => document.tags === undefined || Object.hasOwn(document.tags, tag)));
    jobs = jobs.flatMap(({ job }) =>
      sets.flatMap((carried) =>
        (trust === "trusted" ? [[]] : subsetsOf(carried)).map((derived) => ({
          job: { ...job, riskTags: carried.filter((tag) => !derived.includes(tag)) },
          derived,
        })),
      ),
    );
  }
  return jobs.map(({ job, derived }) => ({ job, derived, decision: ask(policy, trust, job, derived) }));
}

export function ask(policy: Policy, trust: Trust, job: DecidableJob, derived: readonly string[]): Decision {
  return trust === "trusted" ? policy.decide(job) : decideAdmitted(policy, admitted(job), derived, trust);
}

function subsetsOf(items: readonly string[]): readonly (readonly string[])[] {
  const sets: (readonly string[])[] = [[]];
  for (const item of items) sets.push(...sets.map((set) => [...set, item]));
  return sets;
}

function takesEffect(rule: RuleDocument, { type, matched, erred }: Decision): boolean {
  if (!matched.includes(rule.id) || erred.includes(rule.id)) return false;
  const permits = rule.decision !== "deny" && rule.decision !== "throttle";
  return !permits || (type !== "DENY" && type !== "THROTTLE");
}

/**
 * Which of the jobs each rule has its effect on. Where declared tags are not trusted a permission that only restricts
 * is among the matching rules as well: there a policy of this rule alone says whether it permits.
 */
function effects(policy: Policy, trust: Trust, rule: RuleDocument, seen: readonly Seen[]): boolean {
  const hits = seen.filter(({ decision }) => takesEffect(rule, decision));
  if (trust === "trusted" || rule.decision === "deny" || rule.decision === "throttle") return hits.length > 0;
  const { tags, tiers } = policy.document as unknown as PolicyDocument;
  const rest = { ...(tags === undefined ? {} : { tags }), ...(tiers === undefined ? {} : { tiers }) };
  const alone = compilePolicy({ document: { version: "v1", ...rest, rules: [rule] } });
  return hits.some(({ job, derived }) => ask(alone, trust, job, derived).type !== "DENY");
}

export interface Tally {
  rules: number;
  dead: number;
  undecided: number;
}

/** Compares what lint says of each rule with a walk over all jobs. Answers what is wrong: nothing, when all is well. */
export function compare(policy: Policy, trust: Trust, tally: Tally, seenByLint: Policy = policy): readonly string[] {
  const document = policy.document as unknown as PolicyDocument;
  const report: LintReport = lintStrictly(seenByLint, { declaredTags: trust });
  const seen = everyJob(policy, trust);
  const conditional = JSON.stringify(document).includes('"when"');
  const undecided = new Set(report.undecided.flatMap(({ ruleIds }) => ruleIds));
  const wrong: string[] = [];
  for (const rule of document.rules) {
    const fires = effects(policy, trust, rule, seen);
    const dead = deadOf(report, document).has(rule.id);
    const job = report.reachable.get(rule.id);
    tally.rules += 1;
    if (dead) tally.dead += 1;
    if (!dead && job === undefined) tally.undecided += 1;
    if (fires && dead) wrong.push(`${rule.id} fires and is said to be dead`);
    if (dead && job !== undefined) wrong.push(`${rule.id} is said to be dead and reachable`);
    if (job !== undefined && trust === "trusted" && !takesEffect(rule, policy.decide(job))) {
      wrong.push(`${rule.id} does not fire on its job`);
    }
    if (!fires && job !== undefined && !conditional) wrong.push(`${rule.id} is said to be reachable and never fires`);
    if (!dead && job === undefined && !(conditional && undecided.has(rule.id))) wrong.push(`${rule.id} is forgotten`);
  }
  wrong.push(...wrongOfPolicy(report, document, seen, conditional));
  return wrong;
}

/** Rules of which lint says that they have no effect at all. */
function deadOf(report: LintReport, document: PolicyDocument): ReadonlySet<string | undefined> {
  const whole = document.combining === "first_match" ? ["never_fires", "unreachable"] : ["never_fires", "shadowed"];
  return new Set(report.findings.filter(({ kind }) => whole.includes(kind)).map(({ ruleIds }) => ruleIds[0]));
}

function wrongOfPolicy(
  report: LintReport,
  document: PolicyDocument,
  seen: readonly Seen[],
  conditional: boolean,
): readonly string[] {
  const wrong: string[] = [];
  const redundant = new Set(
    report.findings.filter(({ kind }) => kind === "redundant").map(({ ruleIds }) => ruleIds[0]),
  );
  const refuses = (id: string): boolean => {
    const rule = document.rules.find((other) => other.id === id);
    return rule?.decision === "deny" || (rule?.decision === "throttle" && rule.throttle === undefined);
  };
  for (const { decision } of seen) {
    const [one] = decision.matched.filter((id) => redundant.has(id));
    if (one !== undefined && !decision.matched.some((id) => refuses(id) && !redundant.has(id))) {
      wrong.push(`${one} alone refuses a job and is said to be redundant`);
      break;
    }
  }
  const permitted = seen.some(({ decision }) => decision.type !== "DENY" && decision.type !== "THROTTLE");
  const said = report.findings.some(({ kind }) => kind === "nothing_permitted");
  if (permitted && said) wrong.push("something is permitted");
  if (!permitted && !said && !conditional) wrong.push("nothing is permitted, and nobody says so");
  return wrong;
}

/** The policy, with another document for lint to read: the engine stays what it was. */
export function misread(policy: Policy, change: (document: PolicyDocument) => PolicyDocument): Policy {
  const document = change(policy.document as unknown as PolicyDocument);
  return Object.defineProperties({} as Policy, {
    ...Object.getOwnPropertyDescriptors(policy),
    document: { value: document, enumerable: true },
  });
}
