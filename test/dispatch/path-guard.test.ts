import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { allowsPath, createPathGuard, type PathLimits } from "../../src/dispatch/guard/path.js";
import { isWithin, mayBeWithin } from "../../src/dispatch/guard/path-place.js";
import { readSpelling } from "../../src/dispatch/guard/path-spelling.js";
import { GuardError } from "../../src/errors.js";
import { cases, FULL_TIME } from "../scale.js";
import {
  decoding,
  deepestParent,
  emptyIsAbsent,
  entriesAsWritten,
  lexical,
  type MakeGuard,
  oneList,
  parentsOpen,
  startsWith,
} from "./path-naive.js";
import { answer, build, type Item, items, lead, type Query, query, write, writeLimits } from "./path-world.js";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "dispatch-gate-path-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The answer, or the code of the refusal. */
async function ask(guard: ReturnType<MakeGuard>, path: string, mode: "read" | "write" = "read"): Promise<string> {
  try {
    return await guard(path, mode);
  } catch (error) {
    if (error instanceof GuardError) return error.code;
    throw error;
  }
}

let made = 0;
/** The base of the tree that is asked about. */
let base = "";

/** The same words in limits and answers, with `~` for the base. */
const full = (text: string): string => text.replaceAll("~", base);
const fullLimits = (limits: PathLimits): PathLimits => JSON.parse(full(JSON.stringify(limits)));
const short = (text: string): string => (base === "" ? text : text.replaceAll(base, "~"));

function makeTree(): void {
  made += 1;
  base = join(folder, `tree-${made}`);
  for (const each of ["data/in/deep", "data/%2e%2e", "database", "secret", "v1", "v2"]) {
    mkdirSync(join(base, each), { recursive: true });
  }
  for (const each of ["data/f", "data/in/f", "database/x", "secret/key"]) writeFileSync(join(base, each), "");
  const links = {
    "data/out": "../secret",
    "data/out-file": "../secret/key",
    "data/up": "..",
    "data/dangling": "../secret/new",
    "data/dangling-in": "in/new",
    "data/loop": "pool",
    "data/pool": "loop",
    "data/inner": "in/deep",
    "data/whole": `${base}/data/in`,
    "data/broken": "in\nside",
    alias: "data",
    current: "v1",
  };
  for (const [path, target] of Object.entries(links)) symlinkSync(target, join(base, path));
  symlinkSync(Buffer.from([0x69, 0xff]), join(base, "data/bytes"));
  symlinkSync("in", join(base, "data/chain-1"));
  for (let link = 2; link <= 41; link += 1) symlinkSync(`chain-${link - 1}`, join(base, `data/chain-${link}`));
}

beforeAll(makeTree);

const DATA: PathLimits = { read: [["~/data"]], write: [["~/data"]] };

