import { describe, expect, test } from "vitest";
import { compilePolicy } from "../../src/policy/policy.js";

const policy = (rules: string, head = ""): ReturnType<typeof compilePolicy> =>
  compilePolicy({ yaml: `version: v1\n${head}rules:\n${rules}` });

const RULES = `
  - { id: read, match: { topics: ["files.read.*"] }, decision: allow }
  - { id: narrow, match: { topics: ["files.**"], tenants: [acme] }, decision: allow_with_constraints, constraints: { max_retries: 1, max_concurrent: 2, paths: { read: [/srv] } } }
  - { id: hold, match: { topics: ["files.**"], risk_tags: { any: [prod, money], none: [test] } }, decision: require_approval, approval: { quorum: 2, kinds: [human, service], roles: [ops, finance], allow_self: true } }
  - { id: limit, match: { topics: ["**"] }, decision: throttle, throttle: { limit: 10, window_sec: 60, per: [tenant, actor] } }
  - { id: large, match: { topics: ["files.**"], when: "job.payload.size > 10.0" }, decision: deny, reason: too large }
  - { id: abroad, match: { topics: ["**"], labels: { region: [eu-*], ticket: { absent: true } } }, decision: deny }
`;

describe("explain", () => {
  const both = policy(RULES);

  test("tells every matching rule, which one decided and why, and what the others added", () => {
    const { decision, because, matched } = both.explain({
      topic: "files.read.x",
      tenantId: "acme",
      riskTags: ["prod"],
      payload: { size: 1 },
    });
    expect(decision.type).toBe("REQUIRE_APPROVAL");
    expect(because).toBe("`hold` is the most severe of 4 rules that match");
    expect(matched).toEqual([
      { id: "read", reached: "permits", decided: false, adds: ["permits the job"] },
      {
        id: "narrow",
        reached: "permits",
        decided: false,
        adds: [
          "permits the job",
          "at most 2 at a time",
          "limits max_retries to 1",
          'limits paths to {"read":[["/srv"]]}',
        ],
      },
      {
        id: "hold",
        reached: "permits",
        decided: true,
        adds: [
          "permits the job",
          "asks 2 human or services with the role `finance` or `ops` to approve, who may be the one that asks",
        ],
      },
      { id: "limit", reached: "permits", decided: false, adds: ["at most 10 in 60 s for each actor and tenant"] },
    ]);
  });

  test("tells the first key that failed of the rules nearest to matching, those that lack least first", () => {
    const { nearMisses } = both.explain({ topic: "files.write.x", riskTags: ["prod", "test"], payload: { size: 1 } });
    expect(nearMisses).toEqual([
      { id: "read", key: "topics", wanted: "`files.read.*`", had: "`files.write.x`", failing: 1 },
      { id: "narrow", key: "tenants", wanted: "`acme`", had: "`default`", failing: 1 },
      {
        id: "hold",
        key: "risk_tags",
        wanted: "any of `prod`, `money` and none of `test`",
        had: "`prod`, `test`",
        failing: 1,
      },
      { id: "large", key: "when", wanted: "`job.payload.size > 10.0`", had: "false", failing: 1 },
      { id: "abroad", key: "labels.region", wanted: "`eu-*`", had: "none", failing: 1 },
    ]);
    const labelled = both.explain({ topic: "x", labels: { region: "us", ticket: "7" } }).nearMisses;
    expect(labelled.find(({ id }) => id === "abroad")).toMatchObject({ key: "labels.region", had: "`us`", failing: 2 });
  });

  test("a condition that could not be told is named with what went wrong", () => {
    const { decision, because, matched } = both.explain({ topic: "files.read.x", payload: {} });
    expect(decision.ruleId).toBe("large");
    expect(because).toBe("a condition of `large` could not be told, so what it restricts is in force");
    expect(matched.find(({ id }) => id === "large")).toMatchObject({ reached: "erred", adds: ["refuses the job"] });
    expect(matched.find(({ id }) => id === "large")?.error).toContain("job.payload.size");
    expect(matched.find(({ id }) => id === "read")?.adds).toEqual(["nothing: the job is refused"]);
  });

  test("under first_match, rules behind the one that decides are not looked at", () => {
    const first = policy(RULES, "combining: first_match\n");
    const { because, matched, notReached } = first.explain({ topic: "files.read.x", labels: { region: "eu-1" } });
    expect(because).toBe("`read` is the first rule that matches and decides");
    expect(matched.map(({ id }) => id)).toEqual(["read"]);
    expect(notReached).toEqual(["limit", "large", "abroad"]);
  });

  test("what no rule decided is told by its reason", () => {
    expect(both.explain({ topic: "other" }).because).toBe("no rule permits this job");
    expect(both.explain({ topic: "a..b" }).because).toContain("the job is malformed");
    const tiers = policy(RULES, "tiers: [low]\n").explain({ topic: "other" });
    expect([tiers.because, tiers.matched]).toEqual([
      "a job must carry exactly one of the policy's 1 tiers, and this one carries 0 of them",
      [],
    ]);
  });

  test("the text holds it all, and nothing that could move a terminal's cursor", () => {
    const { text } = both.explain({
      topic: "files.read.x",
      labels: { region: "eu-\u001b[2J\u202e" },
      payload: { size: 1 },
    });
    expect(text).toBe(
      [
        "DENY by `abroad`: rule `abroad` matched",
        "because `abroad` is the most severe of 3 rules that match",
        "",
        "rules that match",
        "  `read`: nothing: the job is refused",
        "  `limit`: nothing: the job is refused",
        "  `abroad` (decides): refuses the job",
        "",
        "nearest of the rules that do not match",
        "  `narrow`: `tenants` wants `acme`, the job has `default`",
        "  `hold`: `risk_tags` wants any of `prod`, `money` and none of `test`, the job has none",
        "  `large`: `when` wants `job.payload.size > 10.0`, the job has false",
      ].join("\n"),
    );
    const hostile = both.explain({ topic: "x", labels: { region: "\u001b[2J\u202e", ticket: "1" } }).text;
    expect(hostile).toContain("\\u{1b}[2J\\u{202e}");
    for (const character of ["\u001b", "\u202e"]) expect(hostile.includes(character)).toBe(false);
  });

  test("the decision explained is the very one that is decided", () => {
    const job = { topic: "files.read.x", payload: { size: 1 } };
    expect(both.explain(job).decision).toBe(both.decide(job));
  });
});
