import { describe, expect, test } from "vitest";
import { canonicalize } from "../../src/canonical.js";
import { commit, digest } from "../../src/digest.js";
import { describeEvent } from "../../src/evidence/describe.js";
import { displaySafe } from "../../src/evidence/display.js";
import { boundList, boundText, decisionFacts, MAX_EVENT_BYTES, sealEvent } from "../../src/evidence/event.js";
import { freshSalt } from "../../src/gate/ids.js";
import { nearest } from "../../src/nearest.js";
import { compilePolicy } from "../../src/policy/policy.js";
import { approverFacts } from "../../src/store/judge-vote.js";

describe("an event", () => {
  test("is the same bytes for the same facts, without a place in the log", () => {
    const a = sealEvent("job.settled", 7, { trace_id: "t", b: 1, a: 2 });
    const b = sealEvent("job.settled", 7, { a: 2, b: 1, trace_id: "t" });
    expect(a).toEqual(b);
    expect(a.text).toBe('{"a":2,"at":7,"b":1,"trace_id":"t","type":"job.settled","v":1}');
  });

  test("holds the decision of the largest rules there may be, and the largest vote", () => {
    const roles = Array.from({ length: 64 }, (_, n) => `${n}`.padEnd(128, "r"));
    const rules = Array.from({ length: 200 }, (_, n) => ({
      id: `${n}`.padEnd(128, "i"),
      match: { topics: ["**"] },
      decision: n % 2 === 0 ? "require_approval" : "throttle",
      reason: "\u00e9".repeat(1_000),
      ...(n % 2 === 0
        ? { approval: { roles: roles.slice(0, 32) } }
        : { throttle: { limit: 1, window_sec: 1, per: ["tenant", `label:${"\u00e9".repeat(200)}`] } }),
    }));
    const policy = compilePolicy({ document: { version: "v1", rules } });
    const facts = decisionFacts(policy.decide({ topic: "a" }));
    const whole = {
      ...facts,
      ...Object.fromEntries(Array.from({ length: 3 }, (_, n) => [`x${n}`, boundText("\u0001".repeat(512))])),
    };
    expect(Buffer.byteLength(canonicalize(whole))).toBeLessThan(MAX_EVENT_BYTES - 8_192);
    expect(facts.approvals).toMatchObject({ count: 100, hash: expect.any(String) });
    const voter = { id: "\u0001".repeat(256), kind: "human" as const, assurance: "host" as const };
    const vote = approverFacts({
      ...voter,
      roles: roles.map((role) => role.replaceAll("r", "\u0001")),
    });
    expect(Buffer.byteLength(canonicalize(vote))).toBeLessThan(MAX_EVENT_BYTES - 8_192);
  });

  test("that would be larger is an error and not a shorter record", () => {
    expect(() => sealEvent("job.settled", 7, { x: "y".repeat(70_000) })).toThrow(RangeError);
  });

  test("holds long lists and texts as head, count and hash of the whole", () => {
    const list = Array.from({ length: 100 }, (_, n) => n);
    expect(boundList(list)).toEqual({ head: list.slice(0, 32), count: 100, hash: digest("value", canonicalize(list)) });
    expect(boundList([1])).toEqual([1]);
    expect(boundText("short")).toBe("short");
    expect(boundText("x".repeat(600))).toMatchObject({ length: 600 });
    expect(boundText("\ud800")).toBe("\ufffd");
  });
});

test("a commitment hides its value, binds it, and is not repeated", () => {
  const salt = freshSalt();
  expect(salt).toMatch(/^[0-9a-f]{64}$/);
  expect(commit(salt, '"yes"')).toBe(commit(salt, '"yes"'));
  expect(commit(salt, '"yes"')).not.toBe(commit(freshSalt(), '"yes"'));
  expect(commit(salt, '"yes"')).not.toBe(commit(salt, '"no"'));
  expect(new Set(Array.from({ length: 1_000 }, freshSalt)).size).toBe(1_000);
});

test("digests of different kinds never agree on the same bytes", () => {
  expect(digest("job", "{}")).not.toBe(digest("policy", "{}"));
});

test("what people are shown holds no character that could move a cursor or turn text around", () => {
  const hostile = "a\u001b[31m\u202eb\u200bc\u0000\u2028\ud800";
  expect(displaySafe(hostile)).toBe("a\\u{1b}[31m\\u{202e}b\\u{200b}c\\u{0}\\u{2028}\\u{d800}");
  const line = describeEvent("job.refused", { topic: "x", reason: { code: "job_invalid", message: hostile } });
  expect(line).not.toMatch(/[\p{C}\u2028\u2029]/u);
});

test("the nearest known word is offered only when it is close", () => {
  const known = ["riskTags", "topic", "tenantId"];
  expect(nearest("risk_tags", known)).toBe("riskTags");
  expect(nearest("tpoic", known)).toBe("topic");
  expect(nearest("banana", known)).toBeUndefined();
});
