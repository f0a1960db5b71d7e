import { expect, test } from "vitest";
import type { Json } from "../../src/outcome.js";
import { compilePolicy } from "../../src/policy/policy.js";

const RULE = { id: "a", match: { topics: ["**"], when: "job.payload != null" }, decision: "allow" };
const policy = compilePolicy({ document: { version: "v1", rules: [RULE] } });

const decided = (payload: Json): string => policy.decide({ topic: "a", payload }).type;

/** A list in a list, so many deep. */
const nested = (depth: number): Json => (depth === 1 ? [] : [nested(depth - 1)]);

test("a condition sees nothing of a job that is deeper or larger than one may be", () => {
  expect([decided(nested(60)), decided(nested(70))]).toEqual(["ALLOW", "DENY"]);
  expect([decided("x".repeat(16_000_000)), decided("x".repeat(17_000_000))]).toEqual(["ALLOW", "DENY"]);
});
