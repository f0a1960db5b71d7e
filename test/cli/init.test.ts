import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderOf, run, runJson } from "./run-command.js";

const FILES = ["policy.test.yaml", "policy.yaml"];

describe("init", () => {
  test("writes a policy and a test of it, and tells what to run next", async () => {
    const cwd = folderOf();
    expect(await run({ cwd }, "init")).toEqual({
      code: 0,
      err: "",
      out: [
        "written policy.yaml",
        "written policy.test.yaml",
        "next:",
        "  dispatch-gate check policy.yaml",
        "  dispatch-gate test policy.test.yaml",
        `  dispatch-gate decide policy.yaml --job '{"topic":"job.tickets.write.close"}'`,
        "",
      ].join("\n"),
    });
    expect(readdirSync(cwd).sort()).toEqual(FILES);
  });

  test.each([["trusted"], ["restrict_only"]])("check finds nothing in the policy, with tags %s", async (word) => {
    const cwd = folderOf();
    await run({ cwd }, "init");
    const { code, document } = await runJson({ cwd }, "check", "policy.yaml", "--strict", "--declared-tags", word);
    expect([code, document.findings, document.undecided]).toEqual([0, [], []]);
  });

  test("the test passes, and matches every rule", async () => {
    const cwd = folderOf();
    await run({ cwd }, "init");
    const { code, document } = await runJson({ cwd }, "test", "--coverage");
    expect([code, document.totals]).toEqual([0, { suites: 1, passed: 5, failed: 0, broken: 0 }]);
    // A control: a rule taken away is noticed.
    const policy = readFileSync(join(cwd, "policy.yaml"), "utf8");
    writeFileSync(join(cwd, "policy.yaml"), policy.replace("decision: require_approval", "decision: allow"));
    expect((await run({ cwd }, "test", "--coverage")).code).toBe(1);
  });

  test.each([
    ["my policies/draft", "my policies/draft"],
    ["./-draft", "./-draft"],
    ["a/../b/", "b"],
  ])("every command that it tells runs as it stands, also in %s", async (folder, shown) => {
    const cwd = folderOf();
    const { document } = await runJson({ cwd }, "init", folder);
    expect(document.written).toEqual([`${shown}/policy.yaml`, `${shown}/policy.test.yaml`]);
    const codes: number[] = [];
    for (const command of document.next as readonly string[]) {
      const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, inQuotes, bare]) => inQuotes ?? bare ?? "");
      codes.push((await run({ cwd }, ...words.slice(1))).code);
    }
    // The job of the last one waits for a person.
    expect(codes).toEqual([0, 0, 1]);
  });

  test("the schema for editors is that of the package installed where the command runs", async () => {
    const cwd = folderOf();
    const schemaIn = async (folder: string): Promise<string> => {
      await run({ cwd }, "init", folder);
      return readFileSync(join(cwd, folder, "policy.yaml"), "utf8").split("\n")[0] ?? "";
    };
    const path = "node_modules/dispatch-gate/dist/policy.schema.json";
    expect(await schemaIn(".")).toBe(`# yaml-language-server: $schema=./${path}`);
    expect(await schemaIn("a/b")).toBe(`# yaml-language-server: $schema=../../${path}`);
    expect(await schemaIn("..a")).toBe(`# yaml-language-server: $schema=../${path}`);
  });

  test.each(FILES)("where %s is there already, nothing is written", async (name) => {
    const cwd = folderOf({ [name]: "mine\n" });
    const { code, document } = await runJson({ cwd }, "init");
    expect([code, document.error]).toEqual([
      2,
      { code: "file_exists", message: `\`${name}\` exists`, help: "name another folder" },
    ]);
    expect(readdirSync(cwd)).toEqual([name]);
    expect(readFileSync(join(cwd, name), "utf8")).toBe("mine\n");
  });

  test("a link that leads nowhere is not followed", async () => {
    const cwd = folderOf();
    mkdirSync(join(cwd, "in"));
    symlinkSync(join(cwd, "elsewhere.yaml"), join(cwd, "in", "policy.yaml"));
    expect((await run({ cwd }, "init", "in")).code).toBe(2);
    expect(existsSync(join(cwd, "elsewhere.yaml"))).toBe(false);
  });

  test("a folder that cannot be is 2, with the reason", async () => {
    const cwd = folderOf({ file: "" });
    const { code, document } = await runJson({ cwd }, "init", "file/below");
    expect([code, document.error]).toEqual([
      2,
      { code: "file_unwritable", message: "`file/below` cannot be written (ENOTDIR)", help: "check the path" },
    ]);
  });
});
