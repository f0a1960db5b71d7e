import { join } from "node:path";
import { createGate } from "dispatch-gate";
import { describe, expect, test } from "vitest";
import { inked, type Line, printLines } from "../../src/cli/print.js";
import { folderOf, type Ran, run } from "./run-command.js";

/** What a runner of builds takes for a command: `::` at the beginning of a line, after blanks too; `##[` anywhere. */
const COMMAND = /^\s*::|##[a-z]*\[/im;

const NOTE = "::error file=app.js,line=1::injected ##[error]injected ##vso[task]x";
const ID = "::error::id##[error]";

const POLICY = `version: v1
tags: { a: "${NOTE}" }
rules:
  - { id: "${ID}", match: { topics: ["::x"] }, decision: allow, reason: "${NOTE}" }
  - { id: "${ID}2", match: { topics: ["::x"], labels: { "${NOTE}": ["::error*"] } }, decision: deny, reason: "${NOTE}" }
  - { id: "${ID}3", match: { topics: ["::x", "::*"], risk_tags: [a], when: 'job.labels["${NOTE}"] == "x"' }, decision: require_approval }
`;

const SUITE = `note: "${NOTE}"
policy: "./::error::p.yaml"
tests:
  - { name: "${NOTE}", job: { topic: "::x" }, expect: { decision: deny, rule: "${ID}9", reason: "${NOTE}" } }
  - { name: "::error::2", job: { topic: "::x" }, expect: { decision: allow } }
`;

const CORDUM = `rules:
  - { id: "${NOTE}", match: { topics: ["job.a"], "${NOTE}": 1 }, decision: "${NOTE}", reason: "${NOTE}" }
  - { id: "${ID}", match: { topics: ["::b[", "job.b"], capabilities: ["${NOTE}"] }, decision: allow, reason: "\\n${NOTE}" }
"${NOTE}": 1
`;

async function runs(more: Readonly<Record<string, string>>): Promise<readonly Ran[]> {
  const cwd = folderOf({
    "::error::p.yaml": POLICY,
    "::error::bad.yaml": `${POLICY}::error::key: 1\n"${NOTE}": 1\n`,
    "::error::main.yaml": `version: v1\nimports: ["./::error::bad.yaml", "::error::none.yaml"]\nrules: []\n`,
    "::error::a.test.yaml": SUITE,
    "::error::b.test.yaml": `${SUITE}::error::key: 1\n`,
    "::error::c.test.yaml": SUITE.replace("p.yaml", "none.yaml"),
    "::error::cordum.yaml": CORDUM,
    "##[error]d.test.yaml": SUITE.replace("p.yaml", "bad.yaml"),
    ...more,
  });
  const gate = await createGate({
    policy: join(cwd, "::error::p.yaml"),
    store: join(cwd, "::error::gate.db"),
    dispatch: () => 1,
  });
  await gate.evaluateAndDispatch({ topic: "::x" });
  await gate.close();
  const job = JSON.stringify({ topic: "::x", labels: { [NOTE]: NOTE }, payload: [NOTE] });
  const lines: readonly (readonly string[])[] = [
    ["check", "::error::p.yaml"],
    ["check", "::error::p.yaml", "--against", "::error::gate.db"],
    ["check", "::error::bad.yaml"],
    ["check", "::error::main.yaml"],
    ["check", NOTE],
    ["check", "::error::p.yaml", "--against", NOTE],
    ["test"],
    ["test", "::error::a.test.yaml", "--coverage"],
    ["test", "--policy", "::error::bad.yaml"],
    ["test", NOTE],
    ["explain", "::error::p.yaml", "--job", job],
    ["explain", "::error::p.yaml", "--job", JSON.stringify({ topic: "::y" })],
    ["explain", "::error::p.yaml", "--job", JSON.stringify({ topic: "x", [NOTE]: 1 })],
    ["explain", "::error::bad.yaml", "--job", job],
    ["import", "--from", "cordum", "::error::cordum.yaml"],
    ["import", "--from", "cordum", "::error::bad.yaml"],
    ["import", "--from", NOTE, "x"],
    [NOTE],
    [`--${NOTE}`],
  ];
  const done: Ran[] = [];
  for (const line of [...lines, ...lines.map((words) => [...words, "--json"])]) done.push(await run({ cwd }, ...line));
  return done;
}

describe("what runners of builds read as commands", () => {
  test("no text of a file or a command line becomes one, whatever is run", async () => {
    const done = await runs({});
    const text = done.map(({ out, err }) => `${out}\n${err}`).join("\n");
    for (const word of [
      "note: ::error",
      "rule `::error",
      "[shadowed]",
      "never matched",
      "because",
      "dropped",
      "policy_",
    ])
      expect([word, text.includes(word.replace("[shadowed]", "warning"))]).toEqual([word, true]);
    expect(text.split("\n").filter((line) => COMMAND.test(line))).toEqual([]);
    // The last resort of what prints lines was not needed.
    expect(text.split("\n").filter((line) => line.startsWith("| "))).toEqual([]);
    expect(NOTE).toMatch(COMMAND);
    expect(POLICY).toMatch(COMMAND);
  });

  test("a line that begins so all the same is printed behind a bar, in colours too", () => {
    const printed = (env: Readonly<Record<string, string>>, ...lines: readonly Line[]): string => {
      let text = "";
      printLines({ write: (more) => (text += more) }, env, lines);
      return text;
    };
    const line: Line = ["  ", inked("bad", ":"), ":error::x"];
    expect(printed({}, line, ["::x"], ["a ::x"])).toBe("|   ::error::x\n| ::x\na ::x\n");
    expect(printed({ FORCE_COLOR: "1" }, line)).toMatch(/^\| /);
    expect(printed({}, ["a ##[error]x ##vso[y] # ## #x"])).toBe("a \\u{23}#[error]x \\u{23}#vso[y] # ## #x\n");
  });
});