describe("what leads out of an allowed folder is refused, whatever it is called", () => {
  test.each<readonly [path: string, wanted: string, control: MakeGuard, naively: string]>([
    ["~/database/x", "path_denied", startsWith, "~/database/x"],
    ["~/data/../secret/key", "path_denied", startsWith, "path_denied"],
    ["~/data/%2e%2e/x", "~/data/%2e%2e/x", decoding, "path_denied"],
    ["~/data/%2e%2e/%2e%2e/secret", "~/data/%2e%2e/%2e%2e/secret", decoding, "path_denied"],
    ["~/data/f\0.txt", "path_invalid", lexical, "~/data/f\0.txt"],
    ["~/data/f\n", "path_invalid", lexical, "~/data/f\n"],
    ["~/data/f\u007f", "path_invalid", lexical, "~/data/f\u007f"],
    ["~/data/f\u0085", "path_invalid", lexical, "~/data/f\u0085"],
    ["~/data/\ud800", "path_invalid", lexical, "~/data/\ud800"],
    [`~/data/${"x/".repeat(2_048)}`, "path_invalid", lexical, `~/data${"/x".repeat(2_048)}`],
    [`~/data/${"x".repeat(256)}`, "path_invalid", lexical, `~/data/${"x".repeat(256)}`],
    ["~/data/out/key", "path_denied", lexical, "~/data/out/key"],
    ["~/data/out-file", "path_denied", lexical, "~/data/out-file"],
    ["~/data/out/new", "path_denied", lexical, "~/data/out/new"],
    ["~/data/up/secret/key", "path_denied", lexical, "~/data/up/secret/key"],
    ["~/data/dangling", "path_denied", deepestParent, "~/data/dangling"],
    ["~/data/dangling-in", "~/data/in/new", deepestParent, "~/data/dangling-in"],
    ["~/data/out/../in", "path_denied", deepestParent, "~/data/in"],
    ["~/data/inner/../f", "~/data/in/f", deepestParent, "~/data/f"],
    ["~/data/loop", "path_invalid", deepestParent, "~/data/loop"],
    ["~/data/loop/x", "path_invalid", deepestParent, "~/data/loop/x"],
    ["~/data/chain-41/x", "path_invalid", lexical, "~/data/chain-41/x"],
    ["~/data/f/x", "path_invalid", deepestParent, "~/data/f/x"],
    ["~/data/f/", "path_invalid", deepestParent, "~/data/f"],
    ["~/data/f/.", "path_invalid", deepestParent, "~/data/f"],
    ["~/data/f/../in", "path_invalid", deepestParent, "~/data/in"],
    ["~/data/new/../f", "path_invalid", deepestParent, "~/data/f"],
    ["~/data/broken", "path_invalid", deepestParent, "~/data/broken"],
    ["~/data/bytes", "path_invalid", deepestParent, "~/data/bytes"],
  ])("%j is %j", async (path, wanted, control, naively) => {
    for (const mode of ["read", "write"] as const) {
      expect(short(await ask(createPathGuard(fullLimits(DATA)), full(path), mode))).toBe(wanted);
      expect(short(await ask(control(fullLimits(DATA)), full(path), mode))).toBe(naively);
    }
  });

  test.each([
    ["~/data", "~/data"],
    ["~/data/", "~/data"],
    ["~//data///f", "~/data/f"],
    ["~/./data/./f", "~/data/f"],
    ["~/secret/../data/f", "~/data/f"],
    ["~/alias/f", "~/data/f"],
    ["~/data/up/data/f", "~/data/f"],
    ["~/data/whole/f", "~/data/in/f"],
    ["~/data/chain-40/f", "~/data/in/f"],
    ["~/data/new", "~/data/new"],
    ["~/data/new/", "~/data/new"],
    ["~/data/new/./deeper/x", "~/data/new/deeper/x"],
    ["~/data/a\\b", "~/data/a\\b"],
    ["~/data/...", "~/data/..."],
    ["/../../..~/data/f", "~/data/f"],
  ])("%j is %j", async (path, wanted) => {
    for (const mode of ["read", "write"] as const) {
      expect(short(await ask(createPathGuard(fullLimits(DATA)), full(path), mode))).toBe(wanted);
    }
  });

  test.each<readonly [path: unknown, message: string, help?: string]>([
    [undefined, "a path must be text"],
    [7, "a path must be text"],
    [{ toString: () => "/" }, "a path must be text"],
    ["", "a path must not be empty"],
    ["/".repeat(4_097), "a path must have at most 4096 characters"],
    ["/\udc00", "a path must not hold half of a surrogate pair"],
    ["/a\0", "no legal path holds U+0000"],
    ["/a\u009f", "no legal path holds U+009F"],
    ["data/f", "a path must be absolute", "a guard has no working folder: give the whole path, from the root"],
    ["~/f", "a path must be absolute", "a guard has no working folder: give the whole path, from the root"],
    ["C:\\data", "a path must be absolute", "a guard has no working folder: give the whole path, from the root"],
  ])("%j is refused with words", async (path, message, help) => {
    const asked = Reflect.apply(createPathGuard(undefined), undefined, [path, "read"]);
    await expect(asked).rejects.toMatchObject({ name: "GuardError", code: "path_invalid", message, help });
  });

  test.each<readonly [path: string, message: string]>([
    ["~/data/new/../f", "goes up from a folder that does not exist"],
    ["~/data/f/x", "goes through something that is not a folder"],
    ["~/data/loop", "goes through a loop of links, or more than 40"],
    [`~/data/${"x".repeat(256)}`, "is longer than the file system allows"],
    ["~/data/bytes", "goes through a link to what is no legal path"],
  ])("%s says why it leads nowhere", async (path, message) => {
    const asked = createPathGuard(undefined)(full(path), "read");
    await expect(asked).rejects.toMatchObject({
      code: "path_invalid",
      message: expect.stringContaining(`\` ${message}`),
    });
  });

  test("a refusal by the policy says which half refused", async () => {
    const guard = createPathGuard({ write: [[]], deny: ["/etc/ssl"] });
    await expect(guard("/etc", "write")).rejects.toMatchObject({
      code: "path_denied",
      message: "`/etc` is not where the policy allows to write",
      help: "what counts is where a path leads, with every link followed",
    });
    await expect(guard("/etc/ssl/x`y", "read")).rejects.toMatchObject({
      code: "path_denied",
      message: "`/etc/ssl/x'y` is where the policy denies everything",
    });
    await expect(createPathGuard({ deny: ["/etc/ssl"] })("/etc", "write")).rejects.toMatchObject({
      code: "path_denied",
      message: "`/etc` holds what the policy denies",
      help: "such a folder can be read, and other files in it written, but not the folder itself",
    });
  });

  test("a mode that is neither is refused: a list that is not there would not limit", async () => {
    const guard = createPathGuard(fullLimits(DATA));
    for (const mode of [undefined, "execute", "deny"]) {
      const asked = Reflect.apply(guard, undefined, [full("~/secret/key"), mode]);
      await expect(asked).rejects.toMatchObject({
        code: "path_invalid",
        message: "a path is asked for either to `read` or to `write`",
      });
      const control: unknown = await Reflect.apply(deepestParent(fullLimits({ read: [[]] })), undefined, [
        full("~/v1"),
        mode,
      ]);
      expect(control).toBe(full("~/v1"));
    }
  });

  test("a folder that may not be searched is refused", async () => {
    chmodSync(full("~/data/in"), 0o000);
    const root = process.getuid?.() === 0;
    // Nobody, who has to come through the folder that the test made.
    if (root) {
      chmodSync(folder, 0o711);
      process.seteuid?.(65_534);
    }
    try {
      const guard = createPathGuard(fullLimits(DATA));
      for (const path of ["~/data/in/f", "~/data/in/new", "~/data/in/..", "~/data/in/.", "~/data/inner"]) {
        await expect(guard(full(path), "read")).rejects.toMatchObject({
          code: "path_invalid",
          message: expect.stringContaining("goes through a folder that this process may not search"),
          cause: expect.objectContaining({ code: "EACCES" }),
        });
      }
      expect(await guard(full("~/data/in"), "read")).toBe(full("~/data/in"));
      // The control takes it for a file that does not exist yet.
      expect(await deepestParent(fullLimits(DATA))(full("~/data/inner"), "write")).toBe(full("~/data/inner"));
      // What cannot be looked into denies what it says, and not everything.
      const denied = createPathGuard(fullLimits({ deny: ["~/data/in/f"] }));
      expect(await denied(full("~/data/f"), "read")).toBe(full("~/data/f"));
    } finally {
      if (root) process.seteuid?.(0);
      chmodSync(full("~/data/in"), 0o700);
    }
  });
});

