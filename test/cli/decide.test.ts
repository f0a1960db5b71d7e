import { describe, expect, test } from "vitest";
import { folderOf, run, runJson } from "./run-command.js";

const POLICY = `version: v1
tags: { prod: production, medium: some risk, flood: too much }
rules:
  - { id: reads, match: { topics: [job.read.*], risk_tags: [] }, decision: allow }
  - id: bounded
    match: { topics: [job.exec.*], risk_tags: [medium] }
    decision: allow_with_constraints
    constraints: { max_runtime_sec: 45, network: { allow: [] } }
  - id: held
    match: { topics: [job.write.*] }
    decision: require_approval
    reason: a person looks at it
    constraints: { max_retries: 0 }
  - id: refused
    match: { topics: [job.drop.*] }
    decision: deny
    reason: never
    remediations: [{ title: archive it, replacement_topic: job.archive }, { title: ask the owner }]
  - { id: slow, match: { risk_tags: [flood] }, decision: throttle }
`;

const job = (topic: string, ...tags: readonly string[]): string => JSON.stringify({ topic, risk_tags: tags });

describe("decide", () => {
  test.each([
    [job("job.read.x"), 0, "ALLOW by `reads`: rule `reads` matched"],
    [
      job("job.exec.x", "medium"),
      0,
      'ALLOW_WITH_CONSTRAINTS by `bounded`: rule `bounded` matched, under max_runtime_sec 45, network {"allow":[[]]}',
    ],
    [job("job.write.x"), 1, "REQUIRE_APPROVAL by `held`: a person looks at it, under max_retries 0"],
    [job("job.drop.x"), 1, "DENY by `refused`: never; instead: archive it (`job.archive`); ask the owner"],
    [job("job.read.x", "flood"), 1, "THROTTLE by `slow`: rule `slow` matched"],
    [job("job.other"), 1, "DENY by `@default`: no rule permits this job"],
  ])("%s exits with %i and says it in one line", async (text, exit, line) => {
    const cwd = folderOf({ "policy.yaml": POLICY });
    expect(await run({ cwd }, "decide", "policy.yaml", "--job", text)).toEqual({
      code: exit,
      out: `${line}\n`,
      err: "",
    });
    const { code, document } = await runJson({ cwd }, "decide", "policy.yaml", "--job", text);
    expect([code, document.ok]).toEqual([exit, exit === 0]);
  });

  test("as JSON it has the decision, and nothing that would teach the way round a rule", async () => {
    const cwd = folderOf({ "policy.yaml": POLICY });
    const asked = ["policy.yaml", "--job", job("job.drop.x")];
    const { document } = await runJson({ cwd }, "decide", ...asked);
    expect(document).toEqual({
      command: "decide",
      file: "policy.yaml",
      ok: false,
      decision: {
        type: "DENY",
        rule_id: "refused",
        reason: "never",
        constraints: {},
        remediations: [
          { rule_id: "refused", title: "archive it", replacement_topic: "job.archive" },
          { rule_id: "refused", title: "ask the owner" },
        ],
      },
    });
    // What `explain` tells an operator of the same job: what would have made another rule match.
    expect((await run({ cwd }, "explain", ...asked)).out).toContain("job.read.*");
    expect((await run({ cwd }, "decide", ...asked)).out).not.toContain("job.read.*");
  });

  test("tags that the host would derive, and whose word tags are, count as they do in explain", async () => {
    const cwd = folderOf({ "policy.yaml": POLICY });
    const ask = async (...more: readonly string[]): Promise<number> =>
      (await run({ cwd, stdin: job("job.exec.x", "medium") }, "decide", "policy.yaml", "--job", "-", ...more)).code;
    expect(await ask()).toBe(0);
    expect(await ask("--declared-tags", "restrict_only")).toBe(1);
    expect(await ask("--declared-tags", "restrict_only", "--derived", "medium")).toBe(0);
    expect(await ask("--derived", "flood")).toBe(1);
  });

  test.each([
    [[], "option_missing"],
    [["--job", "{ topic: a..b }"], "job_invalid"],
    [["--job", "none.json"], "file_missing"],
  ])("%j cannot run", async (args, code) => {
    const cwd = folderOf({ "policy.yaml": POLICY });
    const asked = await runJson({ cwd }, "decide", "policy.yaml", ...args);
    expect([asked.code, asked.document.error]).toEqual([2, expect.objectContaining({ code })]);
  });

  test("a policy that does not load answers nothing", async () => {
    const cwd = folderOf({ "bad.yaml": "version: v2\n" });
    const { code, document } = await runJson({ cwd }, "decide", "bad.yaml", "--job", job("job.read.x"));
    expect([code, document.error]).toEqual([2, expect.objectContaining({ code: "policy_invalid" })]);
  });

  test("what a policy holds cannot act on the terminal", async () => {
    const cwd = folderOf({
      "policy.yaml": POLICY.replace("reason: never", String.raw`reason: "never \u202e ##[error]"`),
    });
    const { out } = await run({ cwd }, "decide", "policy.yaml", "--job", job("job.drop.x"));
    expect(out).toContain(String.raw`never \u{202e} \u{23}#[error]`);
  });
});
