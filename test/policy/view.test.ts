import { describe, expect, test } from "vitest";
import { admit, DEFAULT_MAX_JOB_BYTES } from "../../src/job/admit.js";
import type { DecidableJob } from "../../src/job/job.js";
import { compilePolicy, decideAdmitted } from "../../src/policy/policy.js";

// A condition may look at any field, so that all of them are read.
const policy = compilePolicy({
  yaml: 'version: v1\nrules:\n  - { id: all, match: { topics: ["**"] }, decision: allow }\n  - { id: asks, match: { topics: [never], when: "true" }, decision: deny }\n',
});

/** Why the policy takes no such job, or nothing. */
function malformed(job: object): string | undefined {
  const { ruleId, reason } = policy.decide({ topic: "t", ...job } as DecidableJob);
  return ruleId === "@invalid" ? reason.replace("the job is malformed: ", "") : undefined;
}

function isAdmitted(job: object): boolean {
  return admit({ topic: "t", ...job }, { jobId: "j", traceId: "t", maxJobBytes: DEFAULT_MAX_JOB_BYTES }).ok;
}

const code = { enumerable: true, get: () => "x" };
const withCode = (key: string, rest: object = {}): object => Object.defineProperty({ ...rest }, key, code);
const texts = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `t${n}`);
const labels = (count: number): object => Object.fromEntries(texts(count).map((name) => [name, ""]));
const listWith = (index: number): unknown[] => Object.defineProperty(["a", "b", "c"], index, code);

const ACTOR = "`actor` must have an `id` and a `type` of human, service or agent";
const TAGS = "`riskTags` must be a list of at most 64 tags of a-z, 0-9, _ and -";
const TOPIC = "`topic` must be dot-separated segments of letters, digits and _:@%~+-";
const REQUIRES = "`requires` must be a list of at most 64 texts";
const LABELS = "`labels` must be at most 64 texts by name";
const CAPABILITY = "`capability` must be 1 to 256 characters";
const TENANT = "`tenantId` is not an identifier";

describe("a job that nobody admitted is taken where `admit` would take it", () => {
  test.each<[string, readonly unknown[]]>([
    ["topic", ["a", "a.b", "_:@%~+-.Z9", "a".repeat(256)]],
    ["tenantId", ["!", "~", "default", "x".repeat(256), undefined]],
    ["capability", [null, "x", " ", "x".repeat(256)]],
    ["riskTags", [[], ["a"], ["_", "-", "0", "9", "z"], ["a".repeat(64)], texts(64), ["a", "a"]]],
    ["requires", [[], ["x"], [" "], ["x".repeat(256)], texts(64)]],
    ["labels", [{}, { a: "" }, { ["n".repeat(256)]: "x".repeat(256) }, labels(64), Object.create(null)]],
    [
      "actor",
      [
        null,
        { id: "a", type: "agent" },
        { id: "a", type: "human" },
        { type: "service", id: "a", onBehalfOf: "b" },
        { id: "~".repeat(256), type: "agent" },
      ],
    ],
  ])("%s", (field, values) => {
    for (const value of values) {
      expect([field, value, malformed({ [field]: value })]).toEqual([field, value, undefined]);
      expect([field, value, isAdmitted({ [field]: value })]).toEqual([field, value, true]);
    }
  });
});

describe("a job that nobody admitted is denied where `admit` would refuse it", () => {
  test.each<[string, string, readonly unknown[]]>([
    ["topic", TOPIC, ["", ".", "a.", "a b", "a\n", "a".repeat(257), 1, null, ["a"]]],
    ["tenantId", TENANT, ["", " ", "a b", "a\u007f", "\u00e9", "x".repeat(257), 1, null, ["a"]]],
    ["capability", CAPABILITY, ["", "x".repeat(257), "\ud800", 1, ["x"], {}]],
    [
      "riskTags",
      TAGS,
      [
        null,
        "a",
        {},
        ["A"],
        [""],
        [1],
        ["a".repeat(65)],
        texts(65),
        ["\u00e9"],
        ["a\u0161"],
        new Proxy([], {}),
        listWith(1),
      ],
    ],
    [
      "requires",
      REQUIRES,
      [
        null,
        "a",
        {},
        [""],
        [1],
        ["x".repeat(257)],
        ["\ud800"],
        texts(65),
        [undefined],
        Object.setPrototypeOf([], null),
      ],
    ],
    [
      "labels",
      LABELS,
      [
        null,
        [],
        "a",
        { "": "x" },
        { ["n".repeat(257)]: "" },
        { "\ud800": "" },
        { a: 1 },
        { a: null },
        { a: "x".repeat(257) },
        { a: "\ud800" },
        JSON.parse('{"__proto__":"x"}'),
        labels(65),
        withCode("a"),
        new Proxy({}, {}),
      ],
    ],
    [
      "actor",
      ACTOR,
      [
        "a",
        [],
        {},
        { id: "a" },
        { type: "agent" },
        { id: "", type: "agent" },
        { id: "a b", type: "agent" },
        { id: "a", type: "robot" },
        { id: "a", type: "agent", onBehalfOf: "" },
        { id: "a", type: "agent", onBehalfOf: 1 },
        { id: "a", type: "agent", role: "x" },
        withCode("id", { type: "agent" }),
        withCode("type", { id: "a" }),
        withCode("onBehalfOf", { id: "a", type: "agent" }),
        new Proxy({ id: "a", type: "agent" }, {}),
        new (class {
          id = "a";
          type = "agent";
        })(),
      ],
    ],
  ])("%s: %s", (field, reason, values) => {
    for (const value of values) {
      expect([field, value, malformed({ [field]: value })]).toEqual([field, value, reason]);
      expect([field, value, isAdmitted({ [field]: value })]).toEqual([field, value, false]);
    }
  });

  test("a field that does not exist is told, with the nearest that does", () => {
    expect(malformed({ tenantid: "x" })).toBe("unknown field `tenantid` (did you mean `tenantId`?)");
    expect(malformed({ zzzzzz: "x" })).toBe("unknown field `zzzzzz`");
  });

  test("what is no job is told as such", () => {
    for (const job of [undefined, null, 1, "x", [], () => {}, new Map(), withCode("topic")]) {
      expect(policy.decide(job as DecidableJob)).toMatchObject({
        ruleId: "@invalid",
        reason: "the job is malformed: a job must be a plain object",
      });
    }
  });
});

