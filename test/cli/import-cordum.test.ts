import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Imported, importCordum } from "../../src/cli/import-cordum.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";

const FIXTURES = new URL("fixtures/cordum/", import.meta.url);
const fixture = (name: string): string => readFileSync(new URL(name, FIXTURES), "utf8");

function imported(text: string): Imported {
  const result = importCordum(text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.imported;
}

const policyOf = (text: string): Policy => compilePolicy({ yaml: imported(text).yaml });
const said = (text: string): readonly string[] =>
  imported(text).notes.map(({ kind, line, message }) => `${kind} ${line}: ${message}`);

const rule = (body: string, rest = ""): string => `rules:\n  - { id: r, ${body} }\n${rest}`;

describe("importCordum", () => {
  it("writes a policy that loads, by first match and with deny as its default, for every fixture", () => {
    const names = readdirSync(FIXTURES);
    expect(names).toHaveLength(3);
    for (const name of names) {
      expect(policyOf(fixture(name)).document).toMatchObject({ combining: "first_match", default: "deny" });
    }
  });

  it("answers the same text for the same text", () => {
    expect(imported(fixture("payments.yaml"))).toEqual(imported(fixture("payments.yaml")));
  });

  it("keeps ids, order and reasons", () => {
    const policy = policyOf(fixture("payments.yaml"));
    expect(policy.ruleIds.filter((id) => !id.startsWith("spelling-"))).toEqual([
      ...["mcp:acme", "input:no-injection", "deny-destructive", "hold-large-payments"],
      ...["ops-pack", "burst", "people-read"],
    ]);
    const decision = policy.decide({ topic: "job.any.depth", riskTags: ["destructive"] });
    expect(decision).toMatchObject({ type: "DENY", ruleId: "deny-destructive", reason: "Destructive work never runs" });
  });

  it("carries budgets over in our units, and the sandbox as paths and hosts", () => {
    const ops = { topic: "job.ops.a.b.run", requires: ["gpu"], labels: { pack_id: "ops-tools" } };
    expect(policyOf(fixture("payments.yaml")).decide(ops)).toMatchObject({
      type: "ALLOW_WITH_CONSTRAINTS",
      constraints: {
        maxRuntimeSec: 1.5,
        maxOutputBytes: 65_536,
        paths: { read: [["/srv/ops"]], write: [[]] },
        network: { allow: [["api.example.com"]] },
      },
      obligations: { pools: [{ ruleId: "ops-pack", maxConcurrent: 4 }] },
    });
  });

  it("makes a limit of a velocity", () => {
    const { obligations } = policyOf(
      `rules:
  - { id: v, match: { topics: ["job.*"] }, velocity: { max_requests: 3, window_seconds: 9, key: "tenant:pack_id" }, decision: deny }
  - { id: a, match: { topics: ["job.*"] }, decision: allow }`,
    ).decide({ topic: "job.a" });
    expect(obligations.limits).toMatchObject([{ ruleId: "v", limit: 3, windowSec: 9, per: ["tenant"] }]);
  });

  it("denies what an input rule would look into, until the host says by a tag that it found nothing", () => {
    const policy = policyOf(
      `${fixture("payments.yaml")}`.replace(
        "rules:",
        'rules:\n  - { id: chat, match: { topics: ["job.chat.*"] }, decision: allow }\n',
      ),
    );
    expect(policy.decide({ topic: "job.chat.say" })).toMatchObject({ type: "DENY", ruleId: "input:no-injection" });
    expect(policy.decide({ topic: "job.chat.say", riskTags: ["clean-no-injection"] }).type).toBe("ALLOW");
  });

  it("looks for what output rules looked for", () => {
    const { obligations } = policyOf(fixture("payments.yaml")).decide({ topic: "job.x" });
    expect(obligations.outputs).toMatchObject([
      { ruleId: "secrets-out", action: "quarantine", detect: ["secrets", "pii", { name: "keyword_1" }] },
    ]);
  });

  it("uses the topics of tenants only where there are no rules, refusals before permissions", () => {
    const policy = policyOf(fixture("legacy.yaml"));
    expect(policy.decide({ topic: "job.admin.x" }).ruleId).toBe("legacy:default:deny:1");
    expect(policy.decide({ topic: "job.x" }).ruleId).toBe("legacy:default:allow:1");
    expect(policy.decide({ topic: "job.x", tenantId: "guests" }).type).toBe("DENY");
    expect(policy.decide({ topic: "job.public.x", tenantId: "guests" }).type).toBe("ALLOW");
    expect(said(fixture("payments.yaml"))).toContain(
      "dropped 68: `allow_topics` has no effect in Cordum where there are `rules`",
    );
  });

  it("permits by default only where the file does, and only under `job.`", () => {
    const allowed = policyOf(rule("match: { topics: [job.x] }, decision: deny", "default_decision: allow\n"));
    expect(allowed.decide({ topic: "job.y" }).type).toBe("ALLOW");
    expect(allowed.decide({ topic: "sys.y" }).type).toBe("DENY");
    const closed = policyOf(rule("match: { topics: [job.x] }, decision: deny"));
    expect(closed.decide({ topic: "job.y" })).toMatchObject({ type: "DENY", ruleId: "@default" });
    const misspelt = rule("match: { topics: [job.x] }, decision: deny", "default_decision: alow\n");
    expect(policyOf(misspelt).decide({ topic: "job.y" }).type).toBe("DENY");
    expect(said(misspelt)).toEqual(["changed 3: this is no default, and denies, as it does in Cordum"]);
  });

  it("refuses topics outside `job.` also where a rule has no topics", () => {
    const policy = policyOf(rule("match: { tenants: [default] }, decision: allow"));
    expect(policy.decide({ topic: "job.y" }).type).toBe("ALLOW");
    expect(policy.decide({ topic: "sys.y" })).toMatchObject({ type: "DENY", ruleId: "unsupported-topic" });
  });

  it("leaves out what permits and cannot be read whole, and denies what holds and cannot", () => {
    expect(said(fixture("odd.yaml"))).toEqual([
      "refused 16: `tenant` is no key of a Cordum policy",
      "changed 3: the id `two words` is written `two-words`",
      "changed 5: `alow` is no decision, and denies, as it does in Cordum",
      "dropped 4: the topic pattern `job.a[` matches nothing: it is malformed",
      "refused 9: `toolchain` has no place among our constraints: the rule denies instead",
      "changed 7: `agent_risk_tiers` is about what no job carries here: every job it may have matched is denied",
      "refused 11: `topic` is no key of a Cordum policy",
      "refused 11: `match` cannot be read whole: the rule is left out, which permits less",
      "changed 14: `data:pii` is no legal tag here: the rule refuses jobs with the tag `data-pii` in its place",
    ]);
    const policy = policyOf(fixture("odd.yaml"));
    expect(policy.decide({ topic: "job.build.x" }).type).toBe("DENY");
    expect(policy.decide({ topic: "job.x1y2z.3" }).type).toBe("DENY");
    expect(policy.decide({ topic: "job.a", riskTags: ["data-pii"] }).type).toBe("DENY");
    expect(policy.ruleIds).not.toContain("typo");
  });

  it("writes each note beside the rule it is about", () => {
    const { yaml } = imported(fixture("odd.yaml"));
    expect(yaml).toContain(
      [
        "  # refused (line 9): `toolchain` has no place among our constraints: the rule denies instead",
        "  #   help: check it in the dispatch function",
      ].join("\n"),
    );
  });

  it("does not let a text of the source out of its comment or its string", () => {
    const text =
      'rules:\n  - { id: "x\\n  - id: evil", match: { topics: ["job.a"] }, reason: "a\\u2028b: \\"c\\" # d", decision: deny, "evil\\n- id: x": 1 }\n';
    const policy = policyOf(text);
    expect(policy.ruleIds).toEqual(["x---id:-evil"]);
    expect(policy.decide({ topic: "job.a" }).reason).toBe('a b: "c" # d');
  });

  it.each([
    ["an alias", "rules: &a []\ntenants: *a\n"],
    ["a key that stands twice", "rules: []\nrules: []\n"],
    ["a list", "- 1\n"],
    ["nothing", ""],
    ["a broken text", "rules: [\n"],
    ["a text over 2 MiB", `# ${"x".repeat(2_097_152)}\nrules: []\n`],
  ])("refuses %s", (_, text) => {
    const result = importCordum(text);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.problems.length).toBeGreaterThan(0);
  });

  it.each([
    ["10,000 rules of one id", `rules:\n${"  - {id: r, decision: deny, match: {topics: [job.a]}}\n".repeat(10_000)}`],
    [
      "a value of a million spaces",
      `rules:\n  - {id: r, decision: deny, match: {tenants: ["a${" ".repeat(1_000_000)}b"]}}\n`,
    ],
    [
      "a pattern of half a million segments",
      `rules:\n  - {id: r, decision: deny, match: {topics: ["${"a.".repeat(500_000)}a"]}}\n`,
    ],
    [
      "a pattern of 300,000 stars",
      `rules:\n  - {id: r, decision: deny, match: {topics: ["${"*a".repeat(300_000)}"]}}\n`,
    ],
  ])("reads %s in linear time", (_, text) => {
    const before = process.cpuUsage();
    importCordum(text);
    const { user, system } = process.cpuUsage(before);
    // What is quadratic takes minutes.
    expect((user + system) / 1_000).toBeLessThan(15_000);
  });

  it("denies everything where nothing is permitted", () => {
    expect(policyOf("version: v1\n").decide({ topic: "job.a" })).toMatchObject({
      type: "DENY",
      ruleId: "nothing-permitted",
    });
  });

  it.each([
    "rules: 1",
    "rules: [1]",
    "rules: [{ match: 1, decision: deny }]",
    "tenants: 1",
    "tenants: { a: 1 }",
    "input_rules: 1",
    "output_rules: 1",
    "output_rules: [1]",
  ])("notes `%s`, and permits nothing by it", (text) => {
    expect(imported(`${text}\n`).notes).not.toEqual([]);
    expect(policyOf(`${text}\n`).decide({ topic: "job.a" }).type).toBe("DENY");
  });
});