describe("lists", () => {
  test.each<
    readonly [title: string, limits: PathLimits, path: string, wanted: string, control: MakeGuard, naively: string]
  >([
    ["no list", {}, "~/secret/key", "~/secret/key", lexical, "~/secret/key"],
    ["the other list", { write: [[]] }, "~/secret/key", "~/secret/key", lexical, "~/secret/key"],
    ["no inner list", { read: [] }, "~/secret/key", "~/secret/key", oneList, "path_denied"],
    ["an empty inner list", { read: [[]] }, "~/data/f", "path_denied", emptyIsAbsent, "~/data/f"],
    ["an empty one beside another", { read: [["~/data"], []] }, "~/data/f", "path_denied", oneList, "~/data/f"],
    [
      "two that both allow",
      { read: [["~/data"], ["~/data/in"]] },
      "~/data/in/f",
      "~/data/in/f",
      startsWith,
      "~/data/in/f",
    ],
    ["two of which one allows", { read: [["~/data"], ["~/data/in"]] }, "~/data/f", "path_denied", oneList, "~/data/f"],
    ["two entries", { read: [["~/v1", "~/data"]] }, "~/data/f", "~/data/f", lexical, "~/data/f"],
    ["an entry with a slash at its end", { read: [["~/data/"]] }, "~/data", "~/data", startsWith, "~/data"],
    ["an entry that is a file", { read: [["~/data/f"]] }, "~/data/f", "~/data/f", lexical, "~/data/f"],
    ["an entry that does not exist", { read: [["~/new"]] }, "~/new/x", "~/new/x", lexical, "~/new/x"],
    ["the root", { read: [["/"]] }, "~/data/f", "~/data/f", lexical, "~/data/f"],
    ["an entry that is a link", { read: [["~/alias"]] }, "~/alias/f", "~/data/f", entriesAsWritten, "path_denied"],
    ["an entry that is a link, by its target", { read: [["~/alias"]] }, "~/data/f", "~/data/f", lexical, "path_denied"],
    ["an entry that loops", { read: [["~/data/loop"]] }, "~/data/f", "path_denied", lexical, "path_denied"],
    ["an entry of another system", { read: [["C:\\data"]] }, "~/data/f", "path_denied", lexical, "path_denied"],
    ["another case", { read: [["~/DATA"]] }, "~/data/f", "path_denied", lexical, "path_denied"],
    [
      "deny below allow",
      { read: [["~/data"]], deny: ["~/data/in"] },
      "~/data/in/f",
      "path_denied",
      lexical,
      "path_denied",
    ],
    [
      "deny above allow",
      { read: [["~/data/in"]], deny: ["~/data"] },
      "~/data/in/f",
      "path_denied",
      lexical,
      "path_denied",
    ],
    ["deny is no parent", { deny: ["~/data/in"] }, "~/data", "~/data", lexical, "~/data"],
    ["deny by components", { deny: ["~/data"] }, "~/database/x", "~/database/x", startsWith, "path_denied"],
    ["deny with a slash", { deny: ["~/data/"] }, "~/data", "path_denied", lexical, "path_denied"],
    ["deny of nothing", { deny: [] }, "~/data", "~/data", lexical, "~/data"],
    ["deny of the root", { deny: ["/"] }, "~/data", "path_denied", lexical, "path_denied"],
    ["deny under another name", { deny: ["~/data"] }, "~/alias/f", "path_denied", lexical, "~/alias/f"],
    ["deny by a link, its target", { deny: ["~/alias"] }, "~/data/f", "path_denied", entriesAsWritten, "~/data/f"],
    ["deny by a link, itself", { deny: ["~/alias"] }, "~/alias/f", "path_denied", entriesAsWritten, "~/data/f"],
    ["deny of what does not exist", { deny: ["~/data/new"] }, "~/alias/new/x", "path_denied", lexical, "~/alias/new/x"],
    [
      "deny by a link that dangles",
      { deny: ["~/data/dangling"] },
      "~/secret/new",
      "path_denied",
      deepestParent,
      "~/secret/new",
    ],
    ["deny in the text of `..`", { deny: ["~/data/in"] }, "~/data/up/in", "~/in", lexical, "~/data/up/in"],
    ["deny in one reading of `..`", { deny: ["~/data/in"] }, "~/data/out/../in", "path_denied", lexical, "path_denied"],
    ["deny in the other", { deny: ["~/secret"] }, "~/data/out/../secret", "path_denied", lexical, "~/data/secret"],
    [
      "deny in one reading, by a link",
      { deny: ["~/alias"] },
      "~/data/out/../../alias",
      "path_denied",
      entriesAsWritten,
      "~/data",
    ],
    ["deny of another system", { deny: ["C:\\data", "c:/x"] }, "~/data/f", "~/data/f", lexical, "~/data/f"],
    ["deny that loops", { deny: ["~/data/loop"] }, "~/data/f", "~/data/f", lexical, "~/data/f"],
    ["deny behind a file", { deny: ["~/data/f/x"] }, "~/data/f", "~/data/f", lexical, "~/data/f"],
    ["deny that is relative", { deny: ["data"] }, "~/v1", "path_denied", lexical, "~/v1"],
    ["deny with `..`", { deny: ["~/data/../v2"] }, "~/v1", "path_denied", lexical, "~/v1"],
    [
      "deny by a link to what cannot be told",
      { deny: ["~/data/broken"] },
      "~/v1",
      "path_denied",
      deepestParent,
      "~/v1",
    ],
    ["deny by bytes that are no text", { deny: ["~/data/bytes"] }, "~/v1", "path_denied", deepestParent, "~/v1"],
  ])("%s", async (_, limits, path, wanted, control, naively) => {
    expect(short(await ask(createPathGuard(fullLimits(limits)), full(path)))).toBe(wanted);
    expect(short(await ask(control(fullLimits(limits)), full(path)))).toBe(naively);
  });

  test("a hard link to a denied file is the file, as its inode says", async () => {
    linkSync(full("~/secret/key"), full("~/data/hard"));
    const limits = fullLimits({ ...DATA, deny: ["~/secret/key"] });
    expect(await ask(createPathGuard(limits), full("~/data/hard"))).toBe("path_denied");
    expect(await ask(deepestParent(limits), full("~/data/hard"))).toBe(full("~/data/hard"));
  });

  test("limits that change after the guard was made change nothing", async () => {
    const lists = [[full("~/data")]];
    const guard = createPathGuard({ read: lists });
    lists[0]?.push("/");
    expect(await ask(guard, full("~/secret/key"))).toBe("path_denied");
  });
});

