import { PolicyError, type PolicyIssue } from "../../src/errors.js";
import { loadPolicy } from "../../src/load-policy.js";
import { type CompileOptions, compilePolicy } from "../../src/policy/policy.js";

/** The issues of a policy that must not load. */
export function issuesOf(yaml: string | Uint8Array, maxBytes?: number): readonly PolicyIssue[] {
  return refusalOf(() => compilePolicy({ yaml }, maxBytes === undefined ? {} : { maxBytes }));
}

/** The issues of a document that must not load. */
export function documentIssuesOf(document: unknown): readonly PolicyIssue[] {
  return refusalOf(() => compilePolicy({ document }));
}

function refusalOf(load: () => unknown): readonly PolicyIssue[] {
  try {
    load();
  } catch (error) {
    if (error instanceof PolicyError) return error.issues;
    throw error;
  }
  throw new Error("the policy loaded");
}

/** A policy of one rule, its body indented by four. */
export function ruleYaml(body: string): string {
  return `version: v1\nrules:\n  - id: a\n${body.replace(/^/gm, "    ")}\n`;
}

/** The error of a file that must not load. */
export async function errorOfFile(path: string, options: CompileOptions = {}): Promise<PolicyError> {
  try {
    await loadPolicy(path, options);
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error("the policy loaded");
}
