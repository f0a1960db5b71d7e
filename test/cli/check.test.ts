import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DecidableJob, JsonObject } from "../../src/index.js";
import { compilePolicy } from "../../src/policy/policy.js";
import { folderOf, run, runJson } from "./run-command.js";

const SEED = readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url), "utf8");
const FIRST_MATCH = SEED.replace("version: v1\n", "version: v1\ncombining: first_match\n");

/** Nothing to find in it: the tag is derived by the host, in the vocabulary, and both rules are needed. */
const SOUND = `version: v1
tags: { money: moves money, bulk: touches many }
rules:
  - id: allow-reads
    match: { topics: ["job.read.*"], tenants: [acme] }
    decision: allow
`;

describe("check on the seed's policy", () => {
  test("rewritten for first_match, deny-destructive is shadowed, with witnesses, and the exit code is 1", async () => {
    const cwd = folderOf({ "policy.yaml": FIRST_MATCH });
    const { code, document } = await runJson({ cwd }, "check", "policy.yaml");
    expect(code).toBe(1);
    const findings = document.findings as readonly JsonObject[];
    const shadowed = findings.filter(({ kind }) => kind === "shadowed");
    expect(shadowed).toHaveLength(1);
    expect(shadowed[0]).toEqual({
      kind: "shadowed",
      severity: "warning",
      message:
        "some jobs that `deny-destructive` would refuse are permitted before it, by `require-approval-prod-write` and `constrain-medium-risk`",
      help: "under `first_match` put `deny-destructive` first, or use `combining: most_restrictive`",
      rule_ids: ["deny-destructive", "require-approval-prod-write", "constrain-medium-risk"],
      path: "/rules/3",
      line: 26,
      column: 5,
      witnesses: [
        {
          job: { topic: "job.mcp-bridge.write.x", risk_tags: ["destructive", "prod"] },
          decision: "REQUIRE_APPROVAL",
          rule_id: "require-approval-prod-write",
        },
        {
          job: { topic: "job.agent.exec.x", risk_tags: ["destructive", "medium"] },
          decision: "ALLOW_WITH_CONSTRAINTS",
          rule_id: "constrain-medium-risk",
        },
      ],
    });
  });

  test("its witnesses are what the engine answers, and under most_restrictive the same jobs are refused", async () => {
    const cwd = folderOf({ "policy.yaml": FIRST_MATCH });
    const { document } = await runJson({ cwd }, "check", "policy.yaml");
    const [shadowed] = (document.findings as readonly JsonObject[]).filter(({ kind }) => kind === "shadowed");
    const first = compilePolicy({ yaml: FIRST_MATCH });
    const restrictive = compilePolicy({ yaml: SEED });
    const witnesses = shadowed?.witnesses as readonly JsonObject[];
    expect(witnesses).not.toHaveLength(0);
    for (const { job, decision, rule_id } of witnesses) {
      const { topic, risk_tags: riskTags } = job as { readonly topic: string; readonly risk_tags: readonly string[] };
      const asked: DecidableJob = { topic, riskTags };
      expect(first.decide(asked)).toMatchObject({ type: decision, ruleId: rule_id });
      expect(restrictive.decide(asked)).toMatchObject({ type: "DENY", ruleId: "deny-destructive" });
    }
  });

  test("as it is, nothing is shadowed, all four rules are reachable, and what the asker can choose is told", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const { code, document } = await runJson({ cwd }, "check", "policy.yaml");
    const kinds = (document.findings as readonly JsonObject[]).map(({ kind }) => kind);
    expect(kinds).not.toContain("shadowed");
    expect(kinds).toContain("untrusted_permission");
    expect(document.policy).toMatchObject({ combining: "most_restrictive", rules: 4, reachable: 4 });
    expect(code).toBe(1);
  });

  test("where declared tags only restrict, no permission can be had by choosing tags", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const { document } = await runJson({ cwd }, "check", "policy.yaml", "--declared-tags", "restrict_only");
    const kinds = (document.findings as readonly JsonObject[]).map(({ kind }) => kind);
    expect(kinds).not.toContain("untrusted_permission");
  });

  test("for people it shows the place, the jobs and what they get, and sums up", async () => {
    const cwd = folderOf({ "policy.yaml": FIRST_MATCH });
    const { code, out, err } = await run({ cwd }, "check", "policy.yaml");
    expect(code).toBe(1);
    expect(err).toBe("");
    expect(out).toContain(
      [
        "policy.yaml:26:5: warning: some jobs that `deny-destructive` would refuse are permitted before it, by `require-approval-prod-write` and `constrain-medium-risk` [shadowed]",
        "    job { topic: job.mcp-bridge.write.x, risk_tags: [destructive, prod] }",
        "      REQUIRE_APPROVAL by `require-approval-prod-write`",
        "    job { topic: job.agent.exec.x, risk_tags: [destructive, medium] }",
        "      ALLOW_WITH_CONSTRAINTS by `constrain-medium-risk`",
        "    help: under `first_match` put `deny-destructive` first, or use `combining: most_restrictive`",
      ].join("\n"),
    );
    expect(out).toMatch(/\npolicy\.yaml: 4 rules, 4 proved reachable; 0 errors, 3 warnings, \d+ info\n$/);
  });
});

