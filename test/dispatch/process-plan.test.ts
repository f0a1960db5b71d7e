import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { isWithin, isWithinAny, meetLists, plainPath } from "../../src/dispatch/process/paths.js";
import { type Baseline, heldBy, type Mount, planRun } from "../../src/dispatch/process/plan.js";
import type { AllowLists, Constraints } from "../../src/outcome.js";

const ROOT = realpathSync(mkdtempSync(join(tmpdir(), "dispatch-gate-plan-")));
afterAll(() => rmSync(ROOT, { recursive: true, force: true }));

// ROOT/{x,y}/{x,y}/{x,y} are folders, each with a file; ROOT/link leads to ROOT/x.
const NAMES = ["x", "y"];
const FOLDERS = NAMES.flatMap((a) => [
  `${ROOT}/${a}`,
  ...NAMES.flatMap((b) => [`${ROOT}/${a}/${b}`, ...NAMES.map((c) => `${ROOT}/${a}/${b}/${c}`)]),
]);
for (const folder of FOLDERS) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/file`, "");
}
symlinkSync(`${ROOT}/x`, `${ROOT}/link`);
const TREE = [...FOLDERS, ...FOLDERS.map((folder) => `${folder}/file`)];

const NOTHING: Baseline = { system: [], network: false };
const at = (path: string): string => `${ROOT}/${path}`;
const claim = (constraints: Constraints, network = false): string =>
  heldBy(planRun(constraints, { ...NOTHING, network }), constraints).join(" ");

describe("what the enforcer claims of paths", () => {
  test.each<[string, NonNullable<Constraints["paths"]>, "paths" | ""]>([
    ["nothing at all", { read: [[]], write: [[]] }, "paths"],
    ["a folder to read", { read: [[at("x")]] }, "paths"],
    ["a file to read", { read: [[at("x/file")]] }, "paths"],
    ["everything to read", { read: [["/"]] }, "paths"],
    ["what is on every list", { read: [[at("x"), at("y")], [at("y/x")]] }, "paths"],
    ["what does not exist, to read", { read: [[at("z")]] }, "paths"],
    ["what does not exist, to write", { write: [[at("z")]] }, "paths"],
    ["a folder to write", { write: [[at("x")]] }, "paths"],
    ["to write within what can be read", { read: [[at("x")]], write: [[at("x/y")]] }, "paths"],
    ["to write what may not be read", { read: [[at("x")]], write: [[at("y")]] }, ""],
    ["to write more than may be read", { read: [[at("x/y")]], write: [[at("x")]] }, ""],
    ["to write where one list of two lets it be read", { read: [[at("x")], [at("y")]], write: [[at("x")]] }, ""],
    ["denied in a readable folder", { read: [[at("x")]], deny: [at("x/y")] }, "paths"],
    ["denied in a writable folder", { write: [[at("x")]], deny: [at("x/y/x")] }, "paths"],
    ["denied and not there, in a readable folder", { read: [[at("x")]], deny: [at("x/z")] }, "paths"],
    ["denied and not there, in a writable folder", { write: [[at("x")]], deny: [at("x/z")] }, ""],
    ["denied and not there, below a file of a writable folder", { write: [[at("x")]], deny: [at("x/file/z")] }, ""],
    ["denied as a whole", { read: [[at("x")]], deny: [at("x")] }, "paths"],
    ["denied elsewhere", { read: [[at("x")]], deny: [at("y"), at("z")] }, "paths"],
    ["everything denied", { deny: ["/"] }, ""],
    ["denied of what the sandbox has its own", { deny: ["/proc/1"] }, ""],
    ["a link to read", { read: [[at("link")]] }, ""],
    ["below a link, to write", { write: [[at("link/y")]] }, ""],
    ["below a link, and not there", { read: [[at("link/z")]] }, ""],
    ["a link denied", { read: [[at("x")]], deny: [at("link/y")] }, ""],
    ["a path with `..`", { read: [[`${at("x")}/../y`]] }, ""],
    ["a relative path", { read: [["x"]] }, ""],
    ["a path with NUL", { read: [[at("x\0")]] }, ""],
    ["another system's path", { read: [["C:\\x"]] }, ""],
    ["another spelling of a path", { read: [[`/${ROOT}//x/`]] }, "paths"],
  ])("%s", (_, paths, claimed) => {
    expect(claim({ paths })).toBe(claimed);
  });
});

describe("what the enforcer claims of the network", () => {
  const some = { allow: [["api.example.com"]] };
  test.each<[string, NonNullable<Constraints["network"]>, boolean, "network" | ""]>([
    ["none at all", { allow: [[]] }, false, "network"],
    ["none at all, where the host gives it", { allow: [[]] }, true, "network"],
    ["none by one of two rules", { allow: [["api.example.com"], []] }, true, "network"],
    ["some hosts", some, false, ""],
    ["some hosts, where the host gives all", some, true, ""],
    ["some hosts denied, where there is none", { deny: ["10.0.0.0/8"] }, false, "network"],
    ["some hosts denied, where the host gives all", { deny: ["10.0.0.0/8"] }, true, ""],
    ["none, and some denied", { allow: [[]], deny: ["10.0.0.0/8"] }, true, "network"],
  ])("%s", (_, network, given, claimed) => {
    expect(claim({ network }, given)).toBe(claimed);
  });

  test("nothing is claimed that was not asked for", () => {
    expect(claim({ maxRuntimeSec: 1 })).toBe("");
    expect(claim({ paths: { read: [[]] }, network: { allow: [[]] } })).toBe("paths network");
    expect(claim({ paths: { read: [[at("link")]] }, network: { allow: [[]] } })).toBe("network");
  });

  test("a rule takes the network that the host gives", () => {
    const given = { system: [], network: true };
    expect([planRun({}, given).network, planRun({ network: { allow: [[]] } }, given).network]).toEqual([true, false]);
  });
});

