import { constants, open } from "node:fs/promises";
import { PolicyError, type PolicyIssue } from "./errors.js";
import { type CompileOptions, compilePolicy, type Policy } from "./policy/policy.js";
import { DEFAULT_MAX_BYTES } from "./policy/source.js";

/**
 * Loads a policy from a YAML file. The bytes that are read once are what is hashed and parsed.
 *
 * @throws PolicyError with every problem found, and the path as its `source`.
 * @throws TypeError when the arguments themselves are wrong.
 */
export async function loadPolicy(path: string, options: CompileOptions = {}): Promise<Policy> {
  if (typeof path !== "string" || path === "") throw new TypeError("the path of a policy must be a string");
  const bytes = await readBounded(path, options.maxBytes ?? DEFAULT_MAX_BYTES);
  try {
    return compilePolicy({ yaml: bytes }, options);
  } catch (error) {
    throw error instanceof PolicyError ? new PolicyError(error.issues, path) : error;
  }
}

/** Never waits for a pipe to be written to. At most one byte more than allowed is ever read: a device or a growing file cannot fill the memory. */
async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw unreadable(path, { code: "EISDIR" });
    if (!stat.isFile()) throw refused(path, "file_unreadable", "the policy is not a regular file");
    if (stat.size > maxBytes)
      throw refused(path, "policy_too_large", `a policy must not be larger than ${maxBytes} bytes`);
    const buffer = Buffer.alloc(stat.size + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length === buffer.length)
      throw refused(path, "file_unreadable", "the policy grew while it was read", "load it again");
    return buffer.subarray(0, length);
  } catch (error) {
    throw error instanceof PolicyError ? error : unreadable(path, error);
  } finally {
    await file.close();
  }
}

function unreadable(path: string, error: unknown): PolicyError {
  const code = String((error as { readonly code?: unknown } | null)?.code ?? "unknown error");
  if (code === "ENOENT") {
    return refused(
      path,
      "file_missing",
      "there is no such file",
      "check the path: it is relative to the working directory",
    );
  }
  if (code === "EISDIR") return refused(path, "file_is_directory", "the policy is a directory", "name the file in it");
  return refused(path, "file_unreadable", `the file cannot be read (${code})`, "check that this user may read it");
}

function refused(path: string, code: string, message: string, help?: string): PolicyError {
  const issue: PolicyIssue = { code, message, ...(help === undefined ? {} : { help }), path: "" };
  return new PolicyError([issue], path);
}
