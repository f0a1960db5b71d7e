import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.js";
import { folderOf, run, runJson } from "./run-command.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
const COMMANDS = [
  "init",
  "check",
  "test",
  "decide",
  "explain",
  "approvals",
  "trace",
  "events",
  "export",
  "audit",
  "serve",
  "doctor",
  "verify",
  "drill",
  "import",
];
const POLICY = `version: v1\nrules:\n  - { id: none, match: { topics: ["**"] }, decision: deny }\n`;

describe("the command line", () => {
  test.each([["--help"], ["-h"], ["help"]])("%s lists the commands", async (word) => {
    const { code, out, err } = await run({ cwd: folderOf() }, word);
    expect([code, err]).toEqual([0, ""]);
    expect([...out.matchAll(/^ {2}([a-z]+) {2}/gm)].map(([, command]) => command)).toEqual(COMMANDS);
  });

  test.each(COMMANDS)("%s --help tells its options, whatever else is given", async (command) => {
    const { code, out, err } = await run({ cwd: folderOf() }, command, "--nonsense", "--help");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(new RegExp(`^usage: dispatch-gate ${command} `));
    expect(out).toContain("--json");
    // An example, as it stands in a shell.
    expect(out).toMatch(new RegExp(`^ {2}dispatch-gate ${command}(?: |$)`, "m"));
  });

  test("--version prints the version of the package", async () => {
    expect(await run({ cwd: folderOf() }, "--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });

  test.each([
    [[], "a command is missing", `commands: ${COMMANDS.join(", ")}`],
    [["chekc"], "unknown command `chekc`", "did you mean `check`?"],
    [["constructor"], "unknown command `constructor`", `commands: ${COMMANDS.join(", ")}`],
    [["--versoin"], "unknown option `--versoin`", "did you mean `--version`?"],
    [["check", "p.yaml", "--agianst", "x"], "unknown option `--agianst`", "did you mean `--against`?"],
    [["check", "p.yaml", "-x"], "unknown option `-x`", "options: --against, --declared-tags, --strict, --json, --help"],
    [["check", "p.yaml", "--no-strict"], "unknown option `--no-strict`", "did you mean `--strict`?"],
    [["check", "p.yaml", "--__proto__"], "unknown option `--__proto__`", expect.any(String)],
    [
      ["check", "p.yaml", "--declared-tags", "restrict-only"],
      "`--declared-tags` does not know `restrict-only`",
      "did you mean `restrict_only`?",
    ],
    [["check", "p.yaml", "--strict=yes"], "`--strict` takes no value", undefined],
    [["check", "p.yaml", "--strict", "--strict"], "`--strict` is given twice", "give it once"],
    [["check", "p.yaml", "--against"], "`--against` needs a value", undefined],
    [["check", "p.yaml", "--against", "--strict"], "`--against` needs a value", undefined],
    [["check"], "FILE is missing", "see `--help`"],
    [["check", "p.yaml", "q.yaml"], "`q.yaml` is one argument too many", "see `--help`"],
  ])("%j cannot run, and says why", async (args, message, help) => {
    const cwd = folderOf({ "p.yaml": POLICY });
    const { code, document } = await runJson({ cwd }, ...args);
    expect(code).toBe(2);
    expect(document.error).toEqual({
      code: expect.stringMatching(/^[a-z_]+$/),
      message,
      ...(help === undefined ? {} : { help }),
    });
    const plain = await run({ cwd }, ...args);
    expect(plain).toMatchObject({ code: 2, out: "" });
    expect(plain.err).toContain(`dispatch-gate: error: ${message}\n`);
  });

  test("a mistake of ours is 2, and never looks like a finding", async () => {
    const cwd = folderOf({ "p.yaml": POLICY });
    const stdin = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("no such luck")) }) };
    const sink = { written: "", write: (text: string) => (sink.written += text) };
    const io = { cwd, stdin, stdout: sink, stderr: sink, env: {}, interrupted: () => Promise.resolve() };
    expect(await main(["explain", "p.yaml", "--job", "-"], io)).toBe(2);
    expect(sink.written).toBe(
      "dispatch-gate: error: this is a mistake of dispatch-gate: no such luck\n  help: please report it\n",
    );
  });

  test("after `--` nothing is an option", async () => {
    const cwd = folderOf({ "--strict": POLICY });
    const { err } = await run({ cwd }, "check", "--", "--strict");
    expect(err).toBe("");
    expect((await run({ cwd }, "check", "--", "--help")).err).toContain("`--help`: there is no such file");
  });

  test("colours are for terminals, unless the environment says otherwise", async () => {
    const cwd = folderOf({ "p.yaml": POLICY });
    const coloured = async (isTTY: boolean, env: Readonly<Record<string, string>>): Promise<boolean> =>
      (await run({ cwd, isTTY, env }, "check", "p.yaml")).out.includes("\u001b[");
    expect(await coloured(true, {})).toBe(true);
    expect(await coloured(false, {})).toBe(false);
    expect(await coloured(true, { NO_COLOR: "1" })).toBe(false);
    expect(await coloured(true, { NO_COLOR: "" })).toBe(true);
    expect(await coloured(true, { TERM: "dumb" })).toBe(false);
    expect(await coloured(false, { FORCE_COLOR: "1" })).toBe(true);
    expect(await coloured(true, { FORCE_COLOR: "0" })).toBe(false);
    expect(await coloured(false, { FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(true);
  });

  test("--json is never coloured", async () => {
    const cwd = folderOf({ "p.yaml": POLICY });
    const { out } = await run({ cwd, isTTY: true, env: { FORCE_COLOR: "1" } }, "check", "p.yaml", "--json");
    expect(out).not.toContain("\u001b");
    expect(out).not.toContain("\\u001b");
  });
});
