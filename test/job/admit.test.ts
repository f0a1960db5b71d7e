import { createHash } from "node:crypto";
import { createContext, runInContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalize } from "../../src/canonical.js";
import { type AdmitContext, admit, DEFAULT_MAX_JOB_BYTES, readmit } from "../../src/job/admit.js";
import type { Json } from "../../src/outcome.js";
import { cases } from "../scale.js";

const RUNS = cases("a job that is admitted", 1_000, 1_000);

const context: AdmitContext = { jobId: "fresh-id", traceId: "fresh-trace", maxJobBytes: DEFAULT_MAX_JOB_BYTES };

function admitted(input: unknown) {
  const result = admit(input, context);
  if (!result.ok) throw new Error(`${result.issue.path}: ${result.issue.message}`);
  return result.admission;
}

function issueOf(input: unknown, changes: Partial<AdmitContext> = {}) {
  const result = admit(input, { ...context, ...changes });
  if (result.ok) throw new Error("the job was admitted");
  return result.issue;
}

describe("a job that is let in", () => {
  test("has every field, with the documented defaults", () => {
    expect(admitted({ topic: "job.read" }).job).toEqual({
      id: "fresh-id",
      traceId: "fresh-trace",
      tenantId: "default",
      actor: null,
      topic: "job.read",
      riskTags: [],
      labels: {},
      capability: null,
      requires: [],
      resources: { hosts: [], paths: [] },
      constraints: {},
      payload: null,
      annotations: {},
    });
  });

  test("is hashed as RFC 8785 bytes under a domain with a version", () => {
    const { canonical, hash } = admitted({ topic: "job.read", payload: { b: 1, a: [true, null, "é"] } });
    expect(canonical).toBe(
      '{"actor":null,"capability":null,"constraints":{},"labels":{},"payload":{"a":[true,null,"é"],"b":1},"requires":[],"resources":{"hosts":[],"paths":[]},"riskTags":[],"tenantId":"default","topic":"job.read"}',
    );
    expect(hash).toBe(createHash("sha256").update(`dispatch-gate/job/v1\0${canonical}`).digest("hex"));
  });

  test("has the same hash whatever the order of its keys, tags and requirements", () => {
    const a = admitted({ topic: "t", riskTags: ["b", "a", "b"], requires: ["y", "x"], payload: { x: 1, y: 2 } });
    const b = admitted({ payload: { y: 2, x: 1 }, requires: ["x", "y", "x"], riskTags: ["a", "b"], topic: "t" });
    expect(a.hash).toBe(b.hash);
    expect(a.job).toEqual(b.job);
  });

  test("has another hash when any hashed field differs, and the same when id, trace or annotations do", () => {
    const base = { topic: "t" };
    const different: readonly object[] = [
      { topic: "u" },
      { tenantId: "x" },
      { actor: { id: "a", type: "agent" } },
      { riskTags: ["a"] },
      { labels: { a: "b" } },
      { capability: "c" },
      { requires: ["r"] },
      { resources: { paths: ["/a"] } },
      { constraints: { maxRetries: 0 } },
      { payload: {} },
    ];
    const hashes = different.map((change) => admitted({ ...base, ...change }).hash);
    expect(new Set([admitted(base).hash, ...hashes]).size).toBe(different.length + 1);
    expect(admitted({ ...base, id: "i", traceId: "t", annotations: { a: 1 } }).hash).toBe(admitted(base).hash);
  });

  test("is frozen all the way down and shares nothing with the caller's object (property)", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (payload) => {
        fc.pre(isExact(payload as Json));
        const input = { topic: "t", payload: JSON.parse(JSON.stringify({ payload })) as Json };
        const before = JSON.stringify(input.payload);
        const { job, hash } = admitted(input);
        scramble(input.payload);
        expect(JSON.stringify(sortKeys(job.payload))).toBe(JSON.stringify(sortKeys(JSON.parse(before) as Json)));
        expect(isFrozenDeep(job)).toBe(true);
        expect(admitted({ topic: "t", payload: JSON.parse(before) as Json }).hash).toBe(hash);
      }),
      { numRuns: RUNS / 2 },
    );
  });

  test("can be read back from its stored bytes with the same hash", () => {
    const first = admitted({ topic: "t", payload: { deep: [1, { a: "x" }] }, riskTags: ["prod"] });
    const again = readmit(first.canonical, { id: "i", traceId: "t", annotations: {} });
    expect(again.hash).toBe(first.hash);
    expect(again.job.payload).toEqual(first.job.payload);
  });

  test("is what its whole canonical text parses to (property)", () => {
    const tag = fc.constantFrom("b", "a", "c");
    const job = fc.record(
      {
        topic: fc.constantFrom("t", "job.a"),
        payload: fc.jsonValue({ maxDepth: 4 }),
        riskTags: fc.array(tag),
        requires: fc.array(tag),
        labels: fc.dictionary(tag, fc.string({ maxLength: 9 })),
        actor: fc.constantFrom(null, { id: "a", type: "agent" }, { type: "human", id: "b", onBehalfOf: "c" }),
        resources: fc.constantFrom({ paths: ["/b", "/a", "/b"] }, { hosts: ["x"] }),
        constraints: fc.constantFrom({ maxRetries: 1 }, {}),
      },
      { requiredKeys: ["topic"] },
    );
    fc.assert(
      fc.property(job, (input) => {
        fc.pre(isExact((input.payload ?? null) as Json));
        const result = admit(input, context);
        fc.pre(result.ok);
        const { canonical, job: made, hash } = result.admission;
        const again = readmit(canonical, { id: made.id, traceId: made.traceId, annotations: made.annotations });
        expect(made).toEqual(again.job);
        expect(JSON.stringify(made)).toBe(JSON.stringify(again.job));
        expect(again.hash).toBe(hash);
        expect(isFrozenDeep(made)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  test("is written by the strict walk exactly as by the plain canonicaliser (property)", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        fc.pre(isExact(value as Json));
        const { canonical } = admitted({ topic: "t", payload: value });
        expect(canonical).toContain(`"payload":${canonicalize(value as Json)},"requires"`);
      }),
      { numRuns: RUNS },
    );
  });

  test("may come from another realm, as in a test runner's sandbox", () => {
    const foreign: unknown = runInContext('({ topic: "t", payload: { list: [1, { a: "b" }] } })', createContext());
    expect(admitted(foreign).job.payload).toEqual({ list: [1, { a: "b" }] });
  });

  test("may leave a top-level field undefined", () => {
    expect(admitted({ topic: "t", traceId: undefined, payload: undefined }).job.traceId).toBe("fresh-trace");
  });
});

