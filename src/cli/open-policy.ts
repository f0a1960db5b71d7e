import { resolve } from "node:path";
import { PolicyError, type PolicyIssue } from "../errors.js";
import { loadPolicy } from "../load-policy.js";
import type { Policy } from "../policy/policy.js";
import { quoted } from "../policy/source.js";
import { CannotRun, type Io } from "./io.js";

/** A policy, or why its text is none. */
export type OpenedPolicy =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly problems: readonly PolicyIssue[] };

/** Problems of the file itself: there is no text to find fault with. */
const UNREADABLE: ReadonlySet<string> = new Set(["file_missing", "file_is_directory", "file_unreadable"]);

/** Loads the policy of a path. @throws CannotRun when the file cannot be read. */
export async function openPolicy(io: Io, path: string): Promise<OpenedPolicy> {
  try {
    return { ok: true, policy: await loadPolicy(resolve(io.cwd, path)) };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const [first] = error.issues;
    if (first !== undefined && first.path === "" && first.line === undefined && UNREADABLE.has(first.code)) {
      throw new CannotRun(first.code, `${quoted(path)}: ${first.message}`, first.help);
    }
    return { ok: false, problems: error.issues };
  }
}

/** The policy of a path. @throws CannotRun when the file cannot be read, or is none. */
export async function readPolicy(io: Io, path: string): Promise<Policy> {
  const opened = await openPolicy(io, path);
  if (opened.ok) return opened.policy;
  const [first] = opened.problems;
  const help = `see \`dispatch-gate check ${path}\``;
  throw new CannotRun("policy_invalid", `the policy cannot be loaded: ${first?.message ?? "it has problems"}`, help);
}
