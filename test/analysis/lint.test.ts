import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import type { Finding, FindingKind, LintReport, Witness } from "../../src/analysis/finding.js";
import { type LintOptions, lint, lintStrictly } from "../../src/analysis/lint.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";
import { ask, misread } from "./universe.js";

/** A policy of rules written as `[id, decision, match, more]`. */
type Line = readonly [id: string, decision: string, match: object, more?: object];

function policyOf(lines: readonly Line[], more: object = {}): Policy {
  const rules = lines.map(([id, decision, match, rest]) => ({ id, decision, match, ...rest }));
  return compilePolicy({ document: { version: "v1", ...more, rules } });
}

/** The report, each of its witnesses asked again: what it says the engine says, it does. */
function report(policy: Policy, options: LintOptions = {}): LintReport {
  const found = lintStrictly(policy, options);
  for (const witness of found.findings.flatMap(({ witnesses }) => witnesses)) {
    const decision = ask(policy, options.declaredTags ?? "trusted", witness.job, witness.derivedTags ?? []);
    expect([decision.type, decision.ruleId]).toEqual([witness.type, witness.ruleId]);
  }
  return found;
}

const ofKind = (found: LintReport, kind: FindingKind): readonly Finding[] =>
  found.findings.filter((finding) => finding.kind === kind);

const FIRST = { combining: "first_match" };
const constrained = { constraints: { max_retries: 0 } };
const limited = (key: string): object => ({ throttle: { limit: 1, window_sec: 1, per: [key] } });

interface Case {
  readonly kind: FindingKind;
  readonly title: string;
  readonly lines: readonly Line[];
  readonly more?: object;
  readonly options?: LintOptions;
  /** Of the one finding of the kind: its message; null where there must be none. */
  readonly message: string | null;
  readonly path?: string;
  readonly witnesses?: readonly Witness[];
}

