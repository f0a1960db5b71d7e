import { compilePolicy, type Policy } from "dispatch-gate";

/** What a policy of the schedules says of a topic, in our own words. */
export type Right = "allow" | "ask" | "ask two" | "deny";

/** The topics of the schedules' jobs. */
export const TOPICS = ["asked", "two", "few", "one", "all"] as const;

export type Topic = (typeof TOPICS)[number];

/** At most so many claims of these topics within any interval. */
export const LIMIT = { topics: ["few", "all"], claims: 2, windowMs: 20_000 } as const;

/** At most so many jobs of these topics at the same time. */
export const POOL = { topics: ["one", "all"], jobs: 1 } as const;

/** How long requests and approvals hold, in milliseconds. */
export const SPANS = { expires: 60_000, use: 30_000, stands: 40_000 } as const;

const QUORUM: Readonly<Record<Right, number>> = { allow: 0, ask: 1, "ask two": 2, deny: 0 };

/** A policy, with what it means written down beside it. */
export interface Ruled {
  readonly policy: Policy;
  readonly rights: Readonly<Record<Topic, Right>>;
}

/** How many people a right takes. */
export function quorumOf(right: Right): number {
  return QUORUM[right];
}

const rule = ([topic, right]: readonly [string, Right]): string => {
  const decision = right.startsWith("ask") ? "require_approval" : right;
  const approval = right === "ask two" ? ", approval: { quorum: 2 }" : "";
  return `  - { id: on-${topic}, match: { topics: [${topic}] }, decision: ${decision}${approval} }\n`;
};

function ruled(rights: Ruled["rights"], more = ""): Ruled {
  const yaml = `version: v1
approvals: { expires_in_sec: ${SPANS.expires / 1_000}, use_within_sec: ${SPANS.use / 1_000}, rejection_stands_sec: ${SPANS.stands / 1_000} }
rules:
  - { id: limit, match: { topics: [${LIMIT.topics}] }, decision: throttle, throttle: { limit: ${LIMIT.claims}, window_sec: ${LIMIT.windowMs / 1_000} } }
  - { id: pool, match: { topics: [${POOL.topics}] }, decision: allow_with_constraints, constraints: { max_concurrent: ${POOL.jobs} } }
${Object.entries(rights).map(rule).join("")}${more}`;
  return { policy: compilePolicy({ yaml }), rights };
}

const USUAL = { asked: "ask", two: "ask two", few: "allow", one: "allow", all: "ask" } as const;

/** The policies that come into force in the schedules; the first and second differ in nothing that these jobs meet. */
export const POLICIES: readonly Ruled[] = [
  ruled(USUAL),
  ruled(USUAL, "  - { id: other, match: { topics: [other] }, decision: deny }\n"),
  ruled({ ...USUAL, asked: "ask two", all: "deny", few: "deny" }),
  ruled({ ...USUAL, asked: "deny", one: "ask" }),
  ruled({ ...USUAL, asked: "allow", all: "allow" }),
];