describe("what moves while a guard is in use", () => {
  beforeEach(makeTree);

  test("a run cannot put a link where its allowed folder was; a guard made later would follow it", async () => {
    const limits = fullLimits({ read: [["~/data/in", "~/data/new"]] });
    const guard = createPathGuard(limits);
    expect(await ask(guard, full("~/data/in/f"))).toBe(full("~/data/in/f"));
    renameSync(full("~/data/in"), full("~/data/moved"));
    symlinkSync("../secret", full("~/data/in"));
    symlinkSync("../secret", full("~/data/new"));
    for (const path of ["~/data/in/key", "~/data/new/key"]) {
      expect(await ask(guard, full(path))).toBe("path_denied");
      expect(await ask(createPathGuard(limits), full(path))).toBe(full("~/secret/key"));
    }
  });

  test("a denied link denies where it led and where it leads", async () => {
    const limits = fullLimits({ deny: ["~/current"] });
    const guard = createPathGuard(limits);
    const asked = async (): Promise<string[]> => {
      const answers: string[] = [];
      for (const path of ["~/v1/x", "~/v2/x", "~/current/x"]) answers.push(short(await ask(guard, full(path))));
      return answers;
    };
    expect(await asked()).toEqual(["path_denied", "~/v2/x", "path_denied"]);
    rmSync(full("~/current"));
    symlinkSync("v2", full("~/current"));
    expect(await asked()).toEqual(["path_denied", "path_denied", "path_denied"]);
    expect(await ask(createPathGuard(limits), full("~/v1/x"))).toBe(full("~/v1/x"));
    // Also where nothing stands yet, and so has no inode.
    rmSync(full("~/current"));
    symlinkSync("v3", full("~/current"));
    expect(await ask(guard, full("~/v3/x"), "write")).toBe("path_denied");
  });

  test("what is denied cannot be moved with the folder that holds it", async () => {
    const limits = fullLimits({ read: [["~"]], write: [["~"]], deny: ["~/data/in/deep", "~/v1/none/x"] });
    /** Asks for both names, and renames if it gets them. */
    const move = async (guard: ReturnType<MakeGuard>, from: string, to: string): Promise<string> => {
      const [source, target] = [await ask(guard, full(from), "write"), await ask(guard, full(to), "write")];
      if (!source.startsWith("/") || !target.startsWith("/")) return source;
      renameSync(source, target);
      return short(target);
    };
    const key = "~/moved/deep/key";
    writeFileSync(full("~/data/in/deep/key"), "");

    const guard = createPathGuard(limits);
    for (const path of ["~/data/in", "~/data", "~", "~/alias", "~/data/whole", "~/data/out/../data/in", "~/v1/none"]) {
      expect([path, await move(guard, path, "~/moved")]).toEqual([path, "path_denied"]);
      expect(await ask(guard, full(path))).not.toMatch(/^path_/);
    }
    expect(await move(guard, "~/data/in/f", "~/data/in/g")).toBe("~/data/in/g");
    expect(await move(guard, "~/database", "~/base")).toBe("~/base");
    // The control: it gives the folder, and then knows what was denied by its old name alone.
    const naive = parentsOpen(limits);
    expect(await move(naive, "~/data/in", "~/moved")).toBe("~/moved");
    expect(short(await ask(naive, full(key)))).toBe(key);

    // Where somebody else has moved it, the guard knows it by its inode: what was denied, and what held it.
    expect(await ask(guard, full(key))).toBe("path_denied");
    expect(await ask(guard, full("~/moved/deep"), "write")).toBe("path_denied");
    expect(await ask(guard, full("~/moved"), "write")).toBe("path_denied");
    expect(short(await ask(guard, full("~/moved/g"), "write"))).toBe("~/moved/g");
    expect(short(await ask(createPathGuard(limits), full(key)))).toBe(key);
  });

  test("the answer holds no link: the path that was asked for goes elsewhere once it is swapped", async () => {
    const got = await createPathGuard(fullLimits(DATA))(full("~/data/inner/x"), "write");
    rmSync(full("~/data/inner"));
    symlinkSync("../secret", full("~/data/inner"));
    expect(short(got)).toBe("~/data/in/deep/x");
    expect(short(realpathSync(full("~/data/inner")))).toBe("~/secret");
  });
});

