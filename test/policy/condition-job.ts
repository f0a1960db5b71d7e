import type { Json } from "../../src/outcome.js";
import {
  type Condition,
  type ConditionJob,
  type ConditionResult,
  compileCondition,
} from "../../src/policy/condition.js";

/** A payload with a value of every kind. */
export const PAYLOAD: Json = {
  on: true,
  none: null,
  n: 2,
  half: 0.5,
  big: 1e300,
  text: "abc",
  key: "length",
  blank: "",
  digits: "7",
  list: ["a", "b"],
  numbers: ["5"],
  map: { a: 1 },
  high: "\ud83da",
  low: "a\ude00",
};

/** A job as a condition sees it, with what the test is about. Parsed from text, as a real one is. */
export function jobWith(fields: Partial<ConditionJob> = {}): ConditionJob {
  return JSON.parse(
    JSON.stringify({
      actor: { id: "agent-7", type: "agent" },
      capability: null,
      constraints: {},
      labels: {},
      payload: {},
      requires: [],
      resources: { paths: [], hosts: [] },
      risk_tags: [],
      tenant_id: "acme",
      topic: "job.payments.send",
      ...fields,
    }),
  );
}

/** The compiled condition; throws with its problems where it is refused. */
export function compiled(source: string): Condition {
  const read = compileCondition(source);
  if (!read.ok) throw new Error(read.problems.map(({ message }) => message).join("; "));
  return read.condition;
}

/** What a condition answers on a job. */
export function ask(source: string, fields: Partial<ConditionJob> = {}): ConditionResult {
  return compiled(source).evaluate(jobWith(fields));
}
