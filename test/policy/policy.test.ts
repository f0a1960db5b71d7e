import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { describe, expect, test, vi } from "vitest";
import { canonicalize } from "../../src/canonical.js";
import { digest, digestBytes } from "../../src/digest.js";
import { compilePolicy, decideAdmitted, isPolicy, type PolicySource } from "../../src/policy/policy.js";
import { admitted } from "./job.js";

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
    expect(Object.isFrozen(policy)).toBe(true);
    expect(Object.isFrozen(policy.ruleIds)).toBe(true);
    expect(Object.isFrozen(policy.document)).toBe(true);
    expect(Object.isFrozen((policy.document.rules as readonly object[])[0])).toBe(true);
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
    [{ yaml: "" }, null, "the options of compilePolicy must be an object"],
  ])("%j with %j is a TypeError", (source, options, message) => {
    expect(() => compilePolicy(source as PolicySource, options as object)).toThrow(new TypeError(message));
  });
});
