import fc from "fast-check";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { importCordum } from "../../src/cli/import-cordum.js";
import type { DecidableJob } from "../../src/job/job.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";
import { cases, FULL_TIME } from "../scale.js";
import { type CordumJob, type CordumPolicy, evaluations, goMatch } from "./cordum-reference.js";

/** Random policies, with 20 random jobs each. */
const RUNS = cases("imported policies against Cordum's own reading", 150, 2_000);
const SEVERITY = ["ALLOW", "ALLOW_WITH_CONSTRAINTS", "REQUIRE_APPROVAL", "THROTTLE", "DENY"];
const severity = (type: string): number => SEVERITY.indexOf(type);

function rewrite(policy: CordumPolicy): string {
  const result = importCordum(stringify(policy, { aliasDuplicateObjects: false }));
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.imported.yaml;
}

const some = <T>(items: fc.Arbitrary<T>, maxLength = 2): fc.Arbitrary<T[]> =>
  fc.array(items, { minLength: 1, maxLength });

const piece = fc.constantFrom("*", "*", "?", "a", "b", "ab", ".", ".", "[ab]", "[^a]", "[a-c.]", "\\a", "[b-a]", "-");
const oddPiece = fc.constantFrom("[", "]", "\\", "[]", "**", "[a", "[^]", "{a,b}", "é", " ", "[^^]", "[--a]", "!", "(");
const goPattern = fc
  .tuple(
    fc.constantFrom("job.", "job.", "job.", "job", "*", ""),
    fc.array(fc.oneof({ weight: 14, arbitrary: piece }, { weight: 1, arbitrary: oddPiece }), { maxLength: 6 }),
  )
  .map(([start, pieces]) => start + pieces.join(""))
  .filter((pattern) => pattern.trim() !== "");
const topic = fc
  .tuple(
    fc.constantFrom("job", "job", "job", "jobs", "a"),
    fc.array(fc.constantFrom("a", "b", "ab", "ba", "c", "aab", "-"), { maxLength: 4 }),
  )
  .map((segments) => segments.flat().join("."));

const job = (fields: Partial<CordumJob>): CordumJob => ({
  tenantId: "default",
  topic: "job.a",
  actor: null,
  capability: null,
  riskTags: [],
  requires: [],
  labels: {},
  ...fields,
});

const SLOW = { timeout: FULL_TIME };

test("a topic pattern matches the same legal topics as Go's path.Match, on 20,000 pairs", SLOW, () => {
  let pairs = 0;
  let matched = 0;
  fc.assert(
    fc.property(goPattern, fc.array(topic, { minLength: 20, maxLength: 20 }), (pattern, topics) => {
      const policy = compilePolicy({
        yaml: rewrite({ rules: [{ id: "r", match: { topics: [pattern] }, decision: "allow" }] }),
      });
      for (const name of topics) {
        const wanted = name.startsWith("job.") && goMatch(pattern.trim(), name);
        pairs += 1;
        if (wanted) matched += 1;
        expect({ pattern, name, allows: policy.decide({ topic: name }).type === "ALLOW" }).toEqual({
          pattern,
          name,
          allows: wanted,
        });
      }
    }),
    { numRuns: 1_000, endOnFailure: true },
  );
  expect(pairs).toBeGreaterThanOrEqual(20_000);
  expect(matched).toBeGreaterThan(500);
});

test("control: patterns taken over as they stand do not match the same topics", () => {
  const policy = compilePolicy({
    yaml: 'version: v1\nrules: [{ id: r, match: { topics: ["job.*"] }, decision: allow }]',
  });
  expect(goMatch("job.*", "job.a.b")).toBe(true);
  expect(policy.decide({ topic: "job.a.b" }).type).toBe("DENY");
});

