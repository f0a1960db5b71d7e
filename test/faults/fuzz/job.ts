import type { Draws } from "../random.js";

/** One value that is offered as a job, and whether it may be let in: a job that is plain is, and one that holds anything else is not. */
export interface Offered {
  readonly job: unknown;
  readonly plain: boolean;
  /** What was done to it. */
  readonly how: string;
}

/** Told when code of the offered value runs: none of it may. */
export type Ran = (what: string) => void;

type Bag = Record<string, unknown>;

const SEGMENTS = ["job", "payments", "read", "a", "b", "constructor", "__proto__", "x:y", "50%", "e+~-@"];
const TAGS = ["prod", "money", "low", "p", "q", "r", "constructor"];
const TEXTS = [
  "",
  "a",
  "é",
  "e\u0301",
  "\u0000",
  "\u2028",
  "😀",
  "\ud83d\ude00",
  '"\\/',
  "__proto__",
  "ａｄｍｉｎ",
  "\u202e",
  "toJSON",
];
const NUMBERS = [0, -0, 1, -1, 0.1, 1e-7, 5e-324, 1.5e15, 0.1 + 0.2, 2 ** 53 - 1, -(2 ** 53 - 1), 1 / 3];

/** A value of plain JSON. */
function plainValue(draws: Draws, depth: number): unknown {
  const kind = draws.below(depth <= 0 ? 5 : 8);
  if (kind === 0) return null;
  if (kind === 1) return draws.below(2) === 0;
  if (kind === 2) return draws.below(2) === 0 ? draws.pick(NUMBERS) : draws.fraction() * 10 ** (draws.below(30) - 15);
  if (kind < 5) return text(draws);
  if (kind === 5) return Array.from({ length: draws.below(5) }, () => plainValue(draws, depth - 1));
  const bag: Bag = draws.below(8) === 0 ? Object.create(null) : {};
  for (let n = draws.below(5); n > 0; n -= 1) {
    const key = text(draws);
    if (key !== "__proto__") bag[key] = plainValue(draws, depth - 1);
  }
  return bag;
}

function text(draws: Draws): string {
  const kind = draws.below(40);
  if (kind === 0) return draws.pick(TEXTS).repeat(draws.below(200));
  if (kind < 20) return draws.pick(TEXTS);
  return String.fromCharCode(32 + draws.below(95), 97 + draws.below(26)) + draws.below(1_000);
}

/** A job that must be let in. */
function plainJob(draws: Draws): Bag {
  const job: Bag = { topic: Array.from({ length: 1 + draws.below(4) }, () => draws.pick(SEGMENTS)).join(".") };
  const maybe = (name: string, make: () => unknown): void => {
    if (draws.below(3) === 0) job[name] = make();
  };
  maybe("id", () => `j-${draws.below(1_000_000)}`);
  maybe("traceId", () => (draws.below(4) === 0 ? undefined : `t-${draws.below(1_000)}`));
  maybe("tenantId", () => draws.pick(["t", "acme", "!~"]));
  maybe("actor", () => draws.pick([null, { id: "a", type: "agent" }, { type: "human", id: "b", onBehalfOf: "c" }]));
  maybe("riskTags", () => Array.from({ length: draws.below(5) }, () => draws.pick(TAGS)));
  maybe("labels", () => ({ env: draws.pick(["prod", "", "é"]), [`l${draws.below(9)}`]: "x" }));
  maybe("capability", () => draws.pick([null, "x", "é"]));
  maybe("requires", () => Array.from({ length: draws.below(4) }, () => draws.pick(["g", "h", "é"])));
  maybe("resources", () => ({ paths: ["/a", "/b"].slice(draws.below(3)), hosts: ["x.test"] }));
  maybe("constraints", () => draws.pick([{}, { maxRetries: draws.below(5) }, { maxRuntimeSec: 1.5 }]));
  maybe("annotations", () => ({ note: text(draws) }));
  if (draws.below(8) > 0) job.payload = plainValue(draws, draws.below(5));
  return job;
}

class Custom {
  readonly a = 1;
}

