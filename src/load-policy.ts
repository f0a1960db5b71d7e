import { constants, open, realpath } from "node:fs/promises";
import { dirname, relative, resolve, sep } from "node:path";
import { PolicyError, type PolicyIssue } from "./errors.js";
import { importsOf, type PolicyFile } from "./policy/link.js";
import { type CompileOptions, compileFiles, type Policy, readMaxBytes } from "./policy/policy.js";
import { readYaml } from "./policy/read-yaml.js";
import { quoted } from "./policy/source.js";

/** Files that import files that import files ...: the policy itself stands at depth 0. */
const MAX_IMPORT_DEPTH = 4;

/** Files of one policy, itself among them. */
const MAX_FILES = 256;

/**
 * Loads a policy from a YAML file, and the files it imports: those in its own folder or below it, each once. The bytes
 * that are read once are what is hashed and parsed; `maxBytes` is for all files together.
 *
 * @throws PolicyError with every problem found, and the path as its `source`.
 * @throws TypeError when the arguments themselves are wrong.
 */
export async function loadPolicy(path: string, options: CompileOptions = {}): Promise<Policy> {
  if (typeof path !== "string" || path === "") throw new TypeError("the path of a policy must be a string");
  const maxBytes = readMaxBytes(options);
  try {
    const bytes = await readBounded(path, maxBytes);
    const main = await realpath(path);
    const loading: Loading = {
      root: dirname(main),
      maxBytes,
      left: maxBytes - bytes.length,
      seen: new Set([main]),
    };
    return compileFiles(await followImports(loading, { name: "", path: main, bytes, chain: [main] }));
  } catch (error) {
    throw error instanceof PolicyError && error.source === null ? new PolicyError(error.issues, path) : error;
  }
}

/** What loading one policy shares over all its files. */
interface Loading {
  /** The policy's folder, without symbolic links. */
  readonly root: string;
  readonly maxBytes: number;
  /** Bytes that may still be read. */
  left: number;
  /** Files read so far, by their real paths. */
  readonly seen: Set<string>;
}

interface Opened {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Real paths from the policy to this file. */
  readonly chain: readonly string[];
}

/** Reads a file and, one after another, what it imports. A file that cannot be followed is a problem of who names it. */
async function followImports(loading: Loading, file: Opened): Promise<PolicyFile> {
  const reading = readYaml(file.bytes, loading.maxBytes);
  const imports: PolicyFile[] = [];
  const issues: PolicyIssue[] = [...reading.issues];
  for (const [index, path] of importsOf(reading).entries()) {
    try {
      imports.push(await followImports(loading, await openImport(loading, file, path)));
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      const place = { path: `/imports/${index}`, ...reading.locate(["imports", index], "value") };
      issues.push(...error.issues.map((issue) => ({ ...importIssue(issue, path), ...place })));
    }
  }
  return { name: file.name, reading: { ...reading, issues }, imports };
}

function importIssue({ code, message, help }: PolicyIssue, path: string): Omit<PolicyIssue, "path"> {
  const told = code === "file_missing" ? "the path is relative to the file that names it" : help;
  return { code, message: `cannot import ${quoted(path)}: ${message}`, ...(told === undefined ? {} : { help: told }) };
}

async function openImport(loading: Loading, from: Opened, path: string): Promise<Opened> {
  const wanted = resolve(dirname(from.path), path);
  if (!isInside(loading.root, wanted)) throw outside();
  if (from.chain.length > MAX_IMPORT_DEPTH) {
    throw refused("import_too_deep", `imports must not nest deeper than ${MAX_IMPORT_DEPTH}`);
  }
  if (loading.seen.size >= MAX_FILES) {
    throw refused("import_too_many", `a policy must not be of more than ${MAX_FILES} files`);
  }
  const bytes = await readBounded(wanted, loading.left);
  const real = await realpath(wanted);
  if (!isInside(loading.root, real)) throw outside();
  if (from.chain.includes(real)) {
    throw refused("import_cycle", "it leads back to a file that imports it", "remove one of the imports");
  }
  if (loading.seen.has(real)) {
    throw refused("import_repeated", "it is imported already", "import each file once");
  }
  loading.seen.add(real);
  loading.left -= bytes.length;
  const name = relative(loading.root, real).split(sep).join("/");
  return { name, path: real, bytes, chain: [...from.chain, real] };
}

function isInside(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

function outside(): PolicyError {
  return refused("import_outside", "it is outside the policy's folder", "move the file into it");
}

/** Never waits for a pipe to be written to. At most one byte more than allowed is ever read: a device or a growing file cannot fill the memory. */
async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) => {
    throw unreadable(error);
  });
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw unreadable({ code: "EISDIR" });
    if (!stat.isFile()) throw refused("file_unreadable", "the policy is not a regular file");
    if (stat.size > maxBytes) {
      throw refused("policy_too_large", `a policy must not be larger than ${maxBytes} bytes`);
    }
    const buffer = Buffer.alloc(stat.size + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length === buffer.length) {
      throw refused("file_unreadable", "the policy grew while it was read", "load it again");
    }
    return buffer.subarray(0, length);
  } catch (error) {
    throw error instanceof PolicyError ? error : unreadable(error);
  } finally {
    await file.close();
  }
}

function unreadable(error: unknown): PolicyError {
  const code = String((error as { readonly code?: unknown } | null)?.code ?? "unknown error");
  if (code === "ENOENT") {
    return refused("file_missing", "there is no such file", "check the path: it is relative to the working directory");
  }
  if (code === "EISDIR") return refused("file_is_directory", "the policy is a directory", "name the file in it");
  return refused("file_unreadable", `the file cannot be read (${code})`, "check that this user may read it");
}

function refused(code: string, message: string, help?: string): PolicyError {
  const issue: PolicyIssue = { code, message, ...(help === undefined ? {} : { help }), path: "" };
  return new PolicyError([issue]);
}
