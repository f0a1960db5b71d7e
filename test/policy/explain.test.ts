import { describe, expect, test } from "vitest";
import { admit, DEFAULT_MAX_JOB_BYTES } from "../../src/job/admit.js";
import { compilePolicy, decideAdmitted, explainAdmitted } from "../../src/policy/policy.js";

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
    const { decision, because, matched, text } = both.explain({
      topic: "files.read.x",
      tenantId: "acme",
      riskTags: ["prod"],
      payload: { size: 1 },
    });
    expect(decision.type).toBe("REQUIRE_APPROVAL");
    expect(because).toBe("`hold` is the most severe of 4 rules that match");
    // To the key: a rule that did not err has no `error`.
    expect(matched).toStrictEqual([
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
    expect(text).toContain("  `narrow`: permits the job; at most 2 at a time; limits max_retries to 1; ");
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

  test("what a rule adds is told in words, for every kind of rule", () => {
    const adds = (rule: string, head = "", job = {}): readonly string[] | undefined =>
      policy(`  - { id: a, match: { topics: ["**"] }, ${rule} }\n`, head).explain({ topic: "x", ...job }).matched[0]
        ?.adds;
    expect(adds("decision: deny")).toEqual(["refuses the job"]);
    expect(adds("decision: throttle")).toEqual(["throttles the job, always"]);
    expect(adds("decision: allow")).toEqual(["permits the job"]);
    expect(adds("decision: require_approval")).toEqual(["permits the job", "asks 1 human to approve"]);
    expect(adds("decision: require_approval, approval: { quorum: 2 }")).toEqual([
      "permits the job",
      "asks 2 humans to approve",
    ]);
    expect(adds("decision: require_approval, approval: { roles: [ops] }")).toEqual([
      "permits the job",
      "asks 1 human with the role `ops` to approve",
    ]);
    const held = "default: require_approval\n";
    expect(adds("decision: throttle, throttle: { limit: 3, window_sec: 5 }", held)).toEqual(["at most 3 in 5 s"]);
    expect(adds("decision: throttle, throttle: { limit: 3, window_sec: 5 }")).toEqual(["nothing: the job is refused"]);
    const limits = "constraints: { max_runtime_sec: 9, max_concurrent: 1, network: { deny: [h] } }";
    expect(adds(`decision: allow_with_constraints, ${limits}`)).toEqual([
      "permits the job",
      "at most 1 at a time",
      "limits max_runtime_sec to 9",
      'limits network to {"deny":["h"]}',
    ]);
  });

  test("a rule beside a limit without a number adds nothing, for the job is refused", () => {
    const { because, matched, text } = policy(`
  - { id: open, match: { topics: ["**"] }, decision: allow }
  - { id: stop, match: { topics: ["**"] }, decision: throttle }
`).explain({ topic: "x" });
    expect(because).toBe("`stop` is the most severe of 2 rules that match");
    expect(matched).toEqual([
      { id: "open", reached: "permits", decided: false, adds: ["nothing: the job is refused"] },
      { id: "stop", reached: "permits", decided: true, adds: ["throttles the job, always"] },
    ]);
    expect(text).toContain("THROTTLE by `stop`: rule `stop` matched");
  });

  test("a rule that stands alone is told as the only one", () => {
    const { because, matched, text } = policy("  - { id: a, match: { topics: [x] }, decision: allow }\n").explain({
      topic: "x",
    });
    expect(because).toBe("`a` is the only rule that matches");
    expect(matched).toHaveLength(1);
    expect(text).toBe(
      [
        "ALLOW by `a`: rule `a` matched",
        "because `a` is the only rule that matches",
        "",
        "rules that match",
        "  `a` (decides): permits the job",
      ].join("\n"),
    );
  });

  test("under first_match an error ends the search as a refusal, and the text says what went wrong", () => {
    const { decision, because, matched, notReached, text } = policy(
      `
  - { id: a, match: { when: job.payload.x }, decision: allow }
  - { id: b, match: { topics: ["**"] }, decision: allow }
  - { id: c, match: { topics: ["*"] }, decision: allow }
`,
      "combining: first_match\n",
    ).explain({ topic: "x", payload: {} });
    expect([decision.type, decision.ruleId]).toEqual(["DENY", "a"]);
    expect(because).toBe("a condition of `a` could not be told, which ends the search as a refusal");
    const error = "`job.payload.x` is missing";
    expect(matched).toEqual([
      { id: "a", reached: "erred", decided: true, adds: ["ends the search as a refusal"], error },
    ]);
    expect(notReached).toEqual(["b", "c"]);
    expect(text).toBe(
      [
        "DENY by `a`: a condition could not be told: rule `a` matched",
        "because a condition of `a` could not be told, which ends the search as a refusal",
        "",
        "rules that match",
        "  `a` (decides): ends the search as a refusal",
        "    its condition: `job.payload.x` is missing",
        "",
        "matching, but not looked at any more: `b`, `c`",
      ].join("\n"),
    );
  });

  test.each([
    "unless: { when: job.payload.x }",
    "when: 'true', unless: { when: job.payload.x }",
    "when: job.payload.x, unless: { when: 'false' }",
  ])("an exception that could not be told is told as a condition is, also beside one that could: %s", (match) => {
    const { matched } = policy(`  - { id: a, match: { topics: ["**"], ${match} }, decision: deny }\n`).explain({
      topic: "x",
      payload: {},
    });
    expect(matched[0]).toMatchObject({ reached: "erred", error: "`job.payload.x` is missing" });
  });

  test("ten near misses at most are told, those that lack least first and in file order", () => {
    const rules = Array.from(
      { length: 12 },
      (_, n) =>
        `  - { id: r${n}, match: { topics: [y], ${n === 11 ? "" : "tenants: [t], "}actors: [a] }, decision: allow }`,
    );
    const { nearMisses, text } = policy(rules.join("\n")).explain({ topic: "x" });
    expect(nearMisses.map(({ id, failing }) => [id, failing])).toEqual([
      ["r11", 2],
      ...Array.from({ length: 9 }, (_, n) => [`r${n}`, 3]),
    ]);
    expect(text).toContain("\n  `r11`: `topics` wants `y`, the job has `x` (and 1 more)\n");
    expect(text).toContain("\n  `r0`: `topics` wants `y`, the job has `x` (and 2 more)\n");
  });

  test("of a job that no policy can be asked about there is nothing but the reason", () => {
    const explanation = both.explain({ topic: "a..b" });
    const reason = "the job is malformed: `topic` must be dot-separated segments of letters, digits and _:@%~+-";
    expect(explanation).toEqual({
      decision: both.decide({ topic: "a..b" }),
      because: reason,
      matched: [],
      notReached: [],
      nearMisses: [],
      text: `DENY by \`@invalid\`: ${reason}\nbecause ${reason}`,
    });
    expect(Object.isFrozen(explanation)).toBe(true);
  });
});

