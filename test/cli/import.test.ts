import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compilePolicy } from "../../src/policy/policy.js";
import { folderOf, run, runJson } from "./run-command.js";

const PLAIN = `version: v1
rules:
  - id: reads
    match: { topics: ["job.read.*"] }
    decision: allow
`;
const ANOTHER = `  - id: writes\n    match: { topics: ["job.write.*"] }\n    decision: allow\n`;
const LOSSY = `${PLAIN}${ANOTHER}    frobnicate: true\n`;

describe("import", () => {
  test("writes a policy that loads to standard output, and notes to standard error", async () => {
    const cwd = folderOf({ "cordum.yaml": PLAIN });
    const { code, out, err } = await run({ cwd }, "import", "--from", "cordum", "cordum.yaml");
    expect(code).toBe(0);
    expect(compilePolicy({ yaml: out }).decide({ topic: "job.read.a.b" }).type).toBe("ALLOW");
    expect(err).toMatch(
      /^(?:cordum\.yaml:.*\n| {4}help: .*\n)*cordum\.yaml: \d+ notes?; \d+ changed, 0 dropped, 0 refused\n$/,
    );
  });

  test("something dropped or refused is 1, with its place, and the policy is written all the same", async () => {
    const cwd = folderOf({ "cordum.yaml": LOSSY });
    const { code, out, err } = await run({ cwd }, "import", "--from", "cordum", "cordum.yaml");
    expect(code).toBe(1);
    expect(compilePolicy({ yaml: out }).ruleIds).toContain("reads");
    expect(err).toMatch(/^cordum\.yaml:9:5: (?:dropped|refused): .*frobnicate/m);
  });

  test("--json holds the policy and the notes in one document", async () => {
    const cwd = folderOf({ "cordum.yaml": LOSSY });
    const { code, document } = await runJson({ cwd }, "import", "--from=cordum", "cordum.yaml");
    expect(code).toBe(1);
    expect(document).toMatchObject({ command: "import", file: "cordum.yaml", ok: false, problems: [], out: null });
    expect(compilePolicy({ yaml: String(document.yaml) }).ruleIds).toContain("reads");
    expect(document.notes).toContainEqual(expect.objectContaining({ line: 9, column: 5, path: "/rules/1/frobnicate" }));
  });

  test("--out writes a file, and overwrites one only with --force", async () => {
    const cwd = folderOf({ "cordum.yaml": PLAIN, "kept.yaml": "mine\n" });
    const args = ["import", "--from", "cordum", "cordum.yaml", "--out"];
    const written = await run({ cwd }, ...args, "new.yaml");
    expect([written.code, written.out]).toEqual([0, ""]);
    expect(compilePolicy({ yaml: readFileSync(join(cwd, "new.yaml"), "utf8") }).ruleIds).toContain("reads");
    expect(await run({ cwd }, ...args, "kept.yaml")).toEqual({
      code: 2,
      out: "",
      err: "dispatch-gate: error: `kept.yaml` exists\n  help: overwrite it with `--force`\n",
    });
    expect(readFileSync(join(cwd, "kept.yaml"), "utf8")).toBe("mine\n");
    expect((await run({ cwd }, ...args, "kept.yaml", "--force")).code).toBe(0);
    expect(compilePolicy({ yaml: readFileSync(join(cwd, "kept.yaml"), "utf8") }).ruleIds).toContain("reads");
    expect((await run({ cwd }, ...args, "no/folder.yaml")).code).toBe(2);
  });

  test("reads standard input for `-`", async () => {
    const { code, out } = await run({ cwd: folderOf(), stdin: PLAIN }, "import", "--from", "cordum", "-");
    expect(code).toBe(0);
    expect(compilePolicy({ yaml: out }).ruleIds).toContain("reads");
  });

  test("what cannot be read is 2, and nothing is written", async () => {
    const cwd = folderOf({ "cordum.yaml": "a: &x 1\nb: *x\n", "list.yaml": "- a\n" });
    const { code, out, err } = await run({ cwd }, "import", "--from", "cordum", "cordum.yaml");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("cordum.yaml:1:4: error: ");
    expect((await run({ cwd }, "import", "--from", "cordum", "list.yaml", "--out", "x.yaml")).code).toBe(2);
    expect((await run({ cwd }, "import", "--from", "cordum", "no.yaml")).err).toContain("there is no `no.yaml`");
    expect(() => readFileSync(join(cwd, "x.yaml"))).toThrow("ENOENT");
  });

  test("the engine must be named, and be one that is known", async () => {
    const cwd = folderOf({ "cordum.yaml": PLAIN });
    expect((await run({ cwd }, "import", "cordum.yaml")).err).toContain("`--from` is missing");
    const { code, err } = await run({ cwd }, "import", "--from", "cordun", "cordum.yaml");
    expect(code).toBe(2);
    expect(err).toBe("dispatch-gate: error: `--from` does not know `cordun`\n  help: did you mean `cordum`?\n");
  });

  test("what stands in the source cannot act on the terminal", async () => {
    const hostile = `${PLAIN}    reason: "\\e[2J \\u202e hidden"\n${ANOTHER}    "\\u202efoo": 1\n`;
    const cwd = folderOf({ "cordum.yaml": hostile });
    const { out, err } = await run({ cwd }, "import", "--from", "cordum", "cordum.yaml");
    expect(out).toContain("reads");
    expect((out + err).replaceAll("\n", "")).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  });
});
