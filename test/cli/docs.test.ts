import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGate } from "dispatch-gate";
import { describe, expect, test } from "vitest";
import { formatKey } from "../../src/evidence/note.js";
import type { Json } from "../../src/outcome.js";
import { folderOf, run, runJson } from "./run-command.js";

const DOCS = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
const SEED = readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url), "utf8");
const FIRST_MATCH = SEED.replace("version: v1\n", "version: v1\ncombining: first_match\n");

const OTHER_KEY = formatKey({ name: "example.com/other", publicKey: new Uint8Array(32).fill(1) });

/** As the command line itself lists them. */
const COMMANDS = [...(await run({ cwd: "/" }, "--help")).out.matchAll(/^ {2}([a-z]+) {2}/gm)].map(
  ([, command = ""]) => command,
);

/** What stands under these is a job's, a decision's or a policy's own, documented elsewhere. */
const ELSEWHERE = new Set(["job", "decision", "expected", "actual", "approvals", "approval", "stats", "body"]);

function keysOf(value: Json): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [key, ...(ELSEWHERE.has(key) ? [] : keysOf(item))]);
}

function blocks(language: string): readonly string[] {
  // All of them in order, since the end of one block looks like the beginning of another.
  const all = [...DOCS.matchAll(/^```([a-z]*)\n(.*?)^```$/gms)];
  return all.filter(([, of]) => of === language).map(([, , text = ""]) => text);
}

describe("docs/cli.md", () => {
  test("names every key of every document", async () => {
    const suite = blocks("yaml")[0] ?? "";
    const cwd = folderOf({
      "governance-policy.yaml": FIRST_MATCH,
      "bad.yaml": "version: v2\n",
      "a.test.yaml": suite,
      "b.test.yaml": suite.replace("decision:", "decison:"),
      "c.test.yaml": suite.replace("rule: require", "rule: requires"),
      "cordum.yaml": "rules:\n  - { id: a, match: { topics: [b], what: c }, decision: allow }\n",
    });
    const gate = await createGate({
      policy: join(cwd, "governance-policy.yaml"),
      store: join(cwd, "gate.db"),
      dispatch: () => 1,
    });
    await gate.evaluateAndDispatch({ topic: "job.mcp-bridge.read.x", traceId: "t" });
    const { key } = gate.audit;
    writeFileSync(join(cwd, "event.tlog-proof"), (await gate.audit.receipt(1)).proof);
    await gate.close();
    const job = JSON.stringify({ topic: "job.agent.exec.x", risk_tags: ["medium"] });
    const runs = [
      await runJson({ cwd }, "init", "new"),
      await runJson({ cwd }, "check", "governance-policy.yaml", "--against", "gate.db"),
      await runJson({ cwd }, "check", "bad.yaml"),
      await runJson({ cwd }, "check", "missing.yaml"),
      await runJson({ cwd }, "test", "a.test.yaml", "b.test.yaml", "c.test.yaml"),
      await runJson({ cwd }, "decide", "governance-policy.yaml", "--job", job),
      await runJson({ cwd }, "explain", "governance-policy.yaml", "--job", job),
      await runJson({ cwd }, "approvals", "list", "--store", "gate.db"),
      await runJson({ cwd }, "approvals", "stats", "--store", "gate.db"),
      await runJson({ cwd }, "approvals", "approve", "none", "--store", "gate.db", "--as", "ann", "--view", "x"),
      await runJson({ cwd, stdin: "{}\n" }, "audit", "ungated", "--log", "gate.db", "--effects", "-"),
      await runJson({ cwd }, "trace", "t", "--store", "gate.db"),
      await runJson({ cwd }, "events", "--store", "gate.db", "--limit", "2"),
      await runJson({ cwd }, "export", "log", "--store", "gate.db"),
      await runJson({ cwd }, "export", "bundle", "--store", "gate.db", "--trace", "t"),
      await runJson({ cwd }, "serve", "--policy", "governance-policy.yaml", "--store", "gate.db", "--port", "0"),
      await runJson({ cwd }, "doctor", "--store", "gate.db"),
      await runJson({ cwd }, "verify", "log"),
      await runJson({ cwd }, "verify", "bundle", "--key", OTHER_KEY),
      await runJson({ cwd }, "verify", "event.tlog-proof", "--key", key),
      await runJson({ cwd }, "drill"),
      await runJson({ cwd }, "import", "--from", "cordum", "cordum.yaml"),
    ];
    const keys = new Set(runs.flatMap(({ document }) => keysOf(document)));
    expect(keys.size).toBeGreaterThan(60);
    const words = new Set(DOCS.match(/[a-z_]+/g));
    expect([...keys].filter((key) => !words.has(key))).toEqual([]);
    for (const { code, document } of runs) expect(document.ok).toBe(code === 0);
  });

  test("shows the suite and the finding as they are", async () => {
    const cwd = folderOf({ "governance-policy.yaml": SEED, "a.test.yaml": blocks("yaml")[0] ?? "" });
    expect((await run({ cwd }, "test")).out).toContain("  ok      production writes wait for a person\n");
    const first = folderOf({ "governance-policy.yaml": FIRST_MATCH });
    const { out } = await run({ cwd: first }, "check", "governance-policy.yaml");
    const [shown = ""] = blocks("").filter((block) => block.startsWith("$ dispatch-gate check"));
    expect(shown).not.toBe("");
    expect(out).toContain(shown.slice(shown.indexOf("\n") + 1));
  });

  test("shows the answer of decide as it is", async () => {
    const cwd = folderOf({ "governance-policy.yaml": SEED });
    const [shown = ""] = blocks("").filter((block) => block.startsWith("$ dispatch-gate decide"));
    const [, job = "", answer] = /--job '(.*)'\n(.*)\n$/.exec(shown) ?? [];
    expect((await run({ cwd }, "decide", "governance-policy.yaml", "--job", job)).out).toBe(`${answer}\n`);
  });

  test("gives each command with the options that its help has", async () => {
    for (const command of COMMANDS) {
      const line = DOCS.split("\n").find((one) => one.startsWith(`dispatch-gate ${command} `)) ?? "";
      const { out } = await run({ cwd: folderOf() }, command, "--help");
      const told = new Set(out.match(/^ {2}--[a-z-]+/gm)?.map((option) => option.trim()));
      expect(new Set(line.match(/--[a-z-]+/g))).toEqual(told);
    }
  });
});