describe("a hostile value is refused with its place", () => {
  const getter = Object.defineProperty({}, "cmd", { enumerable: true, get: () => "ls" });
  const hidden = Object.defineProperty({}, "cmd", { enumerable: false, value: "rm" });
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  const tagged = Object.assign([1], { extra: 2 });
  class Command {
    run = "ls";
  }
  const sparse = [1, 2, 3];
  delete sparse[1];

  const cases: readonly (readonly [name: string, payload: unknown, path: string, message: string])[] = [
    [
      "a toJSON that shows the hash something else",
      { c: { cmd: "rm", toJSON: () => ({ cmd: "ls" }) } },
      "/payload/c/toJSON",
      "a value must be plain JSON, not a function",
    ],
    ["a getter", { a: getter }, "/payload/a/cmd", "a property must not be a getter or setter"],
    ["a hidden property", hidden, "/payload/cmd", "a property must be enumerable"],
    ["a proxy", { a: new Proxy({}, {}) }, "/payload/a", "a value must not be a proxy"],
    ["an instance of a class", new Command(), "/payload", "a value must be a plain object, not an instance of a class"],
    ["a Date", { at: new Date(0) }, "/payload/at", "a value must be a plain object, not a Date"],
    ["a Map", new Map(), "/payload", "a value must be a plain object, not a Map"],
    ["a Set", new Set(), "/payload", "a value must be a plain object, not a Set"],
    ["a RegExp", /a/, "/payload", "a value must be a plain object, not a RegExp"],
    ["an Error", new Error("x"), "/payload", "a value must be a plain object, not an Error"],
    ["a promise", Promise.resolve(1), "/payload", "a value must be a plain object, not a Promise"],
    ["a symbol key", { [Symbol("s")]: 1 }, "/payload", "an object must not have symbol keys"],
    [
      "an own __proto__ key",
      JSON.parse('{"a":{"__proto__":{"admin":true}}}'),
      "/payload/a/__proto__",
      "a key must not be `__proto__`",
    ],
    ["a hole in a list", sparse, "/payload", "a list must not have holes"],
    ["a list with a further property", tagged, "/payload", "a list must hold nothing but its elements"],
    ["a subclass of Array", new (class extends Array {})(), "/payload", "a list must be a plain array"],
    ["a cycle", cyclic, "/payload/self", "a value must not contain itself"],
    ["undefined in an object", { a: undefined }, "/payload/a", "a value must not be undefined"],
    ["undefined in a list", [undefined], "/payload/0", "a value must not be undefined"],
    ["a bigint", [1n], "/payload/0", "a value must be plain JSON, not a bigint"],
    ["NaN", Number.NaN, "/payload", "a number must be finite"],
    ["an infinite number", Number.POSITIVE_INFINITY, "/payload", "a number must be finite"],
    ["an unsafe integer", 2 ** 53, "/payload", "an integer must be within plus or minus 2^53 - 1"],
    ["a lone surrogate", "\ud800", "/payload", "a string must not hold a lone surrogate"],
    ["a lone surrogate in a key", { "\ud800": 1 }, "/payload/\ufffd", "a string must not hold a lone surrogate"],
    ["a boxed string", Object("x"), "/payload", "a value must be a plain object, not an instance of a class"],
  ];
  for (const [name, payload, path, message] of cases) {
    test(name, () => {
      expect(issueOf({ topic: "t", payload })).toEqual({ path, message });
    });
  }

  test("nesting of 64 is let in and of 65 is not", () => {
    const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)]);
    expect(admit({ topic: "t", payload: nest(64) }, context).ok).toBe(true);
    expect(issueOf({ topic: "t", payload: nest(65) }).message).toBe("a value must not nest deeper than 64");
  });

  test("a size at the limit is let in and one byte more is not", () => {
    const small = { topic: "t", payload: "x".repeat(1_000) };
    const size = Buffer.byteLength(admitted(small).canonical);
    expect(admit(small, { ...context, maxJobBytes: size }).ok).toBe(true);
    expect(issueOf(small, { maxJobBytes: size - 1 }).message).toBe("the job is larger than the size limit");
    expect(issueOf({ topic: "t", payload: "x".repeat(5_000_000) }).path).toBe("/payload");
  });

  test("a size at the limit is let in also where it is all objects", () => {
    const payload = Array.from({ length: 1_000 }, () => ({ a: 1 }));
    const size = Buffer.byteLength(admitted({ topic: "t", payload }).canonical);
    expect(admit({ topic: "t", payload }, { ...context, maxJobBytes: size }).ok).toBe(true);
    expect(issueOf({ topic: "t", payload }, { maxJobBytes: size - 1 })).toEqual({
      path: "/topic",
      message: "the job is larger than the size limit",
    });
  });

  test("an enormous sparse list is refused without walking it", () => {
    expect(issueOf({ topic: "t", payload: new Array(4_000_000_000) }).message).toBe(
      "the job is larger than the size limit",
    );
  });

  test("the job itself must be a plain object, and nothing of it is run", () => {
    let ran = false;
    const trap = new Proxy(
      {},
      {
        get: () => {
          ran = true;
        },
        ownKeys: () => {
          ran = true;
          return [];
        },
      },
    );
    expect(issueOf(trap).message).toBe("a job must not be a proxy");
    expect(issueOf(null).message).toBe("a job must be a plain object");
    expect(issueOf([]).message).toBe("a job must be a plain object, not a list");
    expect(issueOf("job").message).toBe("a job must be a plain object");
    expect(issueOf(new Map()).message).toBe("a job must be a plain object, not a Map");
    expect(issueOf({ topic: "t", [Symbol("s")]: 1 }).message).toBe("an object must not have symbol keys");
    expect(
      issueOf({
        get topic() {
          ran = true;
          return "t";
        },
      }).path,
    ).toBe("/topic");
    expect(ran).toBe(false);
  });

  test("control: a copy through JSON.stringify lets the hostile value through", () => {
    const payload = { cmd: "rm", toJSON: () => ({ cmd: "ls" }) };
    expect(JSON.parse(JSON.stringify(payload))).toEqual({ cmd: "ls" });
  });
});