const plainMatch = {
  tenants: some(fc.constantFrom("acme", "globex")),
  topics: some(fc.constantFrom("job.*", "job.a", "job.a.*", "job.*.b", "job.?", "*", "job.[ab]*", "job.a*b*")),
  capabilities: some(fc.constantFrom("read", "pay*")),
  risk_tags: some(fc.constantFrom("prod", "money", "Prod", "secrets")),
  requires: some(fc.constantFrom("gpu", "net*")),
  pack_ids: some(fc.constantFrom("ops", "o*s")),
  actor_ids: some(fc.constantFrom("bot-1", "bot*")),
  actor_types: some(fc.constantFrom("human", "Service")),
  labels: fc.dictionary(fc.constantFrom("env", "pack_id"), fc.constantFrom("prod", "a*b", "", "ops"), { minKeys: 1 }),
  label_allowlist: fc.dictionary(fc.constantFrom("env"), some(fc.constantFrom("prod", "Kiln")), { minKeys: 1 }),
  secrets_present: fc.boolean(),
  mcp: fc.record(
    {
      allow_servers: some(fc.constantFrom("github", "GitLab")),
      deny_tools: some(fc.constantFrom("drop")),
      allow_actions: some(fc.constantFrom("read")),
    },
    { requiredKeys: [] },
  ),
};
const oddMatch = {
  ...plainMatch,
  tenants: some(fc.constantFrom("acme", "ACME", "a b", "")),
  risk_tags: some(fc.constantFrom("prod", "data:pii", "data-pii", " ")),
  requires: some(fc.constantFrom("gpu", "GPU", " gpu ", "")),
  capabilities: some(fc.constantFrom("read", "Read", " ")),
  actor_types: some(fc.constantFrom("human", "robot")),
  pack_ids: some(fc.constantFrom("ops", "Ops")),
  agent_risk_tiers: some(fc.constantFrom("high")),
  label_threshold: fc.dictionary(fc.constantFrom("amount", "env"), fc.constantFrom(5, 0.5, -1), { minKeys: 1 }),
};