describe("paths that a job declares", () => {
  test.each<readonly [limits: PathLimits | undefined, path: string, read: boolean, write: boolean, any: boolean]>([
    [undefined, "anything", true, true, true],
    [{}, "/a", true, true, true],
    [{}, "a", false, false, false],
    [{ read: [["/data"]] }, "/data/x", true, true, true],
    [{ read: [["/data"]] }, "/database/x", false, true, true],
    [{ read: [["/data"]], write: [["/out"]] }, "/data", true, false, true],
    [{ read: [["/data"]], write: [["/out"]] }, "/out/", false, true, true],
    [{ read: [["/data"]], write: [["/out"]] }, "/data/../out", false, false, false],
    [{ read: [["/data"]], write: [["/out"]] }, "/etc", false, false, false],
    [{ read: [["/data"]], write: [["/out"]] }, "/data\0", false, false, false],
    [{ read: [["/data/"], ["/data/in"]], write: [[]] }, "//data/./in/x", true, false, true],
    [{ read: [["/data/"], ["/data/in"]], write: [[]] }, "/data/x", false, false, false],
    [{ read: [], write: [[]] }, "/x", true, false, true],
    [{ deny: ["/data/in"] }, "/data/in/x", false, false, false],
    [{ deny: ["/data/in"] }, "/data/inner", true, true, true],
    [{ deny: ["/data/in/deep"] }, "/data", true, false, true],
    [{ deny: ["/data/in/deep"] }, "/", true, false, true],
    [{ deny: ["/data/in/deep"] }, "/data/in/f", true, true, true],
    [{ deny: ["data"] }, "/x", false, false, false],
  ])("%j lets %j be read, written, either: %s, %s, %s", (limits, path, read, write, any) => {
    const got = (["read", "write", "any"] as const).map((mode) => allowsPath(limits, path, mode));
    expect(got).toEqual([read, write, any]);
  });
});