/** What no plain value holds, each made anew. */
const STRANGE: readonly (readonly [string, (draws: Draws, ran: Ran) => unknown])[] = [
  ["undefined", () => undefined],
  ["a function", (_, ran) => () => ran("a function")],
  ["a symbol", () => Symbol("s")],
  ["a bigint", () => 1n],
  ["not a number", () => Number.NaN],
  ["infinity", () => Number.NEGATIVE_INFINITY],
  ["an unsafe integer", (draws) => draws.pick([2 ** 53, -(2 ** 53), 1e20, 2 ** 53 + 2])],
  ["a lone surrogate", (draws) => draws.pick(["\ud800", "a\udc00", "\udc00\ud800", `${"x".repeat(50)}\udfff`])],
  ["a lone surrogate in a key", () => ({ "\ud800": 1 })],
  ["a getter", (_, ran) => Object.defineProperty({}, "a", { enumerable: true, get: () => ran("a getter") })],
  ["a setter", () => Object.defineProperty({}, "a", { enumerable: true, set: () => undefined })],
  ["a hidden property", () => Object.defineProperty({}, "a", { value: 1, enumerable: false })],
  ["a symbol key", () => ({ [Symbol("s")]: 1 })],
  ["a proxy", (_, ran) => new Proxy({}, traps(ran))],
  ["a proxy of a list", (_, ran) => new Proxy([1], traps(ran))],
  ["an own __proto__", () => JSON.parse('{"__proto__":{"topic":"x"}}') as unknown],
  ["toJSON", (_, ran) => ({ toJSON: () => ran("toJSON") })],
  [
    "a prototype of its own",
    (_, ran) =>
      Object.create({
        get a() {
          return ran("a getter of the prototype");
        },
      }) as unknown,
  ],
  ["a class", () => new Custom()],
  ["a date", () => new Date(0)],
  ["a map", () => new Map([["a", 1]])],
  ["a set", () => new Set([1])],
  ["a pattern", () => /a/],
  ["an error", () => new Error("e")],
  ["bytes", () => new Uint8Array(3)],
  ["a boxed text", () => new String("rm")],
  ["a boxed number", () => new Number(1)],
  ["a list with a hole", () => Object.assign(new Array(3), { 0: 1, 2: 3 })],
  ["a long list with holes", () => new Array(2 ** 31)],
  ["a list with a property", () => Object.assign([1], { a: 1 })],
  ["a list of a class", () => new (class extends Array {})()],
  ["a promise", () => Promise.resolve(1)],
  [
    "a cycle",
    () => {
      const a: Bag = {};
      a.a = { b: [a] };
      return a;
    },
  ],
  [
    "a deep value",
    (draws) => {
      let a: unknown = 1;
      for (let n = draws.pick([65, 66, 500, 20_000]); n > 0; n -= 1) a = n % 2 === 0 ? [a] : { a };
      return a;
    },
  ],
  ["a huge text", () => HUGE],
  [
    "a value that grows",
    (draws) => {
      let a: unknown = draws.pick(["x".repeat(64), 1, []]);
      for (let n = 0; n < 40; n += 1) a = [a, a];
      return a;
    },
  ],
];

/** More than a job may hold. */
const HUGE = "x".repeat(1_048_577);

function traps(ran: Ran): ProxyHandler<object> {
  const trap = (name: string) => (): never => {
    ran(`the trap ${name}`);
    throw new Error("a trap ran");
  };
  const names = ["get", "has", "ownKeys", "getOwnPropertyDescriptor", "getPrototypeOf", "isExtensible"] as const;
  return Object.fromEntries(names.map((name) => [name, trap(name)]));
}

/** Fields that are there and wrong, and fields that there are none of. */
const WRONG: readonly (readonly [string, unknown])[] = [
  ...["", ".", "a..b", "a b", "a.*", "é", "a".repeat(257), "a/b", "a\n", null, 1, ["a"]].map(
    (topic) => ["topic", topic] as const,
  ),
  ...["Topic", "topics", "riskTag", "prototype", "constructor", "toString", "permit", "approval", "approved"].map(
    (name) => [name, 1] as const,
  ),
  ...["", "a b", "é", "x".repeat(257), 1, null].map((id) => ["id", id] as const),
  ...["P", "a b", "é", "", 1, null, "x".repeat(65)].map((tag) => ["riskTags", [tag]] as const),
  ...[{ id: "a" }, { type: "agent" }, { id: "a", type: "root" }, { id: "a", type: "agent", admin: true }, [], "a"].map(
    (actor) => ["actor", actor] as const,
  ),
  ...[{ maxRetries: -1 }, { maxRetries: 1.5 }, { max_retries: 1 }, { maxRuntimeSec: "1" }].map(
    (own) => ["constraints", own] as const,
  ),
  ...[{ a: 1 }, { a: null }, [], { "": "x" }].map((labels) => ["labels", labels] as const),
  ...[{ paths: [""] }, { path: ["/a"] }, { hosts: "x" }].map((resources) => ["resources", resources] as const),
  ["annotations", { a: "x".repeat(20_000) }],
  ["tenantId", "a b"],
];

/** One value of the many: plain, plain but for one thing somewhere in it, or with a field that is wrong. */
export function drawJob(draws: Draws, ran: Ran): Offered {
  const job = plainJob(draws);
  const kind = draws.below(10);
  if (kind < 5) return { job, plain: true, how: "plain" };
  if (kind < 7) {
    const [name, value] = draws.pick(WRONG);
    return { job: { ...job, [name]: value }, plain: false, how: `wrong ${name}` };
  }
  const [how, make] = draws.pick(STRANGE);
  // What is dear to make is seldom made.
  if (DEAR.has(how) && draws.below(50) > 0) return { job, plain: true, how: "plain" };
  const value = make(draws, ran);
  return { ...placed(draws, job, value), plain: false, how };
}

/** What is much to look at. */
export const DEAR: ReadonlySet<string> = new Set([
  "a huge text",
  "a deep value",
  "a value that grows",
  "a long list with holes",
]);

/** The strange thing is the payload, stands somewhere in it, is another field, or is the job itself. */
function placed(draws: Draws, job: Bag, value: unknown): { readonly job: unknown } {
  const kind = draws.below(8);
  if (kind === 0 && value !== null && typeof value === "object" && !Array.isArray(value)) return { job: value };
  if (kind === 1) return { job: { ...job, annotations: { a: value } } };
  if (kind === 2) return { job: { ...job, labels: { a: [value] } } };
  let payload = value === undefined ? [value] : value;
  for (let n = draws.below(5); n > 0; n -= 1) {
    payload = draws.below(2) === 0 ? [plainValue(draws, 1), payload] : { b: plainValue(draws, 1), a: payload };
  }
  return { job: { ...job, payload } };
}