describe("what a condition sees of a job", () => {
  const all = {
    topic: "a.b",
    tenantId: "acme",
    actor: { id: "a", type: "agent", onBehalfOf: "b" },
    capability: "c",
    requires: ["r"],
    labels: { l: "x" },
    riskTags: ["tag"],
    payload: { p: 1 },
    constraints: {
      maxRuntimeSec: 1,
      maxRetries: 2,
      maxOutputBytes: 3,
      paths: { read: ["/r"], write: ["/w"], deny: ["/d"] },
      network: { allow: ["h"], deny: ["g"] },
    },
  } as const;
  const resources = { paths: ["/p"], hosts: ["q"] };

  const holds = (when: string, job: object): unknown => {
    const document = { version: "v1", rules: [{ id: "a", match: { when }, decision: "allow" }] };
    const asked = compilePolicy({ document });
    const result = admit(job, { jobId: "j", traceId: "t", maxJobBytes: DEFAULT_MAX_JOB_BYTES });
    if (!result.ok) throw new Error(result.issue.message);
    const answers = [asked.decide(job as DecidableJob), decideAdmitted(asked, result.admission.job, [], "trusted")].map(
      ({ type, erred }) => (erred.length > 0 ? "erred" : type === "ALLOW"),
    );
    // Admitted or not, a job is seen alike.
    expect(answers[0]).toBe(answers[1]);
    return answers[0];
  };

  test.each([
    "job.topic == 'a.b'",
    "job.tenant_id == 'acme'",
    "job.actor.id == 'a' && job.actor.type == 'agent' && job.actor.on_behalf_of == 'b'",
    "job.capability == 'c'",
    "job.requires == ['r']",
    "job.labels.l == 'x'",
    "'tag' in job.risk_tags",
    "job.payload.p == 1.0",
    "job.constraints.max_runtime_sec == 1.0",
    "job.constraints.max_retries == 2.0",
    "job.constraints.max_output_bytes == 3.0",
    "job.constraints.paths.read == ['/r'] && job.constraints.paths.write == ['/w'] && job.constraints.paths.deny == ['/d']",
    "job.constraints.network.allow == ['h'] && job.constraints.network.deny == ['g']",
    "job.resources.paths == ['/p'] && job.resources.hosts == ['q']",
  ])("%s", (when) => {
    expect(holds(when, { ...all, resources })).toBe(true);
  });

  test.each([
    "job.actor == null",
    "job.tenant_id == 'default'",
    "job.capability == null",
    "job.requires == []",
    "size(job.labels) == 0",
    "job.risk_tags == []",
    "job.payload == null",
    "!has(job.constraints.max_runtime_sec) && !has(job.constraints.max_retries) && !has(job.constraints.max_output_bytes)",
    "!has(job.constraints.paths) && !has(job.constraints.network)",
    "job.resources.paths == [] && job.resources.hosts == []",
  ])("of one that has only a topic: %s", (when) => {
    expect(holds(when, { topic: "t" })).toBe(true);
  });

  test("nobody to act for is a field that is missing", () => {
    expect(holds("has(job.actor.on_behalf_of)", { topic: "t", actor: { id: "a", type: "agent" } })).toBe(false);
    expect(holds("job.actor.on_behalf_of == 'b'", { topic: "t", actor: { id: "a", type: "agent" } })).toBe("erred");
  });
});
