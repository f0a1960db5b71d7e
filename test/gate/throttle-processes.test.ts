import { expect, test } from "vitest";
import { cases, FULL_TIME } from "../scale.js";
import { open } from "./open.js";
import { eventsOf, place, start } from "./workers.js";

const LIMIT = 20;
const WINDOW_SEC = 0.2;
const POLICY = `version: v1
rules:
  - { id: all, match: { topics: ["**"] }, decision: allow }
  - { id: rate, match: { topics: ["**"] }, decision: throttle, throttle: { limit: ${LIMIT}, window_sec: ${WINDOW_SEC} } }
  - { id: pool, match: { topics: ["**"] }, decision: allow_with_constraints, constraints: { max_concurrent: 6 } }
`;

test(
  "eight processes on one file share one bucket: no interval of the window's length holds more claims than the limit",
  async () => {
    const count = cases("jobs of each of 8 processes under one limit", 60, 1_000);
    const { store, setup, lines } = place();
    const gate = await open({ policy: { yaml: POLICY }, store, deadlineMs: 60_000 });
    const workers = await Promise.all(Array.from({ length: 8 }, () => start(setup({ policy: null }))));
    const jobs = Array.from({ length: count }, (_, n) => ({ topic: "job.a", payload: n }));
    let passed = 0;
    // Whoever was refused comes again, so that there are many windows.
    for (let round = 0; round < 4; round += 1) {
      const answers = await Promise.all(
        workers.map(({ ask }) => ask<readonly { status: string }[]>({ do: "submit", jobs })),
      );
      passed += answers.flat().filter(({ status }) => status === "SUCCEEDED").length;
    }
    const claims = (await eventsOf(gate))
      .filter(({ type }) => type === "job.dispatching")
      .map(({ body }) => Number(body.window_at));
    claims.sort((a, b) => a - b);
    expect(claims).toHaveLength(passed);
    expect(lines()).toHaveLength(passed);
    const tooSoon = claims.filter((at, n) => (claims[n + LIMIT] ?? Number.POSITIVE_INFINITY) - at < WINDOW_SEC * 1_000);
    expect(tooSoon).toEqual([]);
    console.info(`${passed} of ${8 * count * 4} passed in ${(claims.at(-1) ?? 0) - (claims[0] ?? 0)} ms`);
    expect(passed).toBeGreaterThan(LIMIT);
  },
  FULL_TIME,
);
