import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { PolicyError } from "../../src/errors.js";
import { loadPolicy } from "../../src/load-policy.js";
import { compilePolicy } from "../../src/policy/policy.js";
import { errorOfFile } from "./load.js";

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-policy-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("loadPolicy", () => {
  test("reads the seed's file as compilePolicy reads its text", async () => {
    const policy = await loadPolicy("examples/governance-policy.yaml");
    expect(policy.ruleIds).toEqual([
      "allow-low-risk-read",
      "require-approval-prod-write",
      "constrain-medium-risk",
      "deny-destructive",
    ]);
    expect(policy.sourceHash).toMatch(/^[0-9a-f]{64}$/);
  });

  test("a missing file is one issue with help, and the path is in the message", async () => {
    const path = join(folder, "no.yaml");
    const error = await errorOfFile(path);
    expect(error.issues).toEqual([
      {
        code: "file_missing",
        message: "there is no such file",
        help: "check the path: it is relative to the working directory",
        path: "",
      },
    ]);
    expect(error.source).toBe(path);
    expect(error.message).toBe(
      `the policy cannot be loaded: 1 problem\n  ${path} there is no such file\n    help: check the path: it is relative to the working directory`,
    );
  });

  test("a directory in place of a file is refused", async () => {
    mkdirSync(join(folder, "d"));
    expect((await errorOfFile(join(folder, "d"))).issues).toEqual([
      { code: "file_is_directory", message: "the policy is a directory", help: "name the file in it", path: "" },
    ]);
  });

  test.skipIf(process.platform === "win32")("a pipe is refused at once, not waited for", async () => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    expect((await errorOfFile(path)).issues).toMatchObject([
      { code: "file_unreadable", message: "the policy is not a regular file" },
    ]);
  });

  test("a file over the limit is refused before it is read", async () => {
    const path = join(folder, "large.yaml");
    writeFileSync(path, "#".repeat(11));
    expect((await errorOfFile(path, { maxBytes: 10 })).issues).toEqual([
      { code: "policy_too_large", message: "a policy must not be larger than 10 bytes", path: "" },
    ]);
  });

  test("problems in a file name it with line and column", async () => {
    const path = join(folder, "bad.yaml");
    writeFileSync(path, "version: v1\nrulez: []\n");
    const error = await errorOfFile(path);
    expect(error.message).toBe(
      `the policy cannot be loaded: 2 problems\n  ${path}:1:1 the policy must have \`rules\`\n  ${path}:2:1 unknown key \`rulez\`\n    help: did you mean \`rules\`?`,
    );
    expect(() => compilePolicy({ yaml: "" })).toThrow(PolicyError);
  });

  test("a wrong argument is a TypeError", async () => {
    await expect(loadPolicy("")).rejects.toThrow(TypeError);
    await expect(loadPolicy("examples/governance-policy.yaml", { maxByte: 1 } as object)).rejects.toThrow(
      "unknown option `maxByte`: did you mean `maxBytes`?",
    );
  });
});
