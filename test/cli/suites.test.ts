import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderOf, run, runJson } from "./run-command.js";

const SEED = readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url), "utf8");

const one = (name: string, topic: string, tags: string, decision: string): string =>
  `  - name: ${name}\n    job: { topic: ${topic}, risk_tags: [${tags}] }\n    expect: { decision: ${decision} }\n`;

const READ = one("reads run", "job.mcp-bridge.read.x", "", "allow");
const WRITE = one("writes wait", "job.mcp-bridge.write.x", "prod", "require_approval");
const EXEC = one("medium runs under limits", "job.agent.exec.x", "medium", "allow_with_constraints");
const WIPE = one("destruction is refused", "job.agent.exec.x", "destructive", "deny");
const WRONG = one("writes run", "job.mcp-bridge.write.x", "prod", "allow");

const suite = (...tests: readonly string[]): string => `policy: ./policy.yaml\ntests:\n${tests.join("")}`;

describe("test", () => {
  test("runs every suite below the working directory, and prints what passed and what was covered", async () => {
    const cwd = folderOf({ "policy.yaml": SEED, "policy.test.yaml": suite(READ, WRITE, EXEC, WIPE) });
    expect(await run({ cwd }, "test")).toEqual({
      code: 0,
      out: [
        "policy.test.yaml",
        "  ok      reads run",
        "  ok      writes wait",
        "  ok      medium runs under limits",
        "  ok      destruction is refused",
        "",
        "policy.yaml: 4 of 4 rules matched by a test",
        "4 tests in 1 suite: 4 passed, 0 failed",
        "",
      ].join("\n"),
      err: "",
    });
  });

  test("a failing test is 1, with each difference and where the test stands", async () => {
    const cwd = folderOf({ "policy.yaml": SEED, "policy.test.yaml": suite(READ, WRONG) });
    const { code, out } = await run({ cwd }, "test", "policy.test.yaml");
    expect(code).toBe(1);
    expect(out).toContain(
      `  failed  writes run  policy.test.yaml:6\n          \`decision\`: expected "allow", got "require_approval"\n`,
    );
    expect(out).toContain("2 tests in 1 suite: 1 passed, 1 failed\n");
  });

  test("a rule that no test matched is told, and is a failure with --coverage only", async () => {
    const cwd = folderOf({ "policy.yaml": SEED, "policy.test.yaml": suite(READ, WRITE, EXEC) });
    const { code, out } = await run({ cwd }, "test");
    expect(code).toBe(0);
    expect(out).toContain("policy.yaml: 3 of 4 rules matched by a test\n  never matched  `deny-destructive`\n");
    expect((await run({ cwd }, "test", "--coverage")).code).toBe(1);
    const { code: jsonCode, document } = await runJson({ cwd }, "test", "--coverage");
    expect([jsonCode, document.ok]).toEqual([1, false]);
  });

  test("suites of one policy count together for coverage", async () => {
    const cwd = folderOf({
      "policy.yaml": SEED,
      "a.test.yaml": suite(READ, WRITE),
      "b.test.yml": suite(EXEC, WIPE),
    });
    expect((await run({ cwd }, "test", "--coverage")).code).toBe(0);
    expect((await run({ cwd }, "test", "--coverage", "a.test.yaml")).code).toBe(1);
  });

  test("--json gives each test, its differences, the coverage and the totals", async () => {
    const cwd = folderOf({ "policy.yaml": SEED, "policy.test.yaml": suite(READ, WRONG) });
    const { code, document } = await runJson({ cwd }, "test");
    expect(code).toBe(1);
    expect(document).toMatchObject({
      command: "test",
      ok: false,
      suites: [
        {
          file: "policy.test.yaml",
          status: "ran",
          policy: "policy.yaml",
          problems: [],
          tests: [
            { name: "reads run", ok: true, differences: [], line: 3 },
            {
              name: "writes run",
              ok: false,
              differences: [{ field: "decision", expected: "allow", actual: "require_approval" }],
              line: 6,
            },
          ],
        },
      ],
      coverage: [{ policy: "policy.yaml", unmatched: ["constrain-medium-risk", "deny-destructive"], outputs: [] }],
      totals: { suites: 1, passed: 1, failed: 1, broken: 0 },
    });
  });

  test("--policy asks another policy, whatever the suites name", async () => {
    const denyAll = `version: v1\nrules:\n  - { id: none, match: { topics: ["**"] }, decision: deny }\n`;
    const cwd = folderOf({ "policy.yaml": SEED, "strict.yaml": denyAll, "policy.test.yaml": suite(READ, WIPE) });
    const { code, out } = await run({ cwd }, "test", "--policy", "strict.yaml");
    expect(code).toBe(1);
    expect(out).toContain("  failed  reads run");
    expect(out).toContain("strict.yaml: 1 of 1 rule matched by a test");
  });

  test("a suite may hold its policy itself", async () => {
    const inline = `policy:\n  version: v1\n  rules:\n    - { id: all, match: { topics: ["**"] }, decision: deny }\ntests:\n${WIPE}`;
    const cwd = folderOf({ "a.test.yaml": inline, "b.test.yaml": inline.replace("v1", "v2") });
    expect((await run({ cwd }, "test", "a.test.yaml", "--coverage")).code).toBe(0);
    const { code, out } = await run({ cwd }, "test", "b.test.yaml");
    expect(code).toBe(1);
    expect(out).toContain("b.test.yaml (/policy/version): error: ");
  });

  test("a misspelt expectation is a problem of the suite, with its place, and never a test that passed", async () => {
    const cwd = folderOf({
      "policy.yaml": SEED,
      "policy.test.yaml": suite(READ.replace("decision", "decison"), WRITE),
    });
    const { code, out } = await run({ cwd }, "test");
    expect(code).toBe(1);
    expect(out).toContain("policy.test.yaml:5:15: error: unknown key `decison` in `expect` [key_unknown]");
    expect(out).toContain("did you mean `decision`?");
    expect(out).not.toContain("  ok  ");
    expect(out).toContain("0 tests in 1 suite: 0 passed, 0 failed; 1 suite could not be run\n");
  });

  test("a policy with problems is 1, one that is not there is 2, and the other suites run all the same", async () => {
    const cwd = folderOf({
      "policy.yaml": SEED,
      "bad.yaml": SEED.replace("decision: deny", "decision: dney"),
      "a.test.yaml": suite(READ).replace("policy.yaml", "bad.yaml"),
      "c.test.yaml": suite(READ),
    });
    const refused = await run({ cwd }, "test");
    expect(refused.code).toBe(1);
    expect(refused.out).toContain("bad.yaml:28:15: error: ");
    expect(refused.out).toContain("c.test.yaml\n  ok      reads run\n");
    const missing = folderOf({
      "a.test.yaml": suite(READ),
      "b.test.yaml": suite(READ).replace("./policy.yaml", "no.yaml"),
    });
    const { code, out } = await run({ cwd: missing }, "test");
    expect(code).toBe(2);
    expect(out).toContain("a.test.yaml\nerror: `policy.yaml`: there is no such file\n");
  });

  test("node_modules, dot-folders and links are not entered, and a file named by itself is run whatever its name", async () => {
    const cwd = folderOf({
      "policy.yaml": SEED,
      "deep/er/policy.test.yaml": suite(READ).replace("./policy", "../../policy"),
      "node_modules/x/bad.test.yaml": "no suite",
      ".git/bad.test.yaml": "no suite",
      "other.yaml": suite(READ),
      "policy.test.yaml.bak": "no suite",
    });
    mkdirSync(join(cwd, "linked"));
    symlinkSync(cwd, join(cwd, "linked/round"));
    const { code, out } = await run({ cwd }, "test", "--coverage", ".", "deep", "other.yaml");
    expect(code).toBe(1);
    expect(out.match(/^\S+\.yaml$/gm)).toEqual(["deep/er/policy.test.yaml", "other.yaml"]);
    // Control: such a file that is entered is a problem.
    expect((await run({ cwd }, "test", "node_modules/x")).out).toContain("could not be run");
  });

  test("where nothing is found, or a path is not there, nothing was tested: 2", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    expect(await run({ cwd }, "test")).toEqual({
      code: 2,
      out: "",
      err: "dispatch-gate: error: no suite was found in `.`\n  help: a suite is a file named `*.test.yaml`\n",
    });
    expect((await run({ cwd }, "test", "no-such-folder")).code).toBe(2);
  });

  test("names and values of a suite cannot act on the terminal", async () => {
    const hostile = suite(WRONG.replace("writes run", `"\\e[2Jwrites \\u202e run"`));
    const cwd = folderOf({ "policy.yaml": SEED, "policy.test.yaml": hostile });
    const { out } = await run({ cwd }, "test");
    expect(out).toContain("failed  \\u{1b}[2Jwrites \\u{202e} run");
    expect(out.replaceAll("\n", "")).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  });
});