describe("the mounts of a plan", () => {
  const plan = (paths: NonNullable<Constraints["paths"]>, system: readonly Mount[] = []): unknown =>
    planRun({ paths }, { system, network: false }).mounts?.map(({ kind, path }) => `${kind} ${path.replace(ROOT, "")}`);

  test("folders come before what is in them, and a readable one is not bound again where it is writable", () => {
    expect(plan({ read: [[at("x"), at("y/x")]], write: [[at("x/y"), at("y/x")]] })).toEqual([
      "read /x",
      "write /x/y",
      "write /y/x",
    ]);
  });

  test("every folder between a writable one and a denied one is held in its place", () => {
    expect(plan({ write: [[at("x")]], deny: [at("x/y/x"), at("x/y/y/file")] })).toEqual([
      "write /x",
      "write /x/y",
      "no_folder /x/y/x",
      "write /x/y/y",
      "no_file /x/y/y/file",
    ]);
  });

  test("the host's own `/proc` and `/dev` are not there, whatever a rule allows", () => {
    expect(plan({ read: [["/proc/1", "/dev", at("x")]], write: [["/dev/null"]] })).toEqual(["read /x"]);
  });

  test("what is denied is hidden in the system's folders too, and a denied system folder is not there", () => {
    const system: Mount[] = [
      { kind: "read", path: at("x") },
      { kind: "read", path: at("y") },
    ];
    expect(plan({ deny: [at("x/y"), at("y")] }, system)).toEqual(["read /x", "no_folder /x/y"]);
  });
});

type Lists = readonly (readonly string[])[];
const somePath = fc.constantFrom(...TREE);
const someList = fc.array(somePath, { maxLength: 3 });
const someLists = fc.array(someList, { minLength: 1, maxLength: 2 });
const somePaths = fc.record(
  { read: someLists, write: someLists, deny: fc.array(somePath, { minLength: 1, maxLength: 3 }) },
  { requiredKeys: [] },
);
const permits = (lists: Lists | undefined, path: string): boolean =>
  lists === undefined || lists.every((list) => list.some((entry) => `${path}/`.startsWith(`${entry}/`)));

/** What a command could do with a path under these mounts, by the innermost that holds it. */
function access(mounts: readonly Mount[], path: string): "none" | "read" | "write" {
  const { kind } = mounts.findLast((mount) => isWithin(path, mount.path)) ?? { kind: "no_file" };
  return kind === "read" || kind === "write" ? kind : "none";
}

/** The first path of the tree that mounts make more of than the limits let, if any. */
function widened(paths: NonNullable<Constraints["paths"]>, mounts: readonly Mount[]): string | undefined {
  return TREE.find((path) => {
    const given = access(mounts, path);
    if (given === "none") return false;
    const denied = (paths.deny ?? []).some((entry) => `${path}/`.startsWith(`${entry}/`));
    return denied || !permits(paths.read, path) || (given === "write" && !permits(paths.write, path));
  });
}

describe("over all limits", () => {
  test("a plan never gives more than they let", () => {
    let planned = 0;
    fc.assert(
      fc.property(somePaths, (paths) => {
        const { mounts } = planRun({ paths }, NOTHING);
        if (mounts === null) return;
        planned += mounts.length > 1 ? 1 : 0;
        expect(widened(paths, mounts)).toBeUndefined();
      }),
    );
    expect(planned).toBeGreaterThan(0);
  });

  test("the control: one list after the other gives more", () => {
    const paths = { read: [[at("x"), at("y")], [at("x/y")]] };
    const naive = paths.read.flat().map((path): Mount => ({ kind: "read", path }));
    expect(widened(paths, naive)).toBeDefined();
    expect(widened({ read: [[at("x")]], deny: [at("x/y")] }, [{ kind: "read", path: at("x") }])).toBe(at("x/y"));
  });

  test("what meets is what every list allows, with nothing twice", () => {
    fc.assert(
      fc.property(someLists, (lists: AllowLists) => {
        const met = meetLists(lists);
        for (const path of TREE) expect(isWithinAny(path, met)).toBe(permits(lists, path));
        for (const path of met) expect(met.filter((other) => isWithin(path, other))).toEqual([path]);
      }),
    );
  });
});

test("a path has one spelling, and a folder's name is no prefix of another's", () => {
  expect(["//a///b/", "/", "/a/./b", "/a/../b", "a", "", "/a\n"].map(plainPath)).toEqual([
    ...["/a/b", "/"],
    ...[null, null, null, null, null],
  ]);
  expect([isWithin("/database", "/data"), isWithin("/data/base", "/data"), isWithin("/a", "/")]).toEqual([
    false,
    true,
    true,
  ]);
});
