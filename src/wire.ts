import type { PolicyIssue } from "./errors.js";
import type { Approval } from "./gate/approval.js";
import type { Json, JsonObject } from "./outcome.js";
import { snakeCase } from "./snake-case.js";

/** Fields whose keys are the caller's own: they are handed on as they are. */
const CALLERS: ReadonlySet<string> = new Set(["labels", "addLabels", "payload", "annotations"]);

/** A value of ours as JSON: keys in `snake_case`, absent ones left out. The caller's own keys stay as they are. */
export function toWire(value: unknown): Json {
  if (Array.isArray(value)) return value.map(toWire);
  if (value instanceof Map) return toWire(Object.fromEntries(value));
  if (typeof value !== "object" || value === null) return value as Json;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.map(([key, item]) => [snakeCase(key), CALLERS.has(key) ? (item as Json) : toWire(item)]),
  );
}

/** A problem of a file, with the file it stands in. */
export function issueJson(issue: PolicyIssue, file: string): JsonObject {
  const { code, message, help, path, line, column } = issue;
  return {
    code,
    message,
    ...(help === undefined ? {} : { help }),
    file,
    path,
    ...(line === undefined ? {} : { line, column: column ?? 1 }),
  };
}

/** A request for approval; what its changes name is spelt like the rest. */
export function approvalJson({ changes, ...approval }: Approval): JsonObject {
  return toWire({
    ...approval,
    changes: changes.map((change) => ({ ...change, field: snakeCase(change.field) })),
  }) as JsonObject;
}