describe("Windows", () => {
  test.each<readonly [path: string, wanted: readonly string[] | string]>([
    ["C:\\data\\f", ["C:\\", "data", "f"]],
    ["c:/data/../f/", ["C:\\", "data", "..", "f", "."]],
    ["C:\\", ["C:\\"]],
    ["C:\\com\\console\\nul-and-void\\%2e", ["C:\\", "com", "console", "nul-and-void", "%2e"]],
    ["data\\f", ["", "data", "f"]],
    ["\\\\?\\C:\\data", "`\\\\?\\C:\\data` does not begin with a drive"],
    ["\\\\.\\PhysicalDrive0", "`\\\\.\\PhysicalDrive0` does not begin with a drive"],
    ["//server/share/f", "`//server/share/f` does not begin with a drive"],
    ["\\??\\C:\\data", "`\\??\\C:\\data` does not begin with a drive"],
    ["\\data", "`\\data` does not begin with a drive"],
    ["C:data", "no name on Windows holds what `C:data` does"],
    ["C:\\data\\f:stream", "no name on Windows holds what `f:stream` does"],
    ["C:\\data\\f::$DATA", "no name on Windows holds what `f::$DATA` does"],
    ["C:\\data\\f?", "no name on Windows holds what `f?` does"],
    ["C:\\secret.\\f", "`secret.` ends in a dot or a space, which Windows leaves out"],
    ["C:\\secret \\f", "`secret ` ends in a dot or a space, which Windows leaves out"],
    ["C:\\data\\...\\f", "`...` ends in a dot or a space, which Windows leaves out"],
    ["C:\\data\\CON", "`CON` is a device on Windows"],
    ["C:\\data\\nul.txt", "`nul.txt` is a device on Windows"],
    ["C:\\data\\aux .x", "`aux .x` is a device on Windows"],
    ["C:\\data\\com¹", "`com¹` is a device on Windows"],
    ["C:\\data\\conout$", "`conout$` is a device on Windows"],
  ])("%s is read as %j", (path, wanted) => {
    const reading = readSpelling(path, "win32");
    const got = reading.ok ? [reading.spelling.root ?? "", ...reading.spelling.steps] : reading.message;
    expect(got).toEqual(wanted);
  });

  test("what is denied is so in every case and composition, on macOS too; what is allowed is so as it is spelt", () => {
    for (const [denied, asked] of [
      ["Secret", "sECRET"],
      ["caf\u00e9", "CAFE\u0301"],
      ["straße", "STRASSE"],
      ["secret", "\u017fecret"],
    ] as const) {
      for (const [platform, wanted] of [
        ["win32", true],
        ["darwin", true],
        ["linux", false],
      ] as const) {
        expect([asked, mayBeWithin(["/", asked, "x"], ["/", denied], platform)]).toEqual([asked, wanted]);
      }
      expect(isWithin(["/", asked], ["/", denied])).toBe(false);
    }
  });
});