const CASES: readonly Case[] = [
  {
    kind: "never_fires",
    title: "a tag that must and must not be there",
    lines: [["a", "allow", { topics: ["job.x"], risk_tags: { any: ["p"], none: ["p"] } }]],
    message:
      "the rule `a` matches no job: its `risk_tags` can not be met together with the rest of the policy's demands",
    path: "/rules/0/match",
    witnesses: [{ job: { topic: "job.x", riskTags: ["p"] }, type: "DENY", ruleId: "@default" }],
  },
  {
    kind: "never_fires",
    title: "one of two tags, when only one of them must not be there",
    lines: [["a", "allow", { risk_tags: { any: ["p", "q"], none: ["p"] } }]],
    message: null,
  },
  {
    kind: "never_fires",
    title: "an exception that takes all",
    lines: [["a", "deny", { topics: ["job.*"], unless: { topics: ["job.**"] } }]],
    message: "the rule `a` matches no job: its `unless` takes every job that the other keys match",
    witnesses: [{ job: { topic: "job.x" }, type: "DENY", ruleId: "@default" }],
  },
  {
    kind: "never_fires",
    title: "two tiers at once",
    lines: [["a", "allow", { risk_tags: { all: ["low", "high"] } }]],
    more: { tiers: ["low", "high"] },
    message:
      "the rule `a` matches no job: its `risk_tags` can not be met together with the rest of the policy's demands",
  },
  {
    kind: "never_fires",
    title: "no tags, where every job has a tier",
    lines: [["a", "allow", { risk_tags: [] }]],
    more: { tiers: ["low", "high"] },
    message:
      "the rule `a` matches no job: its `risk_tags` can not be met together with the rest of the policy's demands",
  },
  {
    kind: "never_fires",
    title: "an exception that leaves one topic",
    lines: [["a", "deny", { topics: ["job.*"], unless: { topics: ["job.{a,b}*", "job.?"] } }]],
    message: null,
  },
  {
    kind: "unreachable",
    title: "two earlier rules that take all together",
    lines: [
      ["tagged", "deny", { risk_tags: ["p"] }],
      ["untagged", "allow", { topics: ["job.**"], risk_tags: { none: ["p"] } }],
      ["late", "require_approval", { topics: ["job.a.*"] }],
    ],
    more: FIRST,
    message: "the rule `late` is never reached: `tagged` and `untagged` take every job that it matches",
    path: "/rules/2",
    witnesses: [{ job: { topic: "job.a.x" }, type: "ALLOW", ruleId: "untagged" }],
  },
  {
    kind: "unreachable",
    title: "limits end no search",
    lines: [
      ["limit", "throttle", { topics: ["**"] }, { throttle: { limit: 1, window_sec: 1 } }],
      ["late", "allow", { topics: ["job.a.*"] }],
    ],
    more: FIRST,
    message: null,
  },
  {
    kind: "shadowed",
    title: "a permission that denials refuse whole",
    lines: [
      ["a", "allow", { topics: ["job.*"], actor_types: ["agent"] }],
      ["none", "deny", { topics: ["**"], labels: { ticket: { absent: true } } }],
      ["some", "deny", { topics: ["*.*"], labels: { ticket: ["*"] } }],
    ],
    message: "the rule `a` permits nothing: `none` and `some` refuse every job that it matches",
    path: "/rules/0",
  },
  {
    kind: "shadowed",
    title: "a label that may be empty",
    lines: [
      ["a", "allow", { topics: ["job.*"] }],
      ["none", "deny", { topics: ["**"], labels: { ticket: { absent: true } } }],
      ["some", "deny", { topics: ["*.*"], labels: { ticket: ["?*"] } }],
    ],
    message: null,
  },
  {
    kind: "redundant",
    title: "the later of two denials, by globs that overlap",
    lines: [
      ["a", "deny", { topics: ["job.a*"] }],
      ["b", "deny", { topics: ["job.*"], labels: { x: ["1"] } }],
      ["c", "deny", { topics: ["job.ab?"] }],
      ["ok", "allow", { topics: ["**"] }],
    ],
    message: "the rule `c` refuses nothing of its own: `a` refuses the same jobs",
    witnesses: [{ job: { topic: "job.abx" }, type: "DENY", ruleId: "a" }],
  },
  {
    kind: "redundant",
    title: "a denial that a throttle covers",
    lines: [
      ["a", "throttle", { topics: ["job.**"] }],
      ["c", "deny", { topics: ["job.a"] }],
    ],
    message: null,
  },
  {
    kind: "opposite_overlap",
    title: "neither holds the other",
    lines: [
      ["a", "allow", { topics: ["job.*"] }],
      ["d", "deny", { risk_tags: ["p"] }],
    ],
    message: "`d` refuses some of the jobs that `a` would permit",
    witnesses: [{ job: { topic: "job.x", riskTags: ["p"] }, type: "DENY", ruleId: "d" }],
  },
  {
    kind: "opposite_overlap",
    title: "an exception within a permission",
    lines: [
      ["a", "allow", { topics: ["job.**"] }],
      ["d", "deny", { topics: ["job.x.*"] }],
    ],
    message: null,
  },
  {
    kind: "pattern_matches_nothing",
    title: "one that the exception takes whole",
    lines: [["a", "allow", { topics: ["job.a.*", "job.b.*"], unless: { topics: ["job.b.**"] } }]],
    message: "the pattern `job.b.*` matches nothing where it stands in `a`",
    path: "/rules/0/match/topics/1",
    witnesses: [{ job: { topic: "job.b.x" }, type: "DENY", ruleId: "@default" }],
  },
  {
    kind: "pattern_matches_nothing",
    title: "one that the exception takes in part",
    lines: [["a", "allow", { topics: ["job.a.*", "job.b.*"], unless: { topics: ["job.b.x*"] } }]],
    message: null,
  },
  {
    kind: "pattern_redundant",
    title: "one that two others cover together",
    lines: [["a", "allow", { topics: ["job.*", "job.*.**", "job.**"] }]],
    message: "the pattern `job.**` of `a` adds nothing to the others in its list",
    path: "/rules/0/match/topics/2",
  },
  {
    kind: "pattern_redundant",
    title: "two that overlap",
    lines: [["a", "allow", { topics: ["job.a*", "job.*a"] }]],
    message: null,
  },
  {
    kind: "exception_never_applies",
    title: "another topic",
    lines: [["a", "deny", { topics: ["job.a.*"], unless: { topics: ["job.b.*"] } }]],
    message: "the `unless` of `a` excepts nothing: no job that the rule matches is in it",
  },
  {
    kind: "exception_never_applies",
    title: "a topic within",
    lines: [["a", "deny", { topics: ["job.a.*"], unless: { topics: ["job.*.b"] } }]],
    message: null,
  },
  {
    kind: "untrusted_permission",
    title: "by adding a tag",
    lines: [["a", "allow", { topics: ["job.*"], risk_tags: ["safe"] }]],
    message: "adding the tag `safe` turns a denial by `@default` into a permission by `a`",
    witnesses: [
      { job: { topic: "job.x" }, type: "DENY", ruleId: "@default" },
      { job: { topic: "job.x", riskTags: ["safe"] }, type: "ALLOW", ruleId: "a" },
    ],
  },
  {
    kind: "untrusted_permission",
    title: "by omitting a tag",
    lines: [
      ["a", "allow", { topics: ["job.*"] }],
      ["d", "deny", { risk_tags: ["p"] }],
    ],
    message: "omitting the tag `p` turns a denial by `d` into a permission by `a`",
  },
  {
    kind: "untrusted_permission",
    title: "by changing a label",
    lines: [
      ["a", "require_approval", { topics: ["job.*"] }],
      ["d", "deny", { labels: { env: ["prod"] } }],
    ],
    message: "omitting the label `env` turns a denial by `d` into a need for approval by `a`",
  },
  {
    kind: "untrusted_permission",
    title: "tags that are not trusted",
    lines: [["a", "allow", { topics: ["job.*"], risk_tags: ["safe"] }]],
    options: { declaredTags: "restrict_only" },
    message: null,
  },
  {
    kind: "untrusted_permission",
    title: "fields that the host asserts",
    lines: [["a", "allow", { topics: ["job.*"], tenants: ["t"], actor_types: ["human"] }]],
    message: null,
  },
  {
    kind: "per_choosable",
    title: "any value",
    lines: [
      ["l", "throttle", { topics: ["job.*"] }, limited("label:run")],
      ["a", "allow", { topics: ["job.*"] }],
    ],
    message: "`l` is counted by the label `run`, which may have any number of values: each has a limit of its own",
    path: "/rules/0/throttle/per/0",
  },
  {
    kind: "per_choosable",
    title: "two values",
    lines: [
      ["l", "throttle", { labels: { env: ["prod", "{a,b}"] } }, limited("label:env")],
      ["a", "allow", { topics: ["job.*"] }],
    ],
    message: null,
  },
  {
    kind: "narrow_deny",
    title: "a permission that goes deeper",
    lines: [
      ["a", "allow", { topics: ["job.**"] }],
      ["d", "deny", { topics: ["job.admin.*"] }],
    ],
    message: "`d` refuses `job.admin.*` but not what lies deeper, where `a` permits",
    path: "/rules/1/match/topics/0",
    witnesses: [
      { job: { topic: "job.admin.x" }, type: "DENY", ruleId: "d" },
      { job: { topic: "job.admin.x.x" }, type: "ALLOW", ruleId: "a" },
    ],
  },
  {
    kind: "narrow_deny",
    title: "a permission that goes no deeper",
    lines: [
      ["a", "allow", { topics: ["job.*.*"] }],
      ["d", "deny", { topics: ["job.admin.*"] }],
    ],
    message: null,
  },
  {
    kind: "tag_used_once",
    title: "next to another word",
    lines: [
      ["a", "allow", { topics: ["job.*"], risk_tags: { none: ["destructive"] } }],
      ["d", "deny", { risk_tags: ["destuctive"] }],
      ["e", "deny", { risk_tags: { all: ["destructive"] } }],
    ],
    message: "the tag `destuctive` stands only once in the policy, in `d`",
    path: "/rules/1/match/risk_tags/any/0",
    witnesses: [],
  },
  {
    kind: "tag_used_once",
    title: "of the vocabulary",
    lines: [["d", "deny", { risk_tags: ["destructive"] }]],
    more: { tags: { destructive: "deletes data" } },
    message: null,
  },
  {
    kind: "condition_constant",
    title: "one that looks at no job",
    lines: [["a", "allow", { topics: ["job.*"], when: "1 < 2" }]],
    message: "the `when` of `a` looks at no job: it is always true",
    path: "/rules/0/match/when",
    witnesses: [{ job: { topic: "job.x" }, type: "ALLOW", ruleId: "a" }],
  },
  {
    kind: "condition_constant",
    title: "one that looks at the payload",
    lines: [["a", "allow", { topics: ["job.*"], when: "job.payload.n < 2.0" }]],
    message: null,
  },
  {
    kind: "output_default_none",
    title: "a job that no output rule is about",
    lines: [["a", "allow", { topics: ["job.*"] }]],
    more: {
      output_default: "none",
      outputs: [{ id: "o", match: { tenants: ["t"] }, detect: ["pii"], action: "redact" }],
    },
    message: "what comes back is not looked at where no output rule matches: `output_default` is `none`",
    witnesses: [{ job: { topic: "job.x" }, type: "ALLOW", ruleId: "a" }],
  },
  {
    kind: "output_default_none",
    title: "output rules about every job",
    lines: [["a", "allow", { topics: ["job.*"] }]],
    more: {
      output_default: "none",
      outputs: [{ id: "o", match: { topics: ["**"] }, detect: ["pii"], action: "redact" }],
    },
    message: null,
  },
  {
    kind: "nothing_permitted",
    title: "permissions that never permit",
    lines: [
      ["a", "allow_with_constraints", { topics: ["job.*"] }, constrained],
      ["d", "deny", { topics: ["**"] }],
    ],
    message: "the policy permits nothing: `a` never does",
  },
  {
    kind: "nothing_permitted",
    title: "jobs that are held by default",
    lines: [["d", "deny", { topics: ["job.*"] }]],
    more: { default: "require_approval" },
    message: null,
  },
];

