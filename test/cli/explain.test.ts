import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { folderOf, run, runJson } from "./run-command.js";

const SEED = readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url), "utf8");
const EXEC = { topic: "job.agent.exec.run", risk_tags: ["medium"] };

describe("explain", () => {
  test("says what is decided, by which rule, and what kept the others from matching", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const { code, out, err } = await run({ cwd }, "explain", "policy.yaml", "--job", JSON.stringify(EXEC));
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(
      "{ topic: job.agent.exec.run, risk_tags: [medium] }\nALLOW_WITH_CONSTRAINTS by `constrain-medium-risk`",
    );
    expect(out).toContain("`deny-destructive`: `risk_tags` wants `destructive`, the job has `medium`");
  });

  test("takes the job from JSON in place, a file of JSON or YAML, and standard input, in either spelling", async () => {
    const cwd = folderOf({
      "policy.yaml": SEED,
      "job.json": JSON.stringify({ topic: "job.agent.exec.run", riskTags: ["medium"] }),
      "job.yaml": "topic: job.agent.exec.run\nrisk_tags: [medium]\n",
    });
    const answers = [
      await runJson({ cwd }, "explain", "policy.yaml", "--job", JSON.stringify(EXEC)),
      await runJson({ cwd }, "explain", "policy.yaml", "--job", "job.json"),
      await runJson({ cwd }, "explain", "policy.yaml", "--job", "job.yaml"),
      await runJson({ cwd, stdin: JSON.stringify(EXEC) }, "explain", "policy.yaml", "--job", "-"),
    ];
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]?.document).toMatchObject({
      command: "explain",
      ok: true,
      job: { topic: "job.agent.exec.run", risk_tags: ["medium"], tenant_id: "default" },
      decision: {
        type: "ALLOW_WITH_CONSTRAINTS",
        rule_id: "constrain-medium-risk",
        constraints: { max_runtime_sec: 45, max_retries: 1 },
      },
      matched: [{ id: "constrain-medium-risk", reached: "permits", decided: true }],
    });
  });

  test("every limit of a job's own may stand in the spelling of files", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const constraints = { max_runtime_sec: 5, max_retries: 0, max_output_bytes: 100 };
    const job = JSON.stringify({ ...EXEC, constraints, actor: { id: "a", type: "agent", on_behalf_of: "b" } });
    const { document } = await runJson({ cwd }, "explain", "policy.yaml", "--job", job);
    expect(document).toMatchObject({ ok: true, job: { constraints, actor: { on_behalf_of: "b" } } });
  });

  test("tags that the host would derive count, from the command line and from the job", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const job = JSON.stringify({ ...EXEC, derived_tags: ["prod"] });
    const { document } = await runJson({ cwd }, "explain", "policy.yaml", "--job", job, "--derived", "destructive");
    expect(document).toMatchObject({
      derived_tags: ["destructive", "prod"],
      decision: { type: "DENY", rule_id: "deny-destructive" },
    });
  });

  test("under restrict_only a declared tag permits nothing, and a derived one does", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const ask = async (...more: readonly string[]): Promise<unknown> => {
      const { document } = await runJson({ cwd }, "explain", "policy.yaml", "--job", JSON.stringify(EXEC), ...more);
      return (document.decision as { readonly type: string }).type;
    };
    expect(await ask("--declared-tags", "restrict_only")).toBe("DENY");
    expect(await ask("--declared-tags", "restrict_only", "--derived", "medium")).toBe("ALLOW_WITH_CONSTRAINTS");
    expect(await ask()).toBe("ALLOW_WITH_CONSTRAINTS");
  });

  test("the keys of labels and payload are left as they are", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const labels = { risk_tags: "x", tenant_id: "y" };
    const payload = { tenant_id: 1, tenantId: 2, actor: { on_behalf_of: "z" } };
    const job = JSON.stringify({ ...EXEC, labels, payload });
    const { document } = await runJson({ cwd }, "explain", "policy.yaml", "--job", job);
    expect(document.job).toMatchObject({ labels, payload });
  });

  test.each([
    ["{ topic: job..x }", /the gate does not admit this job: `topic` must be/],
    ["{ topic: a.b, risk_tags: [x], riskTags: [y] }", /`riskTags` is given twice, in two spellings/],
    ["{ topic: a.b, payloud: 1 }", /unknown job field `payloud`/],
    ["{ topic: a.b, topic: c.d }", /the key `topic` stands twice/],
    ["{ topic: a.b, derived_tags: [A] }", /the derived tag `A` must be 1 to 64 of/],
    ["{ topic: a.b, derived_tags: x }", /`derived_tags` must be a list of tags/],
    ["{ topic: a.b, payload: { __proto__: { x: 1 } } }", /__proto__/],
    ["no-such-file.json", /there is no `no-such-file.json`/],
  ])("a job that is none is 2, with the reason: %s", async (job, message) => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const { code, out, err } = await run({ cwd }, "explain", "policy.yaml", "--job", job);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(message);
  });

  test("without a job, or with a policy that does not load, it cannot run", async () => {
    const cwd = folderOf({ "policy.yaml": SEED, "bad.yaml": "version: v2\n" });
    expect((await run({ cwd }, "explain", "policy.yaml")).err).toContain("`--job` is missing");
    const { code, err } = await run({ cwd }, "explain", "bad.yaml", "--job", JSON.stringify(EXEC));
    expect(code).toBe(2);
    expect(err).toContain("the policy cannot be loaded: ");
  });

  test("what a job holds cannot act on the terminal", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const payload = { text: "\u001b[2J\u202e", "\u200bkey": 1 };
    // As escapes: what cannot be seen must not stand in the text of a job either.
    const job = JSON.stringify({ ...EXEC, payload }).replace(
      /\p{Cf}/gu,
      (character) => `\\u${character.charCodeAt(0).toString(16)}`,
    );
    const { out } = await run({ cwd }, "explain", "policy.yaml", "--job", job);
    expect(out.replaceAll("\n", "")).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(out).toContain(String.raw`payload: { text: "\u001b[2J\u202e", "\u200bkey": 1 }`);
  });
});
