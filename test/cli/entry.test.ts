import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { folderOf, type Ran } from "./run-command.js";

const ENTRY = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const SEED = readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url), "utf8");

/** The built file in a process of its own. */
function spawned(
  cwd: string,
  args: readonly string[],
  options: { readonly stdin?: string; readonly hangUp?: boolean } = {},
): Promise<Ran> {
  const { FORCE_COLOR: _, ...env } = process.env;
  const child = spawn(process.execPath, [ENTRY, ...args], { cwd, env });
  const written = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    written.out += text;
    // As `head -1` does: read a little, and go.
    if (options.hangUp === true) child.stdout.destroy();
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    written.err += text;
  });
  child.stdin.end(options.stdin ?? "");
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, ...written }));
  });
}

describe("dispatch-gate, as a process", () => {
  test("on the seed's policy with first_match, check tells that deny-destructive is shadowed, and exits 1", async () => {
    const cwd = folderOf({ "policy.yaml": SEED.replace("version: v1\n", "version: v1\ncombining: first_match\n") });
    const { code, out, err } = await spawned(cwd, ["check", "policy.yaml"]);
    expect([code, err]).toEqual([1, ""]);
    expect(out).toMatch(
      /would refuse are permitted before it.* \[shadowed\]\n {4}job \{ topic: job\.mcp-bridge\.write\.x/,
    );
    expect(out).not.toContain("\u001b");
  });

  test("exits 0, 1 and 2", async () => {
    const sound = `version: v1\nrules:\n  - { id: a, match: { topics: ["a.*"], tenants: [t] }, decision: allow }\n`;
    const cwd = folderOf({ "sound.yaml": sound, "broken.yaml": "version: v1\n" });
    const codes = await Promise.all(
      ["sound.yaml", "broken.yaml", "missing.yaml"].map(async (file) => (await spawned(cwd, ["check", file])).code),
    );
    expect(codes).toEqual([0, 1, 2]);
  });

  test("a job comes through a real pipe", async () => {
    const cwd = folderOf({ "policy.yaml": SEED });
    const stdin = JSON.stringify({ topic: "job.mcp-bridge.read.x" });
    const { code, out } = await spawned(cwd, ["explain", "policy.yaml", "--job", "-", "--json"], { stdin });
    expect(code).toBe(0);
    expect(JSON.parse(out).decision).toMatchObject({ type: "ALLOW", rule_id: "allow-low-risk-read" });
  });

  test("a reader that stops early changes neither the exit code nor prints anything, and a long document arrives whole", async () => {
    const rules = Array.from(
      { length: 3_000 },
      (_, n) => `  - { id: r${n}, match: { topics: ["a"] }, decision: dney }\n`,
    );
    const cwd = folderOf({ "policy.yaml": `version: v1\nrules:\n${rules.join("")}` });
    const hungUp = await spawned(cwd, ["check", "policy.yaml"], { hangUp: true });
    expect([hungUp.code, hungUp.err]).toEqual([1, ""]);
    const whole = await spawned(cwd, ["check", "policy.yaml"]);
    expect(whole.code).toBe(1);
    expect(whole.out.length).toBeGreaterThan(100_000);
    expect(whole.out).toMatch(/cannot be loaded: \d+ problems\n$/);
    expect(hungUp.out.length).toBeLessThan(whole.out.length);
  });
});
