import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { digestBytes } from "../../src/digest.js";
import type { PolicyIssue } from "../../src/errors.js";
import { loadPolicy } from "../../src/load-policy.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";
import { errorOfFile, issuesOf } from "./load.js";

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-imports-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

/** A folder with these files, and the path of its policy. */
function written(files: Readonly<Record<string, string>>): string {
  count += 1;
  const root = join(folder, `${count}`, "policies");
  mkdirSync(root, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return join(root, "policy.yaml");
}

const load = (files: Readonly<Record<string, string>>): Promise<Policy> => loadPolicy(written(files));

const issuesOfFiles = async (files: Readonly<Record<string, string>>): Promise<readonly PolicyIssue[]> =>
  (await errorOfFile(written(files))).issues;

/** One line an issue, with the file it stands in. */
async function told(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  return (await issuesOfFiles(files)).map(
    ({ source = "policy.yaml", line, column, code, message, help }) =>
      `${source}:${line}:${column} ${code}: ${message}${help === undefined ? "" : ` (${help})`}`,
  );
}

const rule = (id: string, decision = "allow"): string =>
  `  - { id: ${id}, match: { topics: ["**"] }, decision: ${decision} }\n`;
const file = (...ids: readonly string[]): string => `version: v1\nrules:\n${ids.map((id) => rule(id)).join("")}`;
const output = (id: string): string => `  - { id: ${id}, match: { topics: ["**"] }, detect: [pii], action: redact }\n`;

describe("imported rules", () => {
  test("stand before the file's own where the key stands before `rules`, and after them where it stands after", async () => {
    const before = {
      "policy.yaml": `version: v1\nimports: [./b.yaml]\nrules:\n${rule("a")}`,
      "b.yaml": file("b1", "b2"),
    };
    expect((await load(before)).ruleIds).toEqual(["b1", "b2", "a"]);
    const after = { ...before, "policy.yaml": `version: v1\nrules:\n${rule("a")}imports: [./b.yaml]\n` };
    expect((await load(after)).ruleIds).toEqual(["a", "b1", "b2"]);
  });

  test("decide before the file's own under `first_match` only where they stand before", async () => {
    const team = `version: v1\nrules:\n${rule("team", "deny")}`;
    const head = "version: v1\ncombining: first_match\n";
    const before = await load({ "policy.yaml": `${head}imports: [./t.yaml]\nrules:\n${rule("own")}`, "t.yaml": team });
    const after = await load({ "policy.yaml": `${head}rules:\n${rule("own")}imports: [./t.yaml]\n`, "t.yaml": team });
    expect([before, after].map((policy) => policy.decide({ topic: "x" }).ruleId)).toEqual(["team", "own"]);
  });

  test("of several files stand in the order in which they are named, each with its own imports in place", async () => {
    const policy = await load({
      "policy.yaml": `version: v1\nimports: [./b.yaml, ./sub/c.yaml]\nrules:\n${rule("a")}`,
      "b.yaml": `${file("b")}imports: [./d.yaml]\n`,
      "d.yaml": file("d"),
      "sub/c.yaml": `version: v1\nimports: [./e.yaml]\nrules:\n${rule("c")}`,
      "sub/e.yaml": file("e"),
    });
    expect(policy.ruleIds).toEqual(["b", "d", "e", "c", "a"]);
  });

  test("outputs stand by the place of the key beside `outputs`", async () => {
    const team = `version: v1\noutputs:\n${output("team-out")}`;
    const policy = await load({
      "policy.yaml": `${file("a")}imports: [./t.yaml]\noutputs:\n${output("own-out")}`,
      "t.yaml": team,
    });
    expect(policy.ruleIds).toEqual(["a"]);
    expect(policy.decide({ topic: "x" }).obligations.outputs.map(({ ruleId }) => ruleId)).toEqual([
      "team-out",
      "own-out",
    ]);
  });

  test("may be all that a policy has, also through a file that only imports", async () => {
    const policy = await load({
      "policy.yaml": "version: v1\nimports: [./a.yaml]\n",
      "a.yaml": "version: v1\nimports: [./b.yaml]\n",
      "b.yaml": file("b"),
    });
    expect(policy.ruleIds).toEqual(["b"]);
  });

  test("must come from some file", async () => {
    const files = {
      "policy.yaml": "version: v1\nimports: [./a.yaml]\n",
      "a.yaml": `version: v1\noutputs:\n${output("o")}`,
    };
    expect(await issuesOfFiles(files)).toEqual([
      { code: "key_missing", message: "no file of the policy has `rules`", path: "" },
    ]);
  });

  test("make the same policy as the same rules in one file, of other bytes", async () => {
    const files = {
      "policy.yaml": `version: v1\nimports: [./b.yaml]\nrules:\n${rule("a")}outputs:\n${output("o")}`,
      "b.yaml": file("b"),
    };
    const policy = await load(files);
    const whole = compilePolicy({ yaml: `${file("b", "a")}outputs:\n${output("o")}` });
    expect(policy.snapshot).toBe(whole.snapshot);
    expect(policy.document).toEqual(whole.document);
    expect(policy.document).not.toHaveProperty("imports");
    expect(compilePolicy({ document: policy.document }).snapshot).toBe(policy.snapshot);
    expect(policy.sourceHash).not.toBe(whole.sourceHash);
    // Of the names and the hashes of the bytes, the policy itself first.
    const [main, other] = Object.values(files).map((text) => digestBytes("policy-source", Buffer.from(text)));
    const listed = JSON.stringify([
      ["", main],
      ["b.yaml", other],
    ]);
    const hashed = createHash("sha256").update(`dispatch-gate/policy-sources/v1\0${listed}`).digest("hex");
    expect(policy.sourceHash).toBe(hashed);
    // A comment in an imported file changes the bytes and not the policy; a decision changes both.
    const commented = await load({ ...files, "b.yaml": `# why\n${file("b")}` });
    const changed = await load({ ...files, "b.yaml": file("b").replace("allow", "deny") });
    expect([commented.snapshot === policy.snapshot, commented.sourceHash === policy.sourceHash]).toEqual([true, false]);
    expect([changed.snapshot === policy.snapshot, changed.sourceHash === policy.sourceHash]).toEqual([false, false]);
  });
});

describe("how far imports go", () => {
  const chain = (depth: number): Readonly<Record<string, string>> => {
    const name = (level: number): string => (level === 0 ? "policy" : `f${level}`);
    return Object.fromEntries(
      Array.from({ length: depth + 1 }, (_, level) => {
        const next = level === depth ? "" : `imports: [./${name(level + 1)}.yaml]\n`;
        return [`${name(level)}.yaml`, file(name(level)) + next];
      }),
    );
  };

  test("depth 4 is followed, depth 5 is refused where it is named", async () => {
    expect((await load(chain(4))).ruleIds).toEqual(["policy", "f1", "f2", "f3", "f4"]);
    expect(await told(chain(5))).toEqual([
      "f4.yaml:4:11 import_too_deep: cannot import `./f5.yaml`: imports must not nest deeper than 4",
    ]);
  });

  test("a cycle is refused, by way of others and to itself", async () => {
    const message = "it leads back to a file that imports it (remove one of the imports)";
    expect(await told({ "policy.yaml": `${file("a")}imports: [./policy.yaml]\n` })).toEqual([
      `policy.yaml:4:11 import_cycle: cannot import \`./policy.yaml\`: ${message}`,
    ]);
    const files = {
      "policy.yaml": `${file("a")}imports: [./b.yaml]\n`,
      "b.yaml": `${file("b")}imports: [./policy.yaml]\n`,
    };
    expect(await told(files)).toEqual([`b.yaml:4:11 import_cycle: cannot import \`./policy.yaml\`: ${message}`]);
  });

  test("a file that is imported twice is refused, under whatever path", async () => {
    const message = "it is imported already (import each file once)";
    const files = {
      "policy.yaml": `${file("a")}imports: [./b.yaml, ./c.yaml, ./sub/../b.yaml]\n`,
      "b.yaml": file("b"),
      "c.yaml": `${file("c")}imports: [./b.yaml]\n`,
      "sub/.keep": "",
    };
    expect(await told(files)).toEqual([
      `policy.yaml:4:31 import_repeated: cannot import \`./sub/../b.yaml\`: ${message}`,
      `c.yaml:4:11 import_repeated: cannot import \`./b.yaml\`: ${message}`,
    ]);
  });

  test("a policy is of 256 files at most", async () => {
    const names = Array.from({ length: 255 }, (_, index) => `f${index}`);
    const lists = Array.from({ length: 4 }, (_, index) => names.slice(index * 64, index * 64 + 64));
    const leaves = Object.fromEntries(names.map((name) => [`${name}.yaml`, file(name)]));
    // Three files of lists take the place of as many leaves.
    const listing = (list: readonly string[]): string =>
      `imports: [${list.map((name) => `./${name}.yaml`).join(", ")}]\n`;
    const files = {
      ...leaves,
      "policy.yaml": `version: v1\n${listing(["l0", "l1", "l2", "l3"])}`,
      ...Object.fromEntries(lists.map((list, index) => [`l${index}.yaml`, `version: v1\n${listing(list)}`])),
    };
    const issues = await issuesOfFiles(files);
    expect(issues.map(({ code }) => code)).toEqual(Array(4).fill("import_too_many"));
    expect(issues[0]).toMatchObject({
      message: "cannot import `./f251.yaml`: a policy must not be of more than 256 files",
      source: "l3.yaml",
      path: "/imports/59",
    });
    const fewer = { ...files, "l3.yaml": `version: v1\n${listing((lists[3] ?? []).slice(0, 59))}` };
    expect((await load(fewer)).ruleIds).toHaveLength(251);
  }, 60_000);

  test("the size limit is for all files together", async () => {
    const files = { "policy.yaml": `${file("a")}imports: [./b.yaml]\n`, "b.yaml": file("b") };
    const path = written(files);
    const size = Object.values(files).join("").length;
    expect((await loadPolicy(path, { maxBytes: size })).ruleIds).toEqual(["a", "b"]);
    const { issues } = await errorOfFile(path, { maxBytes: size - 1 });
    expect(issues).toEqual([
      {
        code: "policy_too_large",
        message: `cannot import \`./b.yaml\`: a policy must not be larger than ${file("b").length - 1} bytes`,
        path: "/imports/0",
        line: 4,
        column: 11,
      },
    ]);
  });
});

describe("what cannot be imported", () => {
  const importing = (path: string): string => `${file("a")}imports: [${path}]\n`;

  test("a file outside the policy's folder, by its path", async () => {
    const path = written({ "policy.yaml": importing("./../secret.yaml") });
    writeFileSync(join(dirname(path), "..", "secret.yaml"), file("secret"));
    const { issues } = await errorOfFile(path);
    expect(issues).toEqual([
      {
        code: "import_outside",
        message: "cannot import `./../secret.yaml`: it is outside the policy's folder",
        help: "move the file into it",
        path: "/imports/0",
        line: 4,
        column: 11,
      },
    ]);
  });

  test("a folder whose name only starts as the policy's does", async () => {
    const path = written({ "policy.yaml": importing("./../policies-of-others/x.yaml") });
    mkdirSync(join(dirname(path), "..", "policies-of-others"));
    writeFileSync(join(dirname(path), "..", "policies-of-others", "x.yaml"), file("x"));
    expect((await errorOfFile(path)).issues[0]?.code).toBe("import_outside");
    // The control: comparing texts says that it is inside.
    const root = dirname(path);
    expect(join(root, "..", "policies-of-others", "x.yaml").startsWith(root)).toBe(true);
  });

  test.skipIf(process.platform === "win32")("a file outside the policy's folder, by a symbolic link", async () => {
    const path = written({ "policy.yaml": importing("./linked.yaml") });
    writeFileSync(join(dirname(path), "..", "secret.yaml"), file("secret"));
    symlinkSync("../secret.yaml", join(dirname(path), "linked.yaml"));
    expect((await errorOfFile(path)).issues).toMatchObject([
      { code: "import_outside", message: "cannot import `./linked.yaml`: it is outside the policy's folder", line: 4 },
    ]);
  });

  test.skipIf(process.platform === "win32")("a file in a folder that is a symbolic link to outside", async () => {
    const path = written({ "policy.yaml": importing("./team/x.yaml") });
    mkdirSync(join(dirname(path), "..", "elsewhere"));
    writeFileSync(join(dirname(path), "..", "elsewhere", "x.yaml"), file("x"));
    symlinkSync("../elsewhere", join(dirname(path), "team"));
    expect((await errorOfFile(path)).issues[0]?.code).toBe("import_outside");
  });

  test.skipIf(process.platform === "win32")(
    "a link inside the folder is followed, and is the file it leads to",
    async () => {
      const path = written({ "policy.yaml": importing("./b.yaml, ./linked.yaml"), "b.yaml": file("b") });
      symlinkSync("b.yaml", join(dirname(path), "linked.yaml"));
      expect((await errorOfFile(path)).issues.map(({ code, path: at }) => [code, at])).toEqual([
        ["import_repeated", "/imports/1"],
      ]);
    },
  );

  test("a policy that is reached by a symbolic link imports from where it really is", async () => {
    const path = written({ "policy.yaml": importing("./b.yaml"), "b.yaml": file("b") });
    const link = join(dirname(path), "..", "link.yaml");
    symlinkSync(path, link);
    expect((await loadPolicy(link)).ruleIds).toEqual(["a", "b"]);
  });

  test.each([
    [
      "a file that is not there",
      "./no.yaml",
      "file_missing: cannot import `./no.yaml`: there is no such file (the path is relative to the file that names it)",
    ],
    [
      "a directory",
      "./sub",
      "file_is_directory: cannot import `./sub`: the policy is a directory (name the file in it)",
    ],
    [
      "a file in a file",
      "./policy.yaml/x",
      "file_unreadable: cannot import `./policy.yaml/x`: the file cannot be read (ENOTDIR) (check that this user may read it)",
    ],
    [
      "an absolute path",
      "/etc/passwd",
      "value_invalid: `/etc/passwd` in an item of `imports` must be a relative path of 1 to 1024 characters that starts with `./`",
    ],
    [
      "a path without its start",
      "b.yaml",
      "value_invalid: `b.yaml` in an item of `imports` must be a relative path of 1 to 1024 characters that starts with `./`",
    ],
    [
      "a path upwards",
      "../b.yaml",
      "value_invalid: `../b.yaml` in an item of `imports` must be a relative path of 1 to 1024 characters that starts with `./`",
    ],
    [
      "a URL",
      "'https://x/y.yaml'",
      "value_invalid: `https://x/y.yaml` in an item of `imports` must be a relative path of 1 to 1024 characters that starts with `./`",
    ],
    ["a number", "7", "type_wrong: an item of `imports` must be a string, not `7` (put it in quotes)"],
  ])("%s", async (_, path, wanted) => {
    expect(await told({ "policy.yaml": importing(path), "sub/.keep": "" })).toContain(`policy.yaml:4:11 ${wanted}`);
  });

  test("no list at all, and an empty one", async () => {
    expect(await told({ "policy.yaml": `${file("a")}imports: ./b.yaml\n` })).toEqual([
      "policy.yaml:4:10 type_wrong: `imports` must be a list, not a string",
    ]);
    expect(await told({ "policy.yaml": `${file("a")}imports: []\n` })).toEqual([
      "policy.yaml:4:10 list_empty: `imports` must not be an empty list",
    ]);
  });

  test("a policy that was not read from a file", () => {
    expect(issuesOf(`${file("a")}imports: [./b.yaml]\n`)).toEqual([
      {
        code: "imports_unresolved",
        message: "the policy has `imports`, which can only be followed from a file",
        help: "load it with `loadPolicy(path)`, or give the gate the path",
        path: "/imports",
        line: 4,
        column: 1,
      },
    ]);
    expect(() => compilePolicy({ document: { version: "v1", rules: [], imports: ["./b.yaml"] } })).toThrow(
      "the policy has `imports`, which can only be followed from a file",
    );
  });
});

describe("problems across files", () => {
  const main = (more = ""): string => `${file("a")}imports: [./b.yaml]\n${more}`;

  test("an id is unique over all files, rules and outputs alike", async () => {
    const files = {
      "policy.yaml": main(`outputs:\n${output("o")}`),
      "b.yaml": `version: v1\nrules:\n${rule("a")}${rule("o")}imports: [./sub/c.yaml]\n`,
      "sub/c.yaml": `version: v1\nrules:\n${rule("c")}${rule("c2")}outputs:\n${output("c")}`,
    };
    expect(await told(files)).toEqual([
      "b.yaml:3:11 rule_id_duplicate: the id `a` is already that of `/rules/0` (give each rule its own id)",
      "b.yaml:4:11 rule_id_duplicate: the id `o` is already that of `/outputs/0` (give each rule its own id)",
      "sub/c.yaml:6:11 rule_id_duplicate: the id `c` is already that of `sub/c.yaml/rules/0` (give each rule its own id)",
    ]);
  });

  test("an id that an imported file took is named with that file", async () => {
    const files = {
      "policy.yaml": "version: v1\nimports: [./b.yaml, ./c.yaml]\n",
      "b.yaml": file("x"),
      "c.yaml": file("x"),
    };
    expect(await told(files)).toEqual([
      "c.yaml:3:11 rule_id_duplicate: the id `x` is already that of `b.yaml/rules/0` (give each rule its own id)",
    ]);
  });

  test.each([
    ["combining", "combining: first_match"],
    ["default", "default: deny"],
    ["tags", "tags: { prod: x }"],
    ["tiers", "tiers: [low]"],
    ["queue", "queue: { max_pending: 1 }"],
    ["approvals", "approvals: { use_within_sec: 1 }"],
    ["output_default", "output_default: none"],
  ])("an imported file has no use for `%s`", async (key, line) => {
    expect(await told({ "policy.yaml": main(), "b.yaml": `${file("b")}${line}\n` })).toEqual([
      `b.yaml:4:1 import_key_unused: an imported file has no use for \`${key}\` (move it to the file that is loaded, or remove it)`,
    ]);
    // The control: the file that is loaded has.
    expect((await load({ "policy.yaml": main(`${line}\n`), "b.yaml": file("b") })).ruleIds).toEqual(["a", "b"]);
  });

  test("what an imported file has no use for is not looked into, and a key that no file has is only unknown", async () => {
    expect(await told({ "policy.yaml": main(), "b.yaml": `${file("b")}tags: { Prod: x }\nrulez: []\n` })).toEqual([
      "b.yaml:4:1 import_key_unused: an imported file has no use for `tags` (move it to the file that is loaded, or remove it)",
      "b.yaml:5:1 key_unknown: unknown key `rulez` (did you mean `rules`?)",
    ]);
  });

  test("an imported file needs its version, and something to give", async () => {
    expect(await told({ "policy.yaml": main(), "b.yaml": `rules:\n${rule("b")}` })).toEqual([
      "b.yaml:1:1 key_missing: the policy must have `version`",
    ]);
    const empty = { "policy.yaml": main(), "b.yaml": "# why\nversion: v1\n" };
    expect(await told(empty)).toEqual([
      "b.yaml:2:1 key_missing: the imported file `b.yaml` must have `rules` or `outputs`",
    ]);
    expect((await issuesOfFiles(empty)).map(({ path }) => path)).toEqual([""]);
  });

  test("the vocabulary of the file that is loaded binds imported rules", async () => {
    const tagged = "version: v1\nrules:\n  - { id: b, match: { risk_tags: [prod, prd] }, decision: deny }\n";
    const files = { "policy.yaml": main("tags: { prod: the live system }\n"), "b.yaml": tagged };
    expect(await told(files)).toEqual([
      "b.yaml:3:41 tag_unknown: the tag `prd` is not in the policy's vocabulary (did you mean `prod`?)",
    ]);
    expect((await load({ ...files, "policy.yaml": main() })).ruleIds).toEqual(["a", "b"]);
  });

  test("all problems of all files come at once, the loaded file's first, each with its file", async () => {
    const files = {
      "policy.yaml": "version: v1\nimports: [./b.yaml, ./no.yaml]\nrulez: []\n",
      "b.yaml": "version: v1\nrules:\n  - { id: b, decision: alow }\n",
    };
    const path = written(files);
    const error = await errorOfFile(path);
    expect(error.issues.map(({ source, line, code }) => [source, line, code])).toEqual([
      [undefined, 2, "file_missing"],
      [undefined, 3, "key_unknown"],
      ["b.yaml", 3, "key_missing"],
      ["b.yaml", 3, "word_unknown"],
    ]);
    expect(error.source).toBe(path);
    expect(error.message).toContain(`\n  ${path}:3:1 unknown key \`rulez\`\n`);
    expect(error.message).toContain("\n  b.yaml:3:5 a rule must have `match`\n");
  });

  test("what YAML must not do it must not do in an imported file", async () => {
    const files = { "policy.yaml": main(), "b.yaml": `${file("b")}    <<: *x\n` };
    expect((await told(files)).map((line) => line.split(" ")[0])).toContain("b.yaml:4:9");
  });
});