describe.each([...new Set(CASES.map(({ kind }) => kind))])("%s", (kind) => {
  it.each(CASES.filter((one) => one.kind === kind))(
    "$title: $message",
    ({ lines, more, options, message, path, witnesses }) => {
      const found = ofKind(report(policyOf(lines, more), options), kind);
      expect(found.map((finding) => finding.message)).toEqual(message === null ? [] : [message]);
      if (path !== undefined) expect(found[0]?.path).toBe(path);
      if (witnesses !== undefined) expect(found[0]?.witnesses).toEqual(witnesses);
    },
  );
});

describe("the example policy", () => {
  const seed = readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url), "utf8");

  it("has no dead rule where the most restrictive wins", () => {
    const found = report(compilePolicy({ yaml: seed }));
    expect(found.undecided).toEqual([]);
    expect([...found.reachable.keys()]).toHaveLength(4);
    expect(found.findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(ofKind(found, "shadowed")).toEqual([]);
  });

  it("loses a part of its denial where the first match wins", () => {
    const found = report(compilePolicy({ yaml: `combining: first_match\n${seed}` }));
    const [shadowed, ...more] = ofKind(found, "shadowed");
    expect(more).toEqual([]);
    expect(shadowed).toMatchObject({
      severity: "warning",
      ruleIds: ["deny-destructive", "require-approval-prod-write", "constrain-medium-risk"],
      witnesses: [
        { type: "REQUIRE_APPROVAL", job: { topic: "job.mcp-bridge.write.x", riskTags: ["destructive", "prod"] } },
        { type: "ALLOW_WITH_CONSTRAINTS", job: { topic: "job.agent.exec.x", riskTags: ["destructive", "medium"] } },
      ],
    });
    // The untagged reads are not among them: a destructive job is not untagged.
    expect(shadowed?.ruleIds).not.toContain("allow-low-risk-read");
  });
});

