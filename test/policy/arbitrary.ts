import fc from "fast-check";
import type { Json } from "../../src/outcome.js";
import { CONDITIONS, type ReferenceJob } from "./reference.js";

// Random small policies and jobs, made so that rules often match and often clash.

const some = <T>(items: fc.Arbitrary<T>, minLength = 1, maxLength = 2): fc.Arbitrary<T[]> =>
  fc.array(items, { minLength, maxLength });
const tag = fc.constantFrom("p", "q", "r");
const step = fc.constantFrom("a", "b", "a", "*", "**", "a*", "?", "{a,b}", "*b", "{a,c}?");
const topicPattern = some(step, 1, 4)
  .map((steps) => steps.join("."))
  .filter((pattern) => pattern.split("**").length <= 3);
const segment = fc.constantFrom("a", "b", "c", "ab", "constructor");
const value = fc.constantFrom("prod", "eu-1", "", "a/b");
const valuePattern = fc.constantFrom("prod", "eu-*", "*", "a?b", "{prod,test}");

const keys = {
  topics: some(topicPattern, 1, 3),
  risk_tags: fc.oneof(
    fc.constant([]),
    some(tag),
    fc
      .record({ any: some(tag), all: some(tag), none: some(tag) }, { requiredKeys: [] })
      .filter((tags) => Object.keys(tags).length > 0),
  ),
  tenants: some(fc.constantFrom("t", "u")),
  actors: some(fc.constantFrom("agent-*", "*-1", "me")),
  actor_types: some(fc.constantFrom("agent", "human")),
  capabilities: some(fc.constantFrom("x", "y")),
  requires: some(fc.constantFrom("g", "h")),
  labels: fc.dictionary(
    fc.constantFrom("env", "ticket"),
    fc.oneof(some(valuePattern), fc.constant({ absent: true as const })),
    { minKeys: 1 },
  ),
  when: fc.constantFrom(...CONDITIONS.keys()),
};

type Block = Record<string, Json>;

/** Of one or two keys, so that many blocks match. */
function blockOf(arbitraries: Record<string, fc.Arbitrary<unknown>>, minLength: number): fc.Arbitrary<Block> {
  return fc
    .shuffledSubarray(Object.keys(arbitraries), { minLength, maxLength: 2 })
    .chain((names) =>
      fc.record(Object.fromEntries(names.map((name) => [name, arbitraries[name] as fc.Arbitrary<unknown>]))),
    ) as fc.Arbitrary<Block>;
}

const unless = blockOf(keys, 1);
/** A match block; conditions and exceptions are not rare. */
export const match: fc.Arbitrary<Block> = blockOf({ ...keys, when2: keys.when, unless }, 0).map(
  ({ when2, ...block }) => {
    const full = when2 === undefined ? block : { ...block, when: when2 };
    return Object.keys(full).length === 0 ? { topics: ["**"] } : full;
  },
);

const constraints = fc.oneof(
  fc.record({ max_retries: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ max_retries: fc.integer({ min: 0, max: 5 }), max_concurrent: fc.integer({ min: 0, max: 2 }) }),
);
const remediations = fc.constant([{ title: "ask for less" }]);
const approval = fc.constantFrom<Json>(
  { quorum: 2 },
  { roles: ["finance"], quorum: 1 },
  { kinds: ["service", "human"] },
);
/** A decision with the blocks it may carry. */
export const body: fc.Arbitrary<Block> = fc.oneof(
  fc.constantFrom<Block>(
    { decision: "allow" },
    { decision: "allow" },
    { decision: "deny" },
    { decision: "throttle" },
    { decision: "require_approval" },
    { decision: "throttle", throttle: { limit: 1, window_sec: 1 } },
  ),
  fc.record({ decision: fc.constant("deny"), remediations }) as fc.Arbitrary<Block>,
  fc.record({ decision: fc.constant("require_approval"), approval }) as fc.Arbitrary<Block>,
  fc.record({
    decision: fc.constantFrom("allow_with_constraints", "require_approval"),
    constraints,
  }) as fc.Arbitrary<Block>,
);

export interface RandomRule {
  readonly id: string;
  readonly match: Block;
  readonly decision: Json;
}

export interface RandomPolicy {
  readonly version: "v1";
  readonly combining: "most_restrictive" | "first_match";
  readonly default: "deny" | "require_approval";
  readonly rules: readonly RandomRule[];
  readonly outputs?: readonly { readonly id: string; readonly match: Block }[];
}

const rare = <T>(value: T): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constant(value) });

/** A whole policy of up to eight rules. */
export const policies: fc.Arbitrary<RandomPolicy> = fc
  .record({
    version: fc.constant("v1"),
    combining: fc.constantFrom("most_restrictive", "first_match"),
    default: fc.constantFrom("deny", "require_approval"),
    output_default: fc.constantFrom("secrets", "none"),
    tags: rare({ p: "", q: "", r: "" }),
    tiers: rare(["p", "q"]),
    rules: fc
      .array(fc.tuple(match, body), { minLength: 1, maxLength: 8 })
      .map((rules) => rules.map(([block, rest], index) => ({ id: `r${index}`, match: block, ...rest }))),
    outputs: fc
      .array(match, { minLength: 1, maxLength: 2 })
      .map((list) =>
        list.map((block, index) => ({ id: `o${index}`, match: block, detect: ["pii"], action: "redact" })),
      ),
  })
  .map((policy) => Object.fromEntries(Object.entries(policy).filter(([, part]) => part !== undefined)) as never);

const carried = fc.oneof({ weight: 12, arbitrary: fc.subarray(["p", "q", "r"]) }, fc.constant(["p", "s"]));

/** A job as the reference takes it. */
export const jobs: fc.Arbitrary<ReferenceJob> = fc.record({
  topic: some(segment, 1, 5).map((segments) => segments.join(".")),
  tenantId: fc.constantFrom("t", "u", "v"),
  actor: fc.option(
    fc.record({ id: fc.constantFrom("agent-1", "me", "x-1"), type: fc.constantFrom("agent", "human", "service") }),
  ),
  capability: fc.option(fc.constantFrom("x", "y", "z")),
  requires: fc.subarray(["g", "h", "i"]),
  labels: fc.dictionary(fc.constantFrom("env", "ticket"), value),
  payload: fc.constantFrom<ReferenceJob["payload"]>(
    null,
    {},
    { n: 0.5 },
    { n: 2 },
    { n: "two" },
    { list: [1, 2] },
    { n: 3, list: [] },
  ),
  declared: carried,
  derived: fc.oneof(fc.constant([]), carried),
  restrictOnly: fc.boolean(),
});
