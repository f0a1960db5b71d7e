import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout: the package that is packed, and the home of the tools its consumers borrow. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const FIXTURES = fileURLToPath(new URL("./fixtures", import.meta.url));

/** What one command did. `output` is both streams, for a message that says why. */
export interface Run {
  readonly ok: boolean;
  readonly output: string;
  readonly stdout: string;
}

/** Runs a command to its end, in a folder. A command that takes more than five minutes has failed. */
function run(command: string, args: readonly string[], cwd: string): Run {
  // npm is a command script on Windows, which only a shell starts.
  const shell = process.platform === "win32" && command === "npm";
  const done = spawnSync(command, [...args], {
    cwd,
    shell,
    encoding: "utf8",
    timeout: 300_000,
    env: plainEnvironment(),
  });
  const output = `${done.stdout ?? ""}${done.stderr ?? ""}${done.error ? String(done.error) : ""}`;
  return { ok: done.status === 0, output, stdout: done.stdout ?? "" };
}

// A consumer knows nothing of the test runner that started it.
function plainEnvironment(): NodeJS.ProcessEnv {
  const runners = /^(NODE_OPTIONS|NODE_ENV|NODE_PATH|FORCE_COLOR|VITEST.*|TEST|JEST_.*)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !runners.test(name)));
}

/** A packed tarball and the paths it holds, sorted. */
export interface Tarball {
  readonly file: string;
  readonly paths: readonly string[];
}

/** Packs the checkout as it is built now. MUST NOT run scripts: a build here would race other tests for `dist`. */
export function packTarball(into: string): Tarball {
  const packed = run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", into], ROOT);
  if (!packed.ok) throw new Error(`npm pack failed\n${packed.output}`);
  const [made] = JSON.parse(packed.stdout) as { filename: string; files: { path: string }[] }[];
  if (made === undefined) throw new Error(`npm pack made nothing\n${packed.output}`);
  return { file: join(into, made.filename), paths: made.files.map((file) => file.path).sort() };
}

/** Where better-sqlite3 keeps its native build inside a folder that has it installed. */
export function nativeBuildIn(folder: string): string {
  return join(folder, "node_modules", "better-sqlite3", "build", "Release", "better_sqlite3.node");
}

/**
 * Installs the tarball in an empty folder, lends it a native build and lays the consumer programs beside it.
 * better-sqlite3 is held to the checkout's version, because a native build fits one version only.
 */
export function installTarball(tarball: string, folder: string, native: string): void {
  const driver = JSON.parse(readFileSync(join(ROOT, "node_modules/better-sqlite3/package.json"), "utf8")) as {
    version: string;
  };
  const manifest = { name: "consumer", private: true, overrides: { "better-sqlite3": driver.version } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  const installed = run("npm", ["install", tarball, ...flags], folder);
  if (!installed.ok) throw new Error(`npm install of the tarball failed\n${installed.output}`);
  mkdirSync(dirname(nativeBuildIn(folder)), { recursive: true });
  cpSync(native, nativeBuildIn(folder));
  cpSync(FIXTURES, folder, { recursive: true });
}

const tool = (path: string): string => join(ROOT, "node_modules", path);

const tsc = (project: string): readonly string[] => [
  tool("typescript/bin/tsc"),
  "--project",
  project,
  "--typeRoots",
  tool("@types"),
];

// Each program is a list of commands for one Node binary; it passes when all of them do.
const COMMANDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "ECMAScript module": [["consumer.mjs"]],
  CommonJS: [["consumer.cjs"]],
  "Jest, as CommonJS": [[tool("jest/bin/jest.js"), "--rootDir", ".", "--config", '{"testEnvironment":"node"}', "--ci"]],
  "TypeScript, compiled and run": [tsc("tsconfig.json"), ["typed.mjs"], ["typed.cjs"]],
  "TypeScript without the types of Node": [tsc("tsconfig.web.json")],
  "subpaths in both formats": [["subpaths.mjs"], ["subpaths.cjs"]],
  "no native module before a store opens": [["lazy.mjs"], ["lazy.cjs"]],
};

/** The names of the consumer programs, in the order they run. */
export const PROGRAMS: readonly string[] = Object.keys(COMMANDS);

/** Runs one consumer program in an installed folder, on the Node whose binary is given. */
export function runProgram(program: string, folder: string, node: string): Run {
  const commands = COMMANDS[program];
  if (commands === undefined) throw new TypeError(`no consumer program is called \`${program}\``);
  let last: Run = { ok: false, output: "", stdout: "" };
  for (const args of commands) {
    last = run(node, args, folder);
    if (!last.ok) return last;
  }
  return last;
}