describe("conditions", () => {
  const large = { topics: ["job.pay"], when: "job.payload.amount > 1000.0" };

  it("are met by values that they name", () => {
    const found = report(
      policyOf([
        ["a", "allow", { topics: ["job.**"] }],
        ["d", "deny", large],
      ]),
    );
    expect(found.undecided).toEqual([]);
    expect(found.reachable.get("d")).toEqual({ topic: "job.pay", payload: { amount: 1001 } });
  });

  it("never cover: what lies under one is not said to be dead", () => {
    const found = report(
      policyOf([
        ["a", "allow", { topics: ["job.pay"] }],
        ["d", "deny", large],
      ]),
    );
    expect(ofKind(found, "shadowed")).toEqual([]);
    expect(found.reachable.get("a")).toMatchObject({ topic: "job.pay" });
  });

  it("that no tried value meets leave the rule undecided, by name", () => {
    const when = "job.payload.a + job.payload.b == 17.25 && job.payload.a * job.payload.b == 3.0";
    const found = report(policyOf([["a", "allow", { topics: ["job.pay"], when }]]));
    expect(found.findings.filter(({ ruleIds }) => ruleIds.includes("a"))).toEqual([]);
    expect(found.undecided).toEqual([
      { ruleIds: ["a"], message: "because of `when`: no value that was tried decides it" },
    ]);
  });
});

