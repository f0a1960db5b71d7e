// Installs the packed tarball on other Node majors, with a native build of their own, and runs the consumer
// programs of `test/package` there. `npm test` covers the Node it runs on; this covers the others.
//
//   npm run test:nodes                      Node 22 and 24
//   npm run test:nodes -- 24                only these majors
//   npm run test:nodes -- --allow-skipped   a Node that cannot be had is reported but does not fail the run
//
// A native build takes minutes, so it is kept under node_modules/.cache, keyed by everything it depends on.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installTarball, nativeBuildIn, PROGRAMS, packTarball, runProgram } from "../test/package/tarball.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const cache = join(root, "node_modules", ".cache", "dispatch-gate");
const flags = process.argv.slice(2);
const allowSkipped = flags.includes("--allow-skipped");
const wanted = flags.filter((flag) => /^\d+$/.test(flag));
const majors = wanted.length > 0 ? wanted : ["22", "24"];

/** Thrown where a Node or its native build cannot be had here: that is not the package's failure. */
class Unavailable extends Error {}

// The folder's own scripts settings (a user's `nodedir`, say) must not reach the other Node's build.
function environmentFor(binary, extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_(config_nodedir|package_|lifecycle_)/i.test(name));
  return { ...Object.fromEntries(kept), PATH: `${dirname(binary)}${delimiter}${process.env.PATH}`, ...extra };
}

// On Windows npm is a command script, which only a shell starts.
function npm(args, options) {
  return spawnSync("npm", args, { encoding: "utf8", shell: process.platform === "win32", ...options });
}

// The registry carries each Node as a package: its binary, and where the platform has them, its headers.
function fetchNode(major) {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const prefix = platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node";
  const name = `${prefix}-${platform}-${process.arch}`;
  const folder = join(cache, `node-${major}`);
  const home = join(folder, "node_modules", name);
  const binary = join(home, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", `${name}@${major}`];
    const fetched = npm(args, { cwd: folder });
    if (fetched.status !== 0 || !existsSync(binary))
      throw new Unavailable(`\`${name}@${major}\` could not be installed`);
  }
  const probe = spawnSync(binary, ["-p", "process.versions.node + ' ' + process.versions.modules"], {
    encoding: "utf8",
  });
  if (probe.status !== 0) throw new Unavailable(`the binary of \`${name}@${major}\` does not run here`);
  const [version, abi] = probe.stdout.trim().split(" ");
  return { major, home, binary, version, abi };
}

// Builds better-sqlite3 the way a user's `npm install` does, under the other Node, from its own headers.
function buildNative(node) {
  const driver = JSON.parse(readFileSync(join(root, "node_modules", "better-sqlite3", "package.json"), "utf8")).version;
  const kept = join(cache, `better-sqlite3-${driver}-abi-${node.abi}-${process.platform}-${process.arch}.node`);
  if (existsSync(kept)) return kept;
  const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-native-"));
  try {
    const manifest = {
      private: true,
      dependencies: { "better-sqlite3": driver },
      allowScripts: { "better-sqlite3": true },
    };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    const headers = existsSync(join(node.home, "include", "node", "node.h"));
    const env = environmentFor(node.binary, headers ? { npm_config_nodedir: node.home } : {});
    console.log(`  building better-sqlite3 ${driver} for Node ${node.version}, which takes minutes the first time`);
    const built = npm(["install", "--no-audit", "--no-fund"], { cwd: folder, env });
    const made = nativeBuildIn(folder);
    if (built.status !== 0 || !existsSync(made)) {
      throw new Unavailable(
        `better-sqlite3 ${driver} did not build for Node ${node.version}\n${built.stderr.slice(-2000)}`,
      );
    }
    // Renamed into place, so that an interrupted copy is never taken for a build.
    cpSync(made, `${kept}.part`);
    renameSync(`${kept}.part`, kept);
    return kept;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tryNode(major, tarball) {
  const node = fetchNode(major);
  console.log(`\nNode ${node.version}`);
  const native = buildNative(node);
  const folder = mkdtempSync(join(tmpdir(), `dispatch-gate-node-${major}-`));
  const counts = { passed: 0, failed: 0 };
  try {
    installTarball(tarball, folder, native);
    for (const program of PROGRAMS) {
      const { ok, output } = runProgram(program, folder, node.binary);
      counts[ok ? "passed" : "failed"] += 1;
      console.log(`  ${ok ? "passed" : "FAILED"}  ${program}`);
      if (!ok) console.log(output.replace(/^/gm, "    "));
    }
    return counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const packed = mkdtempSync(join(tmpdir(), "dispatch-gate-pack-"));
const total = { passed: 0, failed: 0, skipped: 0 };
try {
  const tarball = packTarball(packed).file;
  for (const major of majors) {
    try {
      const { passed, failed } = tryNode(major, tarball);
      total.passed += passed;
      total.failed += failed;
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      total.skipped += PROGRAMS.length;
      console.log(`\nSKIPPED: Node ${major}: ${error.message}`);
    }
  }
} finally {
  rmSync(packed, { recursive: true, force: true });
}

console.log(
  `\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped on Node ${majors.join(" and ")}`,
);
process.exitCode = total.failed > 0 || (total.skipped > 0 && !allowSkipped) ? 1 : 0;