const keysOf = (full: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<object> =>
  fc
    .shuffledSubarray(Object.keys(full), { maxLength: 3 })
    .chain((keys) => fc.record(Object.fromEntries(keys.map((key) => [key, full[key] as fc.Arbitrary<unknown>]))));

const budgets = { budgets: { max_runtime_ms: 1_500 } };
const plainBody = fc.constantFrom(
  ...[
    "allow",
    "permit",
    "deny",
    "block",
    "require_approval",
    "require-approval",
    "require_human",
    "throttle",
    "Allow ",
  ].map((decision) => ({ decision })),
  { decision: "allow_with_constraints", constraints: budgets },
  { decision: "allow", constraints: budgets },
  { decision: "require_human", constraints: budgets },
);
const oddBody = fc.oneof(
  plainBody,
  fc.constantFrom(
    { decision: "allow-with-constraints" },
    { decision: "alow" },
    { decision: "allow", constraints: { toolchain: { allowed_tools: ["git"] } } },
    { decision: "require_approval", constraints: { sandbox: { isolated: true } } },
    { decision: "deny", constraints: budgets },
    { decision: "allow", constraints: { budgets: { max_retries: 0 } } },
  ),
);

function policies(
  match: Readonly<Record<string, fc.Arbitrary<unknown>>>,
  body: fc.Arbitrary<object>,
): fc.Arbitrary<CordumPolicy> {
  const topics = fc.array(fc.constantFrom("job.*", "job.a", "job.*.b", "sys.*"), { maxLength: 2 });
  const tenant = fc.record({ allow_topics: topics, deny_topics: topics, mcp: plainMatch.mcp }, { requiredKeys: [] });
  return fc.record(
    {
      rules: fc
        .array(fc.tuple(keysOf(match), body), { maxLength: 6 })
        .map((rules) => rules.map(([keys, rest], index) => ({ id: `r${index}`, match: keys, ...rest }))),
      default_decision: fc.constantFrom("allow", "deny"),
      tenants: fc.dictionary(fc.constantFrom("acme", "globex"), tenant),
    },
    { requiredKeys: [] },
  ) as unknown as fc.Arbitrary<CordumPolicy>;
}

const plainJob: fc.Arbitrary<CordumJob> = fc.record({
  tenantId: fc.constantFrom("acme", "globex", "default"),
  topic: fc.oneof(topic, fc.constantFrom("job.a", "job.a.b", "job.ab.c.b")),
  actor: fc.constantFrom(
    null,
    { id: "bot-1", type: "agent" },
    { id: "bot*", type: "human" },
    { id: "bot-2", type: "service" },
  ),
  capability: fc.constantFrom(null, "read", "pay*", "payment"),
  riskTags: fc.uniqueArray(fc.constantFrom("prod", "money", "secrets", "data-pii"), { maxLength: 2 }),
  requires: fc.uniqueArray(fc.constantFrom("gpu", "net*", "network"), { maxLength: 2 }),
  labels: fc.dictionary(
    fc.constantFrom("env", "pack_id", "secrets_present", "mcp.server", "mcp.tool", "mcp.action", "amount"),
    fc.constantFrom(
      "prod",
      "a*b",
      "axb",
      "ops",
      "o*s",
      "yes",
      "true",
      "github",
      "drop",
      "read",
      "GITLAB",
      "kiln",
      "7",
      "1.5",
    ),
    { maxKeys: 3 },
  ),
});
const oddJob = fc.tuple(plainJob, plainJob, fc.nat(255)).map(
  ([one, other, bits]): CordumJob => ({
    ...one,
    tenantId: bits & 1 ? one.tenantId.toUpperCase() : one.tenantId,
    capability: bits & 2 ? (one.capability?.toUpperCase() ?? " ") : one.capability,
    requires: bits & 4 ? one.requires.map((need) => ` ${need.toUpperCase()}`) : one.requires,
    labels: {
      ...one.labels,
      ...(bits & 8 ? { mcp_server: other.labels["mcp.server"] ?? "github" } : {}),
      ...(bits & 16 ? { "mcp.tool": " " } : {}),
      ...(bits & 32 ? { pack_id: "OPS" } : {}),
      ...(bits & 64 ? { env: "", amount: "1e9" } : {}),
      ...(bits & 128 ? { secrets_present: " YES\u0085" } : {}),
    },
  }),
);

const jobsOf = (one: fc.Arbitrary<CordumJob>): fc.Arbitrary<CordumJob[]> =>
  fc.array(one, { minLength: 20, maxLength: 20 });
const decide = (policy: Policy, asked: CordumJob): string => policy.decide(asked as DecidableJob).type;

test("what can be carried over whole decides every job as Cordum does", SLOW, () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(policies(plainMatch, plainBody), jobsOf(plainJob), (given, jobs) => {
      const yaml = rewrite(given);
      const policy = compilePolicy({ yaml });
      for (const asked of jobs) {
        const type = decide(policy, asked);
        // The condition on `mcp` labels asks for one spelling: a job that has another is denied, and the note says so.
        expect({ yaml, asked, type }).toEqual({ yaml, asked, type: evaluations(given, asked)[0] });
        seen.set(type, (seen.get(type) ?? 0) + 1);
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  for (const type of SEVERITY) expect(seen.get(type) ?? 0).toBeGreaterThan(2);
});

test("whatever the policy holds, no job is treated more leniently than Cordum treats it", SLOW, () => {
  let stricter = 0;
  fc.assert(
    fc.property(policies(oddMatch, oddBody), jobsOf(oddJob), (given, jobs) => {
      const yaml = rewrite(given);
      const policy = compilePolicy({ yaml });
      for (const asked of jobs) {
        const type = decide(policy, asked);
        const theirs = Math.max(...evaluations(given, asked).map(severity));
        if (severity(type) < theirs) expect({ yaml, asked, type }).toEqual({ yaml, asked, type: SEVERITY[theirs] });
        if (severity(type) > theirs) stricter += 1;
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  expect(stricter).toBeGreaterThan(2);
});

test("control: without the rules on spelling, jobs in another spelling slip past refusals", () => {
  const given: CordumPolicy = {
    rules: [{ id: "r", match: { tenants: ["acme"] }, decision: "deny" }],
    default_decision: "allow",
  };
  const { document } = compilePolicy({ yaml: rewrite(given) });
  const rules = (document.rules as readonly { id: string }[]).filter((rule) => !rule.id.startsWith("spelling-"));
  const unguarded = compilePolicy({ document: { ...document, rules } });
  const asked = job({ tenantId: "ACME" });
  expect(evaluations(given, asked)).toEqual(["DENY", "DENY"]);
  expect(decide(compilePolicy({ yaml: rewrite(given) }), asked)).toBe("DENY");
  expect(decide(unguarded, asked)).toBe("ALLOW");
});
