import type { AdmittedJob } from "../../job/job.js";
import { quoted } from "../../policy/source.js";
import { refuseUnknown } from "../../refuse-unknown.js";
import { isPlainPath } from "./paths.js";

/** What a process dispatcher is made of. */
export interface ProcessOptions {
  /**
   * The argv of one job, made by the host from the admitted job: a program and its arguments, each as it is. There is
   * no shell, and a string is a `TypeError`.
   */
  readonly command: (job: AdmittedJob) => readonly string[];
  /** The folder to start in, absolute. In the sandbox it must be one that is there. Default: `/`. */
  readonly cwd?: string | undefined;
  /** All of the environment; nothing of the host's is added. Default: `PATH=/usr/bin:/bin`, `HOME=/nonexistent`, `LANG=C.UTF-8`. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What the command reads from its standard input. Default: nothing. */
  readonly stdin?: ((job: AdmittedJob) => string | Uint8Array) | undefined;
  /**
   * What every command can read in the sandbox, whatever `read` says: the folders that it needs to start. Those that do
   * not exist are left out. Default: {@link DEFAULT_SYSTEM}.
   */
  readonly system?: readonly string[] | undefined;
  /** Whether a command has the host's network where no rule says anything about it. Default: false. */
  readonly network?: boolean | undefined;
  /** Bytes of stdout, and of stderr, from 1 to 268,435,456; over it the command is killed and fails. Default: 1,048,576. */
  readonly maxOutputBytes?: number | undefined;
  /**
   * `auto` (default): bubblewrap where it works, else a plain process group that enforces nothing. `required`: bubblewrap
   * or no dispatcher. `none`: a plain process group; path and network limits are left to enforcers of the host's own.
   */
  readonly sandbox?: "auto" | "required" | "none" | undefined;
  /** Milliseconds between SIGTERM and SIGKILL when the run is to stop, from 0 to 600,000. Default: 2,000. */
  readonly killAfterMs?: number | undefined;
  /** The path of `bwrap`. Default: looked up in PATH, once. */
  readonly bubblewrap?: string | undefined;
}

/** What a dynamically linked program needs to start on a usual Linux. */
export const DEFAULT_SYSTEM: readonly string[] = Object.freeze([
  ...["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"],
  ...["/etc/ld.so.cache", "/etc/alternatives"],
]);

const DEFAULT_ENV = { PATH: "/usr/bin:/bin", HOME: "/nonexistent", LANG: "C.UTF-8" };

const KNOWN: readonly string[] = [
  "command",
  "cwd",
  "env",
  "stdin",
  "system",
  "network",
  "maxOutputBytes",
  "sandbox",
  "killAfterMs",
  "bubblewrap",
] satisfies readonly (keyof ProcessOptions)[];

const HIGHEST_OUTPUT = 268_435_456;

/** Options that were copied and checked, with their defaults. */
export interface Settings extends Pick<ProcessOptions, "command"> {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: ProcessOptions["stdin"];
  readonly system: readonly string[];
  readonly network: boolean;
  readonly maxOutputBytes: number;
  readonly sandbox: "auto" | "required" | "none";
  readonly killAfterMs: number;
  readonly bubblewrap: string | undefined;
}

/** Copies and checks options, once. Throws a `TypeError` that names the first one that cannot be. */
export function readOptions(options: ProcessOptions): Settings {
  if (typeof options !== "object" || options === null) throw new TypeError("createProcessDispatcher needs options");
  refuseUnknown(options, KNOWN, "createProcessDispatcher");
  const { command, cwd = "/", stdin, network = false, sandbox = "auto", bubblewrap } = options;
  if (typeof command !== "function") {
    throw new TypeError("`command` must be a function that returns a list of arguments: there is no shell");
  }
  if (stdin !== undefined && typeof stdin !== "function") throw new TypeError("`stdin` must be a function");
  if (typeof network !== "boolean") throw new TypeError("`network` must be true or false");
  if (!["auto", "required", "none"].includes(sandbox)) {
    throw new TypeError('`sandbox` must be one of "auto", "required", "none"');
  }
  if (!isPlainPath(cwd)) throw new TypeError("`cwd` must be an absolute path");
  if (bubblewrap !== undefined && !isPlainPath(bubblewrap)) {
    throw new TypeError("`bubblewrap` must be an absolute path");
  }
  return Object.freeze({
    command,
    cwd,
    env: readEnv(options.env ?? DEFAULT_ENV),
    stdin,
    system: readSystem(options.system ?? DEFAULT_SYSTEM),
    network,
    maxOutputBytes: integerIn("maxOutputBytes", options.maxOutputBytes ?? 1_048_576, 1, HIGHEST_OUTPUT),
    sandbox,
    killAfterMs: integerIn("killAfterMs", options.killAfterMs ?? 2_000, 0, 600_000),
    bubblewrap,
  });
}

/** Throws a `TypeError` for what is no argv: a string above all, which only a shell could take apart. */
export function checkArgv(argv: unknown): asserts argv is readonly [string, ...string[]] {
  if (typeof argv === "string") {
    throw new TypeError("`command` returned a string: return a list of arguments, there is no shell");
  }
  if (!Array.isArray(argv) || argv.length === 0) throw new TypeError("`command` must return a list of arguments");
  for (const part of argv as readonly unknown[]) {
    if (!isArgument(part)) throw new TypeError("`command` must return strings without NUL");
  }
  if (argv[0] === "") throw new TypeError("`command` must return the name of a program first");
}

function isArgument(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}

function readEnv(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (typeof env !== "object" || env === null) throw new TypeError("`env` must be an object");
  const copy: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(env)) {
    if (name === "" || name.includes("=") || !isArgument(name) || !isArgument(value)) {
      throw new TypeError(`\`env\` must map names to strings without NUL: ${quoted(name)} does not`);
    }
    copy[name] = value;
  }
  return Object.freeze(copy);
}

function readSystem(system: readonly string[]): readonly string[] {
  if (!Array.isArray(system) || !system.every(isPlainPath)) {
    throw new TypeError("`system` must be a list of absolute paths");
  }
  // Everything would be readable, whatever a policy says: that is for a policy to say.
  if (system.includes("/")) throw new TypeError("`system` must not hold `/`: let a rule's `read` allow it");
  return Object.freeze([...system]);
}

function integerIn(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new TypeError(`\`${name}\` must be an integer from ${min} to ${max}`);
}
