import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installTarball, nativeBuildIn, PROGRAMS, packTarball, ROOT, runProgram, type Tarball } from "./tarball.js";

const ENTRIES = ["index", "sqlite", "analysis", "process", "otel", "http", "testing"];
/** Built files that are neither an entry of the library nor a part of one. */
const APART = [
  "dist/cli.js",
  "dist/policy.schema.json",
  ...["main.js", "policy.yaml", "children/import.mjs", "children/report.mjs"].map((name) => `dist/drill/${name}`),
];
const MINUTES = 60_000;

const scratch = mkdtempSync(join(tmpdir(), "dispatch-gate-package-"));
const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-consumer-"));
let tarball: Tarball;

beforeAll(() => {
  tarball = packTarball(scratch);
  installTarball(tarball.file, folder, nativeBuildIn(ROOT));
}, 3 * MINUTES);

afterAll(() => {
  for (const made of [scratch, folder]) rmSync(made, { recursive: true, force: true });
});

describe("the packed tarball", () => {
  it("holds the built files, the papers, and nothing else", () => {
    const papers = ["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "package.json"];
    expect(tarball.paths.filter((path) => !path.startsWith("dist/"))).toEqual(papers);

    const code = ENTRIES.flatMap((name) => [`dist/${name}.js`, `dist/${name}.cjs`]);
    const types = ENTRIES.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.d.cts`]);
    expect(tarball.paths).toEqual(expect.arrayContaining([...code, ...types, ...APART]));

    // A chunk that no other file names is left over from an older build.
    const built = tarball.paths.filter((path) => path.startsWith("dist/"));
    const chunks = built.filter((path) => !path.endsWith(".map") && ![...code, ...types, ...APART].includes(path));
    const texts = new Map(built.map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));
    const named = (chunk: string): boolean => {
      const name = chunk.slice("dist/".length).replace(/\.d\.(c?)ts$/, ".$1js");
      return [...texts].some(([path, text]) => path !== chunk && !path.endsWith(".map") && text.includes(`./${name}`));
    };
    expect(chunks.filter((chunk) => !named(chunk))).toEqual([]);
    expect(chunks.filter((chunk) => !/\.(c?js|d\.c?ts)$/.test(chunk))).toEqual([]);
  });

  it("carries source maps that need no file outside them and name no path of the machine that built it", () => {
    const maps = tarball.paths.filter((path) => path.endsWith(".map"));
    expect(maps.length).toBeGreaterThanOrEqual(2 * ENTRIES.length);
    for (const path of maps) {
      expect(tarball.paths).toContain(path.slice(0, -".map".length));
      const map = JSON.parse(readFileSync(join(ROOT, path), "utf8")) as {
        sources: string[];
        sourcesContent?: unknown[];
      };
      expect(map.sources.filter((source) => !/^\.\.\/(src|node_modules)\//.test(source))).toEqual([]);
      expect(map.sourcesContent ?? []).toHaveLength(map.sources.length);
    }
  });
});

describe("the installed package", () => {
  it("brings the command `dispatch-gate`", () => {
    const policy = join(ROOT, "examples/governance-policy.yaml");
    const run = (...args: string[]): { readonly status: number | null; readonly stdout: string } =>
      spawnSync(join(folder, "node_modules/.bin/dispatch-gate"), args, { cwd: folder, encoding: "utf8" });
    expect(run("--version")).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) });
    const checked = run("check", policy, "--declared-tags", "restrict_only");
    expect([checked.status, checked.stdout]).toEqual([0, expect.stringContaining("4 proved reachable")]);
    expect(run("check", join(folder, "none.yaml")).status).toBe(2);
    expect(run("drill")).toMatchObject({ status: 0, stdout: expect.stringContaining("all 11 checks hold") });
  });

  it.each(PROGRAMS)("works as %s", { timeout: 3 * MINUTES }, (program) => {
    const { ok, output } = runProgram(program, folder, process.execPath);
    expect(ok, output).toBe(true);
  });
});
