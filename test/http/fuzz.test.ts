import { createMemoryStore } from "dispatch-gate/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { OPENAPI_DOCUMENT } from "../../src/http/openapi.js";
import type { JsonObject } from "../../src/outcome.js";
import { open, rules } from "../gate/open.js";
import { cases, FULL_TIME } from "../scale.js";
import { ask, handlerFor, PEOPLE } from "./ask.js";

const POLICY = rules(`
- { id: read, match: { topics: ["read.*"] }, decision: allow }
- { id: pay, match: { topics: ["pay.*"] }, decision: require_approval, reason: a person looks }
- { id: drop, match: { topics: ["drop.*"] }, decision: deny }
`);

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: JsonObject }[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: JsonObject } } };
}

/** Every operation that the document tells of. */
const OPERATIONS: readonly (readonly [line: string, operation: Operation])[] = Object.entries(
  OPENAPI_DOCUMENT.paths as unknown as Readonly<Record<string, Readonly<Record<string, Operation>>>>,
).flatMap(([path, byMethod]) =>
  Object.entries(byMethod).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
);

/** So few that requests meet each other's jobs. */
const ID = fc.nat(60).map((n) => `job-${n}`);
const TOPIC = fc.constantFrom("read.a", "pay.a", "pay.b", "drop.a", "what.is", "");

/** A value of any kind as a query has it. */
const written = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** A value as a schema of the document has it, as far as it says: mostly right, now and then anything. */
function valueFor(schema: JsonObject, name: string): fc.Arbitrary<unknown> {
  const right = rightOf(schema, name);
  return fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: fc.jsonValue() as fc.Arbitrary<unknown> });
}

function rightOf(schema: JsonObject, name: string): fc.Arbitrary<unknown> {
  if (typeof schema.$ref === "string") {
    const { schemas } = OPENAPI_DOCUMENT.components as { readonly schemas: Readonly<Record<string, JsonObject>> };
    return rightOf(schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {}, name);
  }
  if (name === "topic") return TOPIC;
  if (name === "id" || name === "trace_id") return ID;
  if (Array.isArray(schema.anyOf))
    return fc.oneof(...(schema.anyOf as readonly JsonObject[]).map((one) => valueFor(one, name)));
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as readonly string[]));
  switch (schema.type) {
    case "string":
      return fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("default", "other", "prod", "x".repeat(300)));
    case "integer":
      return fc.integer();
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(valueFor((schema.items ?? {}) as JsonObject, ""), { maxLength: 3 });
    case "object": {
      const properties = (schema.properties ?? {}) as Readonly<Record<string, JsonObject>>;
      const fields = Object.fromEntries(Object.entries(properties).map(([key, one]) => [key, valueFor(one, key)]));
      if (Object.keys(fields).length === 0)
        return fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue(), { maxKeys: 3 });
      return fc.record(fields, { requiredKeys: "topic" in fields ? ["topic"] : [] });
    }
    default:
      return fc.jsonValue();
  }
}

/** A part of a path; `.` and `..` are none, since a URL takes them out. */
const PART = fc.string({ minLength: 1, maxLength: 8 }).filter((part) => !/^\.{1,2}$/.test(part));

/** What nothing is wrong with. */
const PLAIN_JOB = fc.record(
  {
    id: ID,
    topic: TOPIC,
    // Mostly another one: a rejection stands against equal content.
    payload: fc.oneof(fc.nat(), fc.constantFrom("two", { three: [3] })),
    labels: fc.constant({ team: "a" }),
  },
  { requiredKeys: ["topic"] },
);

/** Counted thrice more: without jobs there is nothing to ask for. */
const SUBMISSIONS = Array.from({ length: 3 }, () => OPERATIONS.filter(([line]) => line === "POST /api/v1/jobs")).flat();

/** A request: the path filled in, a query, headers and a body as the document has them, sent by somebody or nobody. */
const REQUEST = fc.constantFrom(...OPERATIONS, ...SUBMISSIONS).chain(([line, { parameters = [], requestBody }]) => {
  const named = (place: string): Record<string, fc.Arbitrary<unknown>> =>
    Object.fromEntries(
      parameters
        .filter((parameter) => parameter.in === place)
        .map(({ name, schema }) => [name, place === "path" ? fc.oneof(ID, PART) : valueFor(schema, name)]),
    );
  return fc.record({
    line: fc.constant(line),
    path: fc.record(named("path")),
    query: fc.record(named("query"), { requiredKeys: [] }),
    headers: fc.record(
      {
        "Idempotency-Key": fc.constantFrom("k-1", "k-2"),
        Prefer: fc.constantFrom("wait=0", "wait=x", "respond-async"),
      },
      { requiredKeys: [] },
    ),
    as: fc.constantFrom(...Object.keys(PEOPLE), ...Object.keys(PEOPLE), null),
    body:
      requestBody === undefined
        ? fc.constant(undefined)
        : fc.oneof(
            { weight: 5, arbitrary: line.includes("approvals") ? fc.constant({}) : PLAIN_JOB },
            { weight: 5, arbitrary: valueFor(requestBody.content["application/json"].schema, "") },
            { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
          ),
  });
});

test("requests made of the document are answered as it says, and none by a mistake of ours", {
  timeout: FULL_TIME,
}, async () => {
  const gate = await open({ policy: POLICY, store: createMemoryStore(), dispatch: (job) => job.payload });
  const handler = handlerFor(gate);
  const statuses = new Map<number, number>();
  const most = cases("requests made of the OpenAPI document", 5_000, 100_000);
  for (const { line, path, query, headers, as, body } of fc.sample(REQUEST, most)) {
    const filled = line.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(written(path[name])));
    const asked = new URLSearchParams(
      Object.entries(query).map(([name, value]): [string, string] => [name, written(value)]),
    ).toString();
    const sent = {
      as,
      headers,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    };
    const { status, text } = await ask(handler, `${filled}${asked === "" ? "" : `?${asked}`}`, sent);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    expect(status, `${filled} ${text}`).toBeLessThan(500);
  }
  // The control: not all of them were turned away at the door.
  for (const status of [200, 202, 400, 401, 403, 404, 409])
    expect(statuses.get(status) ?? 0, `${status}`).toBeGreaterThan(4);
});
