import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApprovalError, createGate, type Gate, type GateOptions, type Store } from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { createMemoryStore } from "dispatch-gate/testing";
import { afterwards } from "../endings.js";

/** The policy file of the document the product is made from. */
export const SEED_POLICY = readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url), "utf8");

/** Both stores: what holds for the line holds on each. */
export const STORES: readonly (readonly [name: string, open: () => Store | Promise<Store>])[] = [
  ["in memory", createMemoryStore],
  ["on SQLite", () => openSqliteStore(join(freshFolder(), "gate.db"))],
];

/** The code of the approval call's refusal. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ApprovalError) return error.code;
    throw error;
  }
  return "no error";
}

/** An empty folder, removed after the test. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-"));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A gate that is closed after the test. */
export async function open(options: GateOptions): Promise<Gate> {
  const gate = await createGate(options);
  afterwards(() => gate.close());
  return gate;
}

/** A policy of these rules, as a source. */
export function rules(yaml: string): { readonly yaml: string } {
  return { yaml: `version: v1\nrules:\n${yaml.replace(/^/gm, "  ")}\n` };
}

/** A policy that allows every topic. */
export const ALLOW_ALL = rules(`- id: all\n  match: { topics: ["**"] }\n  decision: allow`);

/** A policy that asks for approval of every topic. */
export const ASK_ALL = rules(
  `- id: ask\n  match: { topics: ["**"] }\n  decision: require_approval\n  reason: a person looks at everything`,
);

/** A policy that denies every topic. */
export const DENY_ALL = rules(
  `- id: none\n  match: { topics: ["**"] }\n  decision: deny\n  reason: closed for the day`,
);

/** A policy that allows every topic under these constraints. */
export const held = (constraints: string): { readonly yaml: string } =>
  rules(`- { id: held, match: { topics: ["**"] }, decision: allow_with_constraints, constraints: { ${constraints} } }`);