describe("check", () => {
  test("a policy with nothing to find is 0", async () => {
    const cwd = folderOf({ "policy.yaml": SOUND });
    expect(await run({ cwd }, "check", "policy.yaml")).toEqual({
      code: 0,
      out: "policy.yaml: 1 rule, 1 proved reachable; 0 errors, 0 warnings, 0 info\n",
      err: "",
    });
  });

  test("findings of severity info count only with --strict", async () => {
    const info = SOUND.replace("[acme] }", "[acme], risk_tags: { none: [money] } }").replace(/^tags.*\n/m, "");
    const cwd = folderOf({ "policy.yaml": info });
    const { code, document } = await runJson({ cwd }, "check", "policy.yaml", "--declared-tags", "restrict_only");
    expect(document.counts).toEqual({ error: 0, warning: 0, info: 1 });
    expect([code, document.ok]).toEqual([0, true]);
    const strict = await runJson({ cwd }, "check", "policy.yaml", "--declared-tags", "restrict_only", "--strict");
    expect([strict.code, strict.document.ok]).toEqual([1, false]);
  });

  test("of more than 1,000 findings of a kind the summary tells how many are not listed", async () => {
    const rules = Array.from(
      { length: 1_003 },
      (_, n) => `  - { id: r${n}, match: { topics: ["a.r${n}"], risk_tags: [t] }, decision: allow }\n`,
    );
    const cwd = folderOf({ "policy.yaml": `version: v1\nrules:\n${rules.join("")}` });
    const { out } = await run({ cwd }, "check", "policy.yaml");
    expect(out).toContain("\nand 3 more of the kind untrusted_permission\n");
    expect(out).toMatch(/; 0 errors, 1000 warnings, \d+ info, and 3 more that are not listed\n$/);
  });

  test("a policy that does not load shows each problem with its place, its line and a caret", async () => {
    const cwd = folderOf({
      "policy.yaml": `version: v1\nrules:\n  - id: a\n    match: { topicz: ["job.*"] }\n    decision: allow\n  - id: a\n    match: { topics: ["job.*"] }\n    decision: alow\n`,
    });
    const { code, out, err } = await run({ cwd }, "check", "policy.yaml");
    expect([code, err]).toEqual([1, ""]);
    expect(out).toContain(
      [
        "policy.yaml:4:14: error: unknown key `topicz` in `match` [key_unknown]",
        `  4 |     match: { topicz: ["job.*"] }`,
        "    |              ^",
        "    help: did you mean `topics`?",
      ].join("\n"),
    );
    expect(out).toContain("policy.yaml:8:15: error: ");
    expect(out).toMatch(/\npolicy\.yaml cannot be loaded: \d problems\n$/);
  });

  test("a problem of an imported file is shown in that file", async () => {
    const cwd = folderOf({
      "policies/main.yaml": `version: v1\nimports: [./team.yaml]\nrules:\n  - id: a\n    match: { topics: ["**"] }\n    decision: deny\n`,
      "policies/team.yaml": `rules:\n  - id: b\n    match: { topics: ["job..x"] }\n    decision: deny\n`,
    });
    const { code, out } = await run({ cwd }, "check", "policies/main.yaml");
    expect(code).toBe(1);
    expect(out).toContain("policies/team.yaml:3:23: error: ");
    expect(out).toContain(`  3 |     match: { topics: ["job..x"] }\n    |                       ^`);
  });

  const imported = (name: string): string =>
    `version: v1\nrules:\n  - id: b\n    match: { topics: ["job..${name}"] }\n    decision: deny\n`;
  const MAIN = `version: v1\nimports: [./team.yaml]\nrules:\n  - id: a\n    match: { topics: ["**"] }\n    decision: deny\n`;

  test("of a policy that is a link, imported files are those beside the file itself, in the place and in the excerpt", async () => {
    const cwd = folderOf({
      "other/team.yaml": imported("secret"),
      "real/policy.yaml": MAIN,
      "real/team.yaml": imported("x"),
    });
    symlinkSync("../real/policy.yaml", join(cwd, "other/policy.yaml"));
    const { code, out } = await run({ cwd }, "check", "other/policy.yaml");
    expect(code).toBe(1);
    expect(out).toContain("real/team.yaml:4:23: error: ");
    expect(out).toContain(`  4 |     match: { topics: ["job..x"] }\n    |                       ^`);
    expect(out).not.toContain("secret");
    expect(out).not.toContain("other/team.yaml");
    const { document } = await runJson({ cwd }, "check", "other/policy.yaml");
    expect(document.problems).toMatchObject([{ file: "real/team.yaml", line: 4 }]);
    const outside = await run({ cwd: join(cwd, "other") }, "check", "policy.yaml");
    expect(outside.out).toContain(`/real/team.yaml:4:23: error: `);
    expect(outside.out).not.toContain("secret");
  });

  test("behind a link to the folder the path stays as it was given", async () => {
    const cwd = folderOf({ "real/policy.yaml": MAIN, "real/team.yaml": imported("x") });
    symlinkSync("real", join(cwd, "now"));
    const { out } = await run({ cwd }, "check", "now/policy.yaml");
    expect(out).toContain("now/team.yaml:4:23: error: ");
    expect(out).toContain(`  4 |     match: { topics: ["job..x"] }`);
  });

  test("what stands in a file cannot act on the terminal", async () => {
    const hostile = `version: v1\nrules:\n  - id: a\n    "\u202e[2J": 1 # \u200b\u202e hidden\n    match: { topics: ["**"] }\n    decision: deny\n`;
    const cwd = folderOf({ "policy.yaml": hostile });
    const { code, out } = await run({ cwd }, "check", "policy.yaml");
    expect(code).toBe(1);
    expect(out).toContain("\\u{202e}");
    expect(out.replaceAll("\n", "")).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    const { out: json } = await run({ cwd }, "check", "policy.yaml", "--json");
    expect(json.replaceAll("\n", "")).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(hostile).toMatch(/[\p{Cf}]/u);
  });

  test("a file that cannot be read is 2, and no finding", async () => {
    const cwd = folderOf({ "folder/x": "" });
    expect(await run({ cwd }, "check", "no.yaml")).toEqual({
      code: 2,
      out: "",
      err: "dispatch-gate: error: `no.yaml`: there is no such file\n  help: check the path: it is relative to the working directory\n",
    });
    expect((await run({ cwd }, "check", "folder")).code).toBe(2);
    const { code, document } = await runJson({ cwd }, "check", "no.yaml");
    expect(code).toBe(2);
    expect(document).toEqual({
      command: "check",
      ok: false,
      error: {
        code: "file_missing",
        message: "`no.yaml`: there is no such file",
        help: "check the path: it is relative to the working directory",
      },
    });
  });
});
