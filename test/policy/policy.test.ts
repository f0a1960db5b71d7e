import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { describe, expect, test, vi } from "vitest";
import { canonicalize } from "../../src/canonical.js";
import { digest, digestBytes } from "../../src/digest.js";
import type { PolicyDocument } from "../../src/policy/document.js";
import {
  compilePolicy,
  constraintsOf,
  decideAdmitted,
  documentText,
  isPolicy,
  type Policy,
  type PolicySource,
} from "../../src/policy/policy.js";
import { isSnapshotOf } from "../../src/policy/snapshot.js";
import { admitted } from "./job.js";
import { issuesOf } from "./load.js";

const YAML = readFileSync("examples/governance-policy.yaml", "utf8");
const RULES = `
  - { id: a, match: { topics: ["**"], labels: { env: prod } }, decision: allow }
  - { id: b, match: { risk_tags: [x] }, decision: deny }
`;
const snapshot = (yaml: string): string => compilePolicy({ yaml }).snapshot;

describe("the snapshot", () => {
  const base = snapshot(`version: v1\nrules:${RULES}`);

  test("is the digest of the normalised document under the engine's semantics version", () => {
    const { document, snapshot: made } = compilePolicy({ yaml: YAML });
    expect(made).toBe(digest("policy", canonicalize({ engine: 2, document })));
    expect(made).toBe("f92d9db31cdb92ccb3216afee1d0607957b95843b35da1f441ad8fc06de66320");
  });

  test("does not change with comments, layout, order of keys, shorthands or spelt-out defaults", () => {
    const spelt = `# a comment
output_default: secrets
default: deny
rules:
  - decision: allow
    match:
      labels: { env: ["prod"] }
      topics:
        - "**"
    id: a
  - { id: b, match: { risk_tags: { any: [x] } }, decision: deny }
combining: most_restrictive
version: v1
`;
    expect(snapshot(spelt)).toBe(base);
  });

  test("changes with the order of rules and with every word that means something", () => {
    const [first, second] = RULES.trim().split("\n");
    const variants = [
      `version: v1\nrules:\n  ${second?.trim()}\n  ${first}\n`,
      `version: v1\nrules:${RULES.replace("prod", "test")}`,
      `version: v1\ncombining: first_match\nrules:${RULES}`,
      `version: v1\noutput_default: none\nrules:${RULES}`,
      `version: v1\nrules:${RULES.replace("decision: deny", "decision: deny, reason: no")}`,
    ];
    expect(new Set([base, ...variants.map(snapshot)]).size).toBe(variants.length + 1);
  });

  test("survives the way through a store, so that other processes adopt the same policy", () => {
    for (const yaml of [YAML, `version: v1\nrules:${RULES}`]) {
      const policy = compilePolicy({ yaml });
      const adopted = compilePolicy({ document: JSON.parse(JSON.stringify(policy.document)) });
      expect(adopted.snapshot).toBe(policy.snapshot);
      expect(adopted.document).toEqual(policy.document);
      expect(adopted.sourceHash).toBeNull();
    }
  });

  test("holds the words of the vocabulary, not what is said of them, nor the bounds of the queue", () => {
    const withTags = (tags: string, more = ""): string => snapshot(`version: v1\n${more}tags: ${tags}\nrules:${RULES}`);
    const tagged = withTags("{ x: one, y: two }");
    expect(withTags("{ y: another, x: word }")).toBe(tagged);
    expect(withTags("{ x: one, y: two }", "queue: { max_pending: 7 }\n")).toBe(tagged);
    expect(withTags("{ x: one, z: two }")).not.toBe(tagged);
    expect(tagged).not.toBe(base);
  });

  test("of an earlier engine is the document's, too", () => {
    const document = compilePolicy({ yaml: YAML }).document as unknown as PolicyDocument;
    const under = (engine: number): string => digest("policy", canonicalize({ engine, document: document as never }));
    expect(isSnapshotOf(under(2), document)).toBe(true);
    expect(isSnapshotOf(under(1), document)).toBe(true);
    expect(isSnapshotOf(under(0), document)).toBe(false);
    expect(isSnapshotOf(under(3), document)).toBe(false);
  });

  test("the source hash is that of the bytes", () => {
    expect(compilePolicy({ yaml: YAML }).sourceHash).toBe(digestBytes("policy-source", Buffer.from(YAML)));
  });
});