test("under restrict_only and first_match a permission is met though a rule before it restricts, and names the decision", () => {
  const policy = policyOf(
    [
      ["r0", "require_approval", { unless: { risk_tags: ["p"] } }],
      ["r1", "allow", { unless: { labels: { env: ["prod"] } } }],
      ["r2", "deny", { topics: ["**"] }],
    ],
    FIRST,
  );
  const found = report(policy, { declaredTags: "restrict_only" });
  expect(found.undecided).toEqual([]);
  const [shadowed] = ofKind(found, "shadowed");
  expect(shadowed?.ruleIds).toEqual(["r2", "r0", "r1"]);
  expect(shadowed?.witnesses.map(({ job, ruleId }) => [job.riskTags ?? [], ruleId])).toEqual([
    [[], "r0"],
    [["p"], "r0"],
  ]);
});

test("under restrict_only the witness of a permission carries derived tags", () => {
  const policy = policyOf(
    [
      ["a", "allow", { topics: ["job.*"], risk_tags: { any: ["safe"], none: ["p"] } }],
      ["d", "deny", { topics: ["job.*"] }],
    ],
    { combining: "first_match" },
  );
  const found = report(policy, { declaredTags: "restrict_only" });
  const [shadowed] = ofKind(found, "shadowed");
  expect(shadowed?.witnesses).toEqual([{ job: { topic: "job.x" }, derivedTags: ["safe"], type: "ALLOW", ruleId: "a" }]);
});

test("a question over its budget is undecided, and never a finding", () => {
  const lines: readonly Line[] = [
    ["wide", "deny", { topics: ["**"] }],
    ["a", "allow", { topics: ["job.*"] }],
  ];
  expect(ofKind(report(policyOf(lines)), "shadowed")).toHaveLength(1);
  const found = report(policyOf(lines), { budget: 1 });
  expect(found.findings.filter(({ kind }) => kind === "shadowed" || kind === "nothing_permitted")).toEqual([]);
  expect(found.undecided).toContainEqual({ ruleIds: ["a"], message: "the budget of the question is spent" });
});

test("what the engine contradicts throws in tests, and is undecided for users", () => {
  const policy = policyOf([["a", "allow", { topics: ["job.a"] }]]);
  const blind = misread(policy, (document) => ({
    ...document,
    rules: document.rules.map((rule) => ({ ...rule, match: { topics: ["job.b"] } })),
  }));
  expect(() => lintStrictly(blind)).toThrow("the engine does not confirm the job");
  expect(lint(blind).undecided).not.toEqual([]);
  expect(lint(blind).reachable.size).toBe(0);
});

test("of one kind 1,000 findings are listed, and the others counted", () => {
  const lines = Array.from(
    { length: 1_007 },
    (_, number): Line => [
      `r${number}`,
      "allow",
      { topics: [`job.n${number}`], risk_tags: { all: ["p"], none: ["p"] } },
    ],
  );
  const found = lint(policyOf(lines));
  expect(ofKind(found, "never_fires")).toHaveLength(1_000);
  expect([...found.omitted]).toEqual([["never_fires", 7]]);
});

test("wrong arguments are TypeErrors", () => {
  const policy = policyOf([["a", "allow", { topics: ["**"] }]]);
  expect(() => lint({ ...policy })).toThrow(new TypeError("not a compiled policy"));
  expect(() => lint(policy, { budgets: 1 } as object)).toThrow(
    new TypeError("unknown option `budgets`: did you mean `budget`?"),
  );
  expect(() => lint(policy, { budget: 0 })).toThrow(new TypeError("`budget` must be a whole number of 1 or more"));
});
