import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createGate } from "dispatch-gate";
import { describe, expect, test } from "vitest";
import type { ReasonCode } from "../src/outcome.js";
import { brokenLinks } from "./docs/markdown.js";
import { runProgram, userFolder } from "./docs/user-folder.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
const outcomes = readFileSync(join(root, "docs/outcomes.md"), "utf8");

function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1];
  if (found === undefined) throw new Error(`the README has no ${language} block`);
  return found;
}

const folder = userFolder();

describe("the README", () => {
  test("its code runs as it stands, with its own policy, and prints the timeline", () => {
    writeFileSync(join(folder, "governance-policy.yaml"), block("yaml"));
    const ran = runProgram(folder, block("ts"));
    expect(ran.stderr).toBe("");
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain(
      "REQUIRE_APPROVAL by require-approval-prod-write; approval asked for job.mcp-bridge.write.update_ticket",
    );
    expect(ran.stdout).toContain("ann voted to approve; the request is approved");
    expect(ran.stdout).toContain("SUCCEEDED after 1 attempt");
  });

  test("its commands run on its policy and on what a gate left, and the schema its first line names is there", async () => {
    const policy = block("yaml");
    writeFileSync(join(folder, "governance-policy.yaml"), policy);
    writeFileSync(
      join(folder, "readme.test.yaml"),
      "policy: ./governance-policy.yaml\ntests: [{ name: denied, job: { topic: a }, expect: { decision: deny } }]\n",
    );
    writeFileSync(join(folder, "policy.yaml"), "version: v1\nrules: []\n");
    const gate = await createGate({ policy: { yaml: policy }, store: join(folder, "dispatch-gate.db") });
    const { traceId } = await gate.evaluateAndDispatch({ topic: "job.agent.exec.run" });
    await gate.close();
    const commands = [...readme.matchAll(/^npx dispatch-gate ([^#\n]+)/gm)].map(([, words = ""]) => words.trim());
    const ended = commands.map((command) => {
      const args = [...command.matchAll(/'([^']*)'|(\S+)/g)]
        .map(([, quoted, word]) => quoted ?? word ?? "")
        .map((word) => (word === '"$TRACE_ID"' ? String(traceId) : word));
      const { status } = spawnSync(process.execPath, [join(root, "dist/cli.js"), ...args], { cwd: folder });
      return [args[0], status];
    });
    // Lint has something to say of a policy that trusts declared tags; the others find nothing.
    expect(ended).toEqual([
      ["check", 1],
      ["test", 0],
      ["explain", 0],
      ["import", 0],
      ["verify", 0],
      ["trace", 0],
    ]);
    const schema = /\$schema=(\S+)/.exec(policy)?.[1] ?? "";
    expect(JSON.parse(readFileSync(join(folder, schema), "utf8"))).toMatchObject({ $id: expect.any(String) });
  });

  test("its links lead to files that exist, and so do those of all documents", () => {
    const documents = readdirSync(join(root, "docs"))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`);
    for (const file of ["README.md", "CHANGELOG.md", "SECURITY.md", ...documents]) {
      expect([file, brokenLinks(join(root, file))]).toEqual([file, []]);
    }
  });

  test("its commands are scripts of the package", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    for (const [, script = ""] of readme.matchAll(/npm run ([a-z:-]+)/g))
      expect(Object.keys(scripts)).toContain(script);
  });
});

test("every reason code is documented, and no other", () => {
  const source = readFileSync(join(root, "src/outcome.ts"), "utf8");
  const union = /export type ReasonCode =([\s\S]*?);/.exec(source)?.[1] ?? "";
  const codes = [...union.matchAll(/"([a-z_]+)"/g)].map(([, code]) => code as ReasonCode);
  const documented = [...outcomes.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, code]) => code);
  expect(documented.sort()).toEqual([...codes].sort());
});
