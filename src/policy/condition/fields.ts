import type { JobConstraints } from "../../job/job.js";
import type { Json } from "../../outcome.js";

/** What a condition sees of a job, as plain JSON under snake_case names. */
export interface ConditionJob {
  /** Null where nobody is named. */
  readonly actor: { readonly id: string; readonly type: string; readonly on_behalf_of?: string } | null;
  readonly capability: string | null;
  readonly constraints: Pick<JobConstraints, "paths" | "network"> & {
    readonly max_runtime_sec?: number;
    readonly max_retries?: number;
    readonly max_output_bytes?: number;
  };
  readonly labels: Readonly<Record<string, string>>;
  readonly payload: Json;
  readonly requires: readonly string[];
  readonly resources: { readonly paths: readonly string[]; readonly hosts: readonly string[] };
  /** Declared and derived. */
  readonly risk_tags: readonly string[];
  readonly tenant_id: string;
  readonly topic: string;
}

/** What is known of a value before there is one. `dyn` may be anything that a job can hold. */
export type Kind = "bool" | "int" | "double" | "string" | "null" | "list" | "map" | "dyn";

/** A field of the job: its kind, that of its elements, and its own fields where they are known. */
export interface Field {
  readonly kind: Kind;
  /** Of a list's elements or a map's values; `dyn` where there are none. */
  readonly element: Kind;
  /** Null: any name will do. */
  readonly fields: ReadonlyMap<string, Field> | null;
}

const field = (kind: Kind, element: Kind = "dyn", fields: Field["fields"] = null): Field => ({ kind, element, fields });

const lists = (...names: readonly string[]): Field =>
  field("map", "list", new Map(names.map((name) => [name, field("list", "string")] as const)));

/** What a condition sees: exactly the fields that the job's hash covers, and the union of its tags. */
export const FIELDS: ReadonlyMap<string, Field> = new Map([
  // Null where nobody is named, hence not known to be a map.
  [
    "actor",
    field("dyn", "dyn", new Map(["id", "type", "on_behalf_of"].map((name) => [name, field("string")] as const))),
  ],
  ["capability", field("dyn")],
  [
    "constraints",
    field(
      "map",
      "dyn",
      new Map<string, Field>([
        ...["max_runtime_sec", "max_retries", "max_output_bytes"].map((name) => [name, field("double")] as const),
        ["paths", lists("read", "write", "deny")],
        ["network", lists("allow", "deny")],
      ]),
    ),
  ],
  ["labels", field("map", "string")],
  ["payload", field("dyn")],
  ["requires", field("list", "string")],
  [
    "resources",
    field("map", "list", new Map(["paths", "hosts"].map((name) => [name, field("list", "string")] as const))),
  ],
  ["risk_tags", field("list", "string")],
  ["tenant_id", field("string")],
  ["topic", field("string")],
]);

/** Kinds in the words of people. */
export const NAMES: Readonly<Record<Kind, string>> = {
  bool: "true or false",
  int: "an integer",
  double: "a number",
  string: "text",
  null: "null",
  list: "a list",
  map: "a map",
  dyn: "anything",
};
