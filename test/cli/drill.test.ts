import { describe, expect, test } from "vitest";
import { folderOf, runJson } from "./run-command.js";

const ALLOW_ALL = `version: v1\nrules:\n  - { id: all, match: { topics: ["**"] }, decision: allow }\n`;

describe("drill", () => {
  test("finds what is different under a policy that allows everything", async () => {
    const cwd = folderOf({ "all.yaml": ALLOW_ALL });
    const { code, document } = await runJson({ cwd }, "drill", "--policy", "all.yaml");
    expect([code, document.command, document.ok]).toEqual([1, "drill", false]);
    const results = document.results as unknown as { step: string; got: string }[];
    expect(results).toContainEqual(
      expect.objectContaining({ step: "delete the workspace", got: "ALLOW → SUCCEEDED (all)" }),
    );
  });

  test.each([
    [["--policy", "none.yaml"], "drill_impossible", /the policy cannot be loaded/],
    [["--interactive"], "option_unexpected", /`--interactive` and `--json`/],
    [["--interactiv"], "option_unknown", /unknown option `--interactiv`/],
    [["more"], "operand_unknown", /`more` is one argument too many/],
  ])("%j cannot run: %s", async (args, code, message) => {
    const cwd = folderOf();
    const asked = await runJson({ cwd }, "drill", ...args);
    expect([asked.code, asked.document.error]).toEqual([
      2,
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    ]);
  });
});