describe("explain of a job that was admitted", () => {
  const held = policy(
    `
  - { id: mine, match: { risk_tags: [mine] }, decision: require_approval }
  - { id: open, match: { topics: ["**"] }, decision: allow }
  - { id: asks, match: { when: "'mine' in job.risk_tags" }, decision: deny }
`,
  );
  const { job } = admitOf({ topic: "x", riskTags: ["mine"] });

  test("says where a rule is only met by tags that nobody vouches for", () => {
    const { decision, matched, text } = explainAdmitted(held, job, [], "restrict_only");
    expect(decision.ruleId).toBe("asks");
    expect(matched.map(({ id, reached }) => [id, reached])).toEqual([
      ["mine", "restricts"],
      ["open", "permits"],
      ["asks", "restricts"],
    ]);
    expect(text).toContain("  `mine` (by tags that are only declared): nothing: the job is refused\n");
    expect(text).toContain("  `asks` (decides, by tags that are only declared): refuses the job");
    expect(explainAdmitted(held, job, ["mine"], "restrict_only").matched.map(({ reached }) => reached)).toEqual([
      "permits",
      "permits",
      "permits",
    ]);
  });

  test("says of such a rule that its permission does not count", () => {
    const soft = policy(`
  - { id: mine, match: { risk_tags: [mine] }, decision: require_approval }
  - { id: open, match: { topics: ["**"] }, decision: allow }
`);
    expect(explainAdmitted(soft, job, [], "restrict_only").matched[0]).toEqual({
      id: "mine",
      reached: "restricts",
      decided: true,
      adds: ["its permission does not count", "asks 1 human to approve"],
    });
  });

  test("is refused for what is no compiled policy", () => {
    expect(() => explainAdmitted({} as never, job, [], "trusted")).toThrow(new TypeError("not a compiled policy"));
    expect(() => decideAdmitted({} as never, job, [], "trusted")).toThrow(new TypeError("not a compiled policy"));
  });
});

function admitOf(input: object) {
  const result = admit(input, { jobId: "j", traceId: "t", maxJobBytes: DEFAULT_MAX_JOB_BYTES });
  if (!result.ok) throw new Error(result.issue.message);
  return result.admission;
}