describe("against a naive walk of the same tree in memory", () => {
  const PER_TREE = 20;
  const queries = fc.array(query, { minLength: PER_TREE, maxLength: PER_TREE });
  let trees = 0;

  /** Holds a guard against the model, and the model against the kernel. Answers how often each answer was given. */
  function holds(
    make: MakeGuard,
    count: number,
  ): { readonly check: Promise<fc.RunDetails<[Item[], Query[]]>>; readonly seen: Map<string, number> } {
    const seen = new Map<string, number>();
    const property = fc.asyncProperty(items, queries, async (all, asked) => {
      trees += 1;
      const top = join(folder, `world-${trees}`);
      mkdirSync(top);
      const below = `${top}/w`;
      const root = build(all, below);
      try {
        for (const { path, mode, limits } of asked) {
          const text = write(path, below);
          const wanted = answer(root, writeLimits(limits, below), text, mode);
          const real = lead(root, text);
          expect([text, real?.exists === true ? real.path : null]).toEqual([text, kernel(text)]);
          const got = await ask(make(writeLimits(limits, below)), text, mode);
          expect([text, got]).toEqual([text, wanted]);
          const kind = wanted.startsWith("/") ? (real?.exists === true ? "answered" : "answered, new") : wanted;
          seen.set(kind, (seen.get(kind) ?? 0) + 1);
          if (real !== null && real.path !== text) seen.set("led elsewhere", (seen.get("led elsewhere") ?? 0) + 1);
        }
      } finally {
        rmSync(top, { recursive: true });
      }
    });
    return {
      check: fc.check(property, { numRuns: Math.ceil(count / PER_TREE), endOnFailure: make !== createPathGuard }),
      seen,
    };
  }

  function kernel(path: string): string | null {
    try {
      return realpathSync.native(path);
    } catch {
      return null;
    }
  }

  test(
    "the guard answers and refuses as the model does, and the model as the kernel",
    async () => {
      const count = cases("path guard against a naive walk", 2_000, 100_000);
      const { check, seen } = holds(createPathGuard, count);
      const details = await check;
      expect(details.failed ? fc.defaultReportMessage(details) : undefined).toBe(undefined);
      console.info(`path guard: ${[...seen].map(([kind, times]) => `${kind} ${times}`).join(", ")}`);
      for (const kind of ["answered", "answered, new", "path_denied", "path_invalid", "led elsewhere"]) {
        expect([kind, (seen.get(kind) ?? 0) > count / 50]).toEqual([kind, true]);
      }
    },
    FULL_TIME,
  );

  test.each<readonly [string, MakeGuard]>([
    ["compares the beginning of the text", startsWith],
    ["compares components without links", lexical],
    ["asks for the real path of what exists", deepestParent],
    ["takes entries as they are written", entriesAsWritten],
    ["takes all lists for one", oneList],
    ["takes an empty list for none", emptyIsAbsent],
    ["lets the parents of a denied place be written", parentsOpen],
  ])("one that %s does not: the control", async (_, make) => {
    const details = await holds(make, 2_000).check;
    expect(details.failed).toBe(true);
  });
});