describe("a compiled policy", () => {
  test("is frozen to the bottom, and nothing of it is the caller's", () => {
    const document = { version: "v1", rules: [{ id: "a", match: { topics: ["x"] }, decision: "allow" }] };
    const policy = compilePolicy({ document });
    (document.rules[0] as { decision: string }).decision = "deny";
    document.rules.push({ id: "z", match: { topics: ["x"] }, decision: "deny" });
    expect(policy.decide({ topic: "x" }).type).toBe("ALLOW");
    expect(isPolicy(policy)).toBe(true);
    expect(Object.isFrozen(policy)).toBe(true);
    expect(Object.isFrozen(policy.ruleIds)).toBe(true);
    expect(Object.isFrozen(policy.document)).toBe(true);
    expect(Object.isFrozen((policy.document.rules as readonly object[])[0])).toBe(true);
  });

  test("has the spans and bounds that stand in it, and the documented ones where none do", () => {
    const read = (head: string) => compilePolicy({ yaml: `version: v1\n${head}rules:${RULES}` });
    expect(read("").approvals).toEqual({ expiresInSec: 86_400, useWithinSec: 900, rejectionStandsSec: 86_400 });
    expect(read("approvals: { use_within_sec: 5, rejection_stands_sec: 6, expires_in_sec: 7 }\n").approvals).toEqual({
      expiresInSec: 7,
      useWithinSec: 5,
      rejectionStandsSec: 6,
    });
    expect(read("approvals: { use_within_sec: 5 }\n").approvals).toEqual({
      expiresInSec: 86_400,
      useWithinSec: 5,
      rejectionStandsSec: 86_400,
    });
    const queue = { maxPending: 1_000, maxPendingPerActor: 50, maxRequestsPerActor: { limit: 100, windowSec: 3_600 } };
    expect(read("").queue).toEqual(queue);
    expect(read("queue: { max_pending: 3 }\n").queue).toEqual({ ...queue, maxPending: 3 });
    const given = read(
      "queue: { max_pending: 3, max_pending_per_actor: 2, max_requests_per_actor: { limit: 4, window_sec: 5 } }\n",
    ).queue;
    expect(given).toEqual({ maxPending: 3, maxPendingPerActor: 2, maxRequestsPerActor: { limit: 4, windowSec: 5 } });
    expect([read("").approvals, given, given.maxRequestsPerActor].every(Object.isFrozen)).toBe(true);
  });

  test("says what one rule asks of a run, and of none that is not there", () => {
    const policy = compilePolicy({
      yaml: `version: v1\nrules:${RULES}  - { id: c, match: { topics: [x] }, decision: allow_with_constraints, constraints: { max_retries: 1 } }\n`,
    });
    expect(["a", "c", "z"].map((id) => constraintsOf(policy, id))).toEqual([{}, { maxRetries: 1 }, {}]);
    expect(constraintsOf({} as Policy, "c")).toEqual({});
  });

  test("is stored as the text of its document", () => {
    const policy = compilePolicy({ yaml: YAML });
    expect(documentText(policy)).toBe(JSON.stringify(policy.document));
    expect(documentText({ document: { version: "v1" } } as unknown as Policy)).toBe('{"version":"v1"}');
  });

  test("of another copy of the package is one too, and decides by its own code", async () => {
    vi.resetModules();
    const copy = await import("../../src/policy/policy.js");
    expect(copy.compilePolicy).not.toBe(compilePolicy);
    const theirs = copy.compilePolicy({ yaml: YAML });
    expect(isPolicy(theirs)).toBe(true);
    expect(decideAdmitted(theirs, admitted({ topic: "job.mcp-bridge.read.x" }), [], "trusted").type).toBe("ALLOW");
    expect(Object.keys(theirs)).toEqual([
      "snapshot",
      "sourceHash",
      "document",
      "ruleIds",
      "approvals",
      "queue",
      "decide",
      "explain",
    ]);
  });

  test.each([
    [null],
    [{}],
    ["x"],
    [{ decide: () => "ALLOW" }],
    [
      new Proxy(
        {},
        {
          getOwnPropertyDescriptor: () => {
            throw new Error();
          },
        },
      ),
    ],
  ])("%# is not one", (value) => {
    expect(isPolicy(value)).toBe(false);
  });

  test("bytes of another realm are bytes", () => {
    const bytes = runInNewContext("Uint8Array.from(codes)", { codes: [...Buffer.from(YAML)] }) as Uint8Array;
    expect(bytes instanceof Uint8Array).toBe(false);
    expect(compilePolicy({ yaml: bytes }).ruleIds).toHaveLength(4);
  });
});

describe("wrong arguments", () => {
  test.each<[unknown, unknown, string]>([
    ["version: v1", undefined, "a policy source must be `{ yaml }` or `{ document }`; to read a file use loadPolicy"],
    [{}, undefined, "a policy source must have either `yaml` or `document`"],
    [{ yaml: "", document: {} }, undefined, "a policy source must have either `yaml` or `document`"],
    [{ yml: "" }, undefined, "unknown policy source `yml`: did you mean `yaml`?"],
    [{ yaml: 1 }, undefined, "`yaml` must be a string or bytes"],
    [{ yaml: "" }, { maxbytes: 1 }, "unknown option `maxbytes`: did you mean `maxBytes`?"],
    [{ yaml: "" }, { maxBytes: 0.5 }, "`maxBytes` must be a whole number of 1 or more"],
    [{ yaml: "" }, { maxBytes: 0 }, "`maxBytes` must be a whole number of 1 or more"],
    [{ yaml: "" }, { maxBytes: "9" }, "`maxBytes` must be a whole number of 1 or more"],
    [{ yaml: "" }, { zzzzzzzz: 1 }, "unknown option `zzzzzzzz`"],
    [{ yaml: "" }, { ["z".repeat(65)]: 1 }, `unknown option \`${"z".repeat(64)}\``],
    [null, undefined, "a policy source must be `{ yaml }` or `{ document }`; to read a file use loadPolicy"],
    [{ yaml: "" }, "x", "the options of compilePolicy must be an object"],
    [{ yaml: "" }, null, "the options of compilePolicy must be an object"],
  ])("%j with %j is a TypeError", (source, options, message) => {
    expect(() => compilePolicy(source as PolicySource, options as object)).toThrow(new TypeError(message));
  });

  test("but one byte is a size, and a document given as data may be four times as large as text", () => {
    expect(issuesOf(YAML, 1)).toMatchObject([{ code: "policy_too_large" }]);
    const { document } = compilePolicy({ yaml: YAML });
    const size = canonicalize(document).length;
    expect(compilePolicy({ document }, { maxBytes: Math.ceil(size / 4) }).ruleIds).toHaveLength(4);
    expect(() => compilePolicy({ document }, { maxBytes: Math.ceil(size / 4) - 1 })).toThrow(
      "the policy is larger than the size limit",
    );
  });
});