describe("a malformed field is refused with its place", () => {
  const cases: readonly (readonly [input: object, path: string, message: string])[] = [
    [{}, "/topic", "a job must have a topic"],
    [
      { topic: "" },
      "/topic",
      "`topic` must be 1 to 256 characters, dot-separated segments of letters, digits and _:@%~+-",
    ],
    [
      { topic: "a..b" },
      "/topic",
      "`topic` must be 1 to 256 characters, dot-separated segments of letters, digits and _:@%~+-",
    ],
    [
      { topic: "a".repeat(257) },
      "/topic",
      "`topic` must be 1 to 256 characters, dot-separated segments of letters, digits and _:@%~+-",
    ],
    [
      { topic: "job.*" },
      "/topic",
      "`topic` must be 1 to 256 characters, dot-separated segments of letters, digits and _:@%~+-",
    ],
    [{ topic: "t", id: "a b" }, "/id", "`id` must be 1 to 256 printable ASCII characters without spaces"],
    [{ topic: "t", traceId: 7 }, "/traceId", "`traceId` must be 1 to 256 printable ASCII characters without spaces"],
    [
      { topic: "t", tenantId: "" },
      "/tenantId",
      "`tenantId` must be 1 to 256 printable ASCII characters without spaces",
    ],
    [{ topic: "t", riskTags: "prod" }, "/riskTags", "`riskTags` must be a list"],
    [{ topic: "t", riskTags: ["Prod"] }, "/riskTags/0", "an item of `riskTags` must be 1 to 64 of a-z, 0-9, _ and -"],
    [
      { topic: "t", riskTags: Array.from({ length: 65 }, (_, n) => `t${n}`) },
      "/riskTags",
      "`riskTags` must hold at most 64 items",
    ],
    [{ topic: "t", labels: { a: 1 } }, "/labels/a", "a label must be a string of at most 256 characters"],
    [{ topic: "t", actor: { id: "a" } }, "/actor/type", "`actor.type` must be human, service or agent"],
    [
      { topic: "t", actor: { id: "a", type: "agent", role: "x" } },
      "/actor",
      "`actor` has an unknown key `role` (one of: id, type, onBehalfOf)",
    ],
    [
      { topic: "t", constraints: { max_retries: 1 } },
      "/constraints",
      "`constraints` has an unknown key `max_retries` (did you mean `maxRetries`?)",
    ],
    [
      { topic: "t", constraints: { maxRuntimeSec: 0 } },
      "/constraints/maxRuntimeSec",
      "`maxRuntimeSec` must be a number of seconds over 0, at most 31536000",
    ],
    [{ topic: "t", capability: "\ud800" }, "/capability", "a string must not hold a lone surrogate"],
    [{ topic: "\ud800" }, "/topic", "a string must not hold a lone surrogate"],
    [{ topic: "t", annotations: [] }, "/annotations", "`annotations` must be an object"],
  ];
  for (const [input, path, message] of cases) {
    test(`${JSON.stringify(input).slice(0, 60)}: ${path}`, () => {
      expect(issueOf(input)).toEqual({ path, message });
    });
  }

  test("an unknown field is refused with the nearest known one", () => {
    expect(issueOf({ topic: "t", risk_tags: ["prod"] })).toEqual({
      path: "/risk_tags",
      message: "unknown job field `risk_tags`",
      help: "did you mean `riskTags`?",
    });
    expect(issueOf({ topic: "t", zzzzzz: 1 }).help).toContain("a job has: id, traceId");
  });
});

function scramble(value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) scramble(item);
    value.push("changed");
  } else if (typeof value === "object" && value !== null) {
    for (const item of Object.values(value)) scramble(item);
    (value as Record<string, unknown>).changed = true;
  }
}

function isFrozenDeep(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozenDeep);
}

function isExact(value: Json): boolean {
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  return !Object.hasOwn(value, "__proto__") && Object.values(value).every((item) => isExact(item as Json));
}

function sortKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sortKeys(item)]),
  );
}
