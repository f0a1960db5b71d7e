import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const VERIFY = fileURLToPath(new URL("../../examples/verify", import.meta.url));

/** A verifier that has none of our code, by the one command line that they share. */
export interface Tool {
  readonly title: string;
  /** Why it cannot be asked here; null where it can. */
  readonly missing: string | null;
  /** Program and first arguments. */
  readonly command: readonly string[];
}

export interface Verdicts {
  readonly code: number | null;
  /** In the order of asking. */
  readonly accepted: readonly string[];
  /** The reason, by what was refused. */
  readonly refused: Readonly<Record<string, string>>;
}

/** What is asked: the key's file last, and each thing by its files, whose first names it in the verdicts. */
export interface Question {
  readonly verb: "log" | "proof" | "consistency";
  readonly asked: readonly (readonly string[])[];
  readonly key: string;
}

/** Asks about several things in one run. Throws where a line says nothing about any of them. */
export function judge({ command: [program, ...first] }: Tool, { verb, asked, key }: Question): Verdicts {
  const args = [...first, verb, ...asked.flat(), key];
  const { status, stdout, stderr } = spawnSync(program as string, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
  const said = stderr.split("\n").slice(0, -1);
  const refused = asked.flatMap(([file]) => {
    const line = said.find((each) => each.startsWith(`${file}: `));
    return line === undefined ? [] : [[nameOf(file), line.slice(`${file}: `.length)] as const];
  });
  if (said.length !== refused.length) throw new Error(stderr);
  const accepted = asked.filter(([file]) => stdout.includes(`ok: ${file}: `)).map(([file]) => nameOf(file));
  return { code: status, accepted, refused: Object.fromEntries(refused) };
}

/** The last part of a path. */
export function nameOf(path = ""): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

const PYTHON_NEEDS =
  "import sys; assert sys.version_info >= (3, 9); import cryptography.hazmat.primitives.asymmetric.ed25519";

/** `verify.py`, where there is a Python that it runs on. */
export function pythonTool(): Tool {
  const runs = spawnSync("python3", ["-c", PYTHON_NEEDS]).status === 0;
  return {
    title: "verify.py",
    missing: runs ? null : "there is no python3 from 3.9 on with `cryptography`",
    command: ["python3", "-B", join(VERIFY, "verify.py")],
  };
}

/** Without the network: x/mod where Debian keeps its sources, or where Go has it from an earlier day. */
const GO_WAYS: readonly NodeJS.ProcessEnv[] = [
  { GO111MODULE: "off", GOFLAGS: "", GOPATH: "/usr/share/gocode" },
  { GO111MODULE: "on", GOFLAGS: "-mod=mod", GOPROXY: "off", GOSUMDB: "off" },
];

/** Go's own cache, where there is one: to build its library anew takes ten seconds. */
const HAS_GO_CACHE = ["HOME", "XDG_CACHE_HOME"].some((name) => process.env[name] !== undefined);

/** The Go program, built in a folder of the caller's. Throws where Go has x/mod and yet the program is not built. */
export function goTool(folder: string): Tool {
  const [title, program, sources] = ["the Go program", join(folder, "verify"), join(folder, "go")];
  const go = (way: NodeJS.ProcessEnv, ...args: readonly string[]): { status: number | null; stderr: string } => {
    const env = { GOCACHE: HAS_GO_CACHE ? undefined : join(folder, "go-cache"), ...process.env, ...way };
    return spawnSync("go", args, { cwd: sources, env, encoding: "utf8" });
  };
  cpSync(join(VERIFY, "go"), sources, { recursive: true });
  // Asked for the library alone: were our own program broken, it must fail to build and not be skipped.
  const way = GO_WAYS.find((each) => go(each, "list", "golang.org/x/mod/sumdb/tlog").status === 0);
  if (way === undefined) return { title, missing: "there is no go with golang.org/x/mod", command: [program] };
  const { status, stderr } = go(way, "build", "-o", program, "main.go");
  if (status !== 0) throw new Error(stderr);
  return { title, missing: null, command: [program] };
}
