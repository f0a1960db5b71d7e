import { expect, test } from "vitest";
import { FIELDS, type Field } from "../../src/policy/condition/fields.js";

/** Each path that is known, with its kind and that of its elements. */
function flat(fields: ReadonlyMap<string, Field>, below = ""): readonly (readonly [string, string])[] {
  return [...fields].flatMap(([name, { kind, element, fields: own }]) => [
    [below + name, `${kind} of ${element}`] as const,
    ...(own === null ? [] : flat(own, `${below}${name}.`)),
  ]);
}

test("what is known of a job before there is one", () => {
  expect(Object.fromEntries(flat(FIELDS))).toEqual({
    actor: "dyn of dyn",
    "actor.id": "string of dyn",
    "actor.type": "string of dyn",
    "actor.on_behalf_of": "string of dyn",
    capability: "dyn of dyn",
    constraints: "map of dyn",
    "constraints.max_runtime_sec": "double of dyn",
    "constraints.max_retries": "double of dyn",
    "constraints.max_output_bytes": "double of dyn",
    "constraints.paths": "map of list",
    "constraints.paths.read": "list of string",
    "constraints.paths.write": "list of string",
    "constraints.paths.deny": "list of string",
    "constraints.network": "map of list",
    "constraints.network.allow": "list of string",
    "constraints.network.deny": "list of string",
    labels: "map of string",
    payload: "dyn of dyn",
    requires: "list of string",
    resources: "map of list",
    "resources.paths": "list of string",
    "resources.hosts": "list of string",
    risk_tags: "list of string",
    tenant_id: "string of dyn",
    topic: "string of dyn",
  });
});
