import { describe, expect, test } from "vitest";
import { type AdmitContext, admit, DEFAULT_MAX_JOB_BYTES, readmit } from "../../src/job/admit.js";

const context: AdmitContext = { jobId: "j", traceId: "t", maxJobBytes: DEFAULT_MAX_JOB_BYTES };

function jobOf(fields: object) {
  const result = admit({ topic: "t", ...fields }, context);
  if (!result.ok) throw new Error(`${result.issue.path}: ${result.issue.message}`);
  return result.admission.job;
}

/** What is wrong with a job of these fields, or nothing. */
function issueOf(fields: object, changes: Partial<AdmitContext> = {}): unknown {
  const result = admit({ topic: "t", ...fields }, { ...context, ...changes });
  return result.ok ? undefined : result.issue;
}

const texts = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `t${n}`);

describe("a topic", () => {
  const message = "`topic` must be 1 to 256 characters, dot-separated segments of letters, digits and _:@%~+-";

  test.each(["a", "Z", "9", "a.b", "aa.bb.cc", "_:@%~+-", "a._:@%~+-.b", "a".repeat(256), `${"a.".repeat(127)}aa`])(
    "%j is one",
    (topic) => {
      expect(jobOf({ topic }).topic).toBe(topic);
    },
  );

  test.each([
    "",
    ".",
    ".a",
    "a.",
    "a..b",
    "a b",
    " a",
    "a ",
    "a\n",
    "a/b",
    "a*",
    "\u00e9",
    "a".repeat(257),
    7,
    null,
    ["a"],
  ])("%j is none", (topic) => {
    expect(issueOf({ topic })).toEqual({ path: "/topic", message });
  });
});

describe("an id", () => {
  const must = "must be 1 to 256 printable ASCII characters without spaces";
  const good = ["!", "~", "a", "x".repeat(256)];
  const bad = ["", " ", "a b", "\u007f", "a\n", "\u00e9", "x".repeat(257), 1, null];

  test("of a job, a trace or a tenant is 1 to 256 printable characters", () => {
    for (const name of ["id", "traceId", "tenantId"] as const) {
      for (const value of good) expect(jobOf({ [name]: value })[name]).toBe(value);
      for (const value of bad) {
        expect(issueOf({ [name]: value })).toEqual({ path: `/${name}`, message: `\`${name}\` ${must}` });
      }
    }
  });

  test("of an actor, and of whom it acts for, is such a text too", () => {
    for (const value of good) {
      const actor = { id: value, type: "agent", onBehalfOf: value };
      expect(jobOf({ actor }).actor).toEqual(actor);
    }
    for (const value of bad) {
      expect(issueOf({ actor: { id: value, type: "agent" } })).toEqual({
        path: "/actor/id",
        message: `\`actor.id\` ${must}`,
      });
      expect(issueOf({ actor: { id: "a", type: "agent", onBehalfOf: value } })).toEqual({
        path: "/actor/onBehalfOf",
        message: `\`actor.onBehalfOf\` ${must}`,
      });
    }
    expect(issueOf({ actor: { type: "agent" } })).toMatchObject({ path: "/actor/id" });
  });

  test("that the caller did not give is the gate's, and the admission says so", () => {
    const named = admit({ topic: "t", id: "mine" }, context);
    const unnamed = admit({ topic: "t" }, context);
    expect(named.ok && [named.admission.named, named.admission.job.id]).toEqual([true, "mine"]);
    expect(unnamed.ok && [unnamed.admission.named, unnamed.admission.job.id]).toEqual([false, "j"]);
  });

  test("of a job that was read back was given", () => {
    const first = admit({ topic: "t" }, context);
    if (!first.ok) throw new Error("not admitted");
    const again = readmit(first.admission.canonical, { id: "j", traceId: "t", annotations: { a: { b: 1 } } });
    expect(again.named).toBe(true);
    expect(again.canonical).toBe(first.admission.canonical);
    expect(Object.isFrozen(again.job.annotations.a)).toBe(true);
  });
});

describe("an actor", () => {
  test.each(["human", "service", "agent"])("may be a %s", (type) => {
    expect(jobOf({ actor: { id: "a", type } }).actor).toEqual({ id: "a", type });
  });

  test("is of no other type, and an object or null", () => {
    const type = { path: "/actor/type", message: "`actor.type` must be human, service or agent" };
    for (const other of ["Human", "", null, 1, ["human"]]) {
      expect(issueOf({ actor: { id: "a", type: other } })).toEqual(type);
    }
    expect(issueOf({ actor: { id: "a" } })).toEqual(type);
    expect(jobOf({ actor: null }).actor).toBeNull();
    for (const other of ["a", 1, true, ["a"]]) {
      expect(issueOf({ actor: other })).toEqual({
        path: "/actor",
        message: "`actor` must be an object with `id` and `type`",
      });
    }
  });

  test("has no other key", () => {
    expect(issueOf({ actor: { id: "a", type: "agent", on_behalf_of: "b" } })).toEqual({
      path: "/actor",
      message: "`actor` has an unknown key `on_behalf_of` (did you mean `onBehalfOf`?)",
    });
    expect(issueOf({ actor: { id: "a", type: "agent", ["k".repeat(80)]: "b" } })).toEqual({
      path: "/actor",
      message: `\`actor\` has an unknown key \`${"k".repeat(64)}\` (one of: id, type, onBehalfOf)`,
    });
  });
});

describe("a set of texts", () => {
  test.each([
    ["riskTags", "an item of `riskTags` must be 1 to 64 of a-z, 0-9, _ and -"],
    ["requires", "an item of `requires` must be 1 to 256 characters"],
  ] as const)("%s holds 64 at most, sorted and without repeats", (name, message) => {
    expect(jobOf({ [name]: texts(64) })[name]).toEqual([...texts(64)].sort());
    expect(issueOf({ [name]: texts(65) })).toEqual({
      path: `/${name}`,
      message: `\`${name}\` must hold at most 64 items`,
    });
    expect(jobOf({ [name]: ["b", "a", "b"] })[name]).toEqual(["a", "b"]);
    expect(jobOf({ [name]: ["a", "a"] })[name]).toEqual(["a"]);
    expect(jobOf({ [name]: ["a", "c", "b"] })[name]).toEqual(["a", "b", "c"]);
    expect(jobOf({ [name]: [] })[name]).toEqual([]);
    for (const other of ["a", null, { 0: "a", length: 1 }]) {
      expect(issueOf({ [name]: other })).toEqual({ path: `/${name}`, message: `\`${name}\` must be a list` });
    }
    for (const other of ["", 1, null, ["a"]]) {
      expect(issueOf({ [name]: ["a", other] })).toEqual({ path: `/${name}/1`, message });
      expect(issueOf({ [name]: [other] })).toEqual({ path: `/${name}/0`, message });
    }
  });

  test("a tag is 1 to 64 lower-case characters", () => {
    for (const tag of ["a", "z", "0", "9", "_", "-", "a".repeat(64)])
      expect(jobOf({ riskTags: [tag] }).riskTags).toEqual([tag]);
    for (const tag of ["A", "a b", "a.b", "a\n", " a", "a".repeat(65), "\u00e9"]) {
      expect(issueOf({ riskTags: [tag] })).toMatchObject({ path: "/riskTags/0" });
    }
  });

  test("a requirement and a capability are any text of 1 to 256 characters", () => {
    const message = "`capability` must be 1 to 256 characters or null";
    for (const text of ["x", " ", "a b", "\u{1f600}", "x".repeat(256)]) {
      expect(jobOf({ requires: [text] }).requires).toEqual([text]);
      expect(jobOf({ capability: text }).capability).toBe(text);
    }
    expect(jobOf({ capability: null }).capability).toBeNull();
    for (const other of ["", "x".repeat(257), 1, ["x"], {}]) {
      expect(issueOf({ requires: [other] })).toMatchObject({ path: "/requires/0" });
      expect(issueOf({ capability: other })).toEqual({ path: "/capability", message });
    }
  });
});

describe("labels", () => {
  const labels = (count: number): object => Object.fromEntries(texts(count).map((name) => [name, ""]));

  test("are 64 at most", () => {
    expect(jobOf({ labels: labels(64) }).labels).toEqual(labels(64));
    expect(issueOf({ labels: labels(65) })).toEqual({
      path: "/labels",
      message: "`labels` must hold at most 64 items",
    });
    for (const other of [[], "a", null, 1]) {
      expect(issueOf({ labels: other })).toEqual({ path: "/labels", message: "`labels` must be an object" });
    }
  });

  test("have names of 1 to 256 characters and texts of at most 256", () => {
    const name = { path: "/labels", message: "a label's name must be 1 to 256 characters" };
    expect(jobOf({ labels: { ["n".repeat(256)]: "x".repeat(256), empty: "" } }).labels.empty).toBe("");
    expect(issueOf({ labels: { "": "x" } })).toEqual(name);
    expect(issueOf({ labels: { ["n".repeat(257)]: "x" } })).toEqual(name);
    for (const other of ["x".repeat(257), 1, null, ["x"]]) {
      expect(issueOf({ labels: { a: other } })).toEqual({
        path: "/labels/a",
        message: "a label must be a string of at most 256 characters",
      });
    }
  });
});

describe("resources", () => {
  test.each(["paths", "hosts"] as const)("%s are 256 texts at most, as a set", (name) => {
    const place = `/resources/${name}`;
    const list = { path: place, message: `\`resources.${name}\` must be a list of at most 256` };
    const other = name === "paths" ? "hosts" : "paths";
    expect(jobOf({ resources: { [name]: ["b", "a", "b"] } }).resources).toEqual({ [name]: ["a", "b"], [other]: [] });
    expect(jobOf({ resources: { [name]: texts(256) } }).resources[name]).toHaveLength(256);
    expect(issueOf({ resources: { [name]: texts(257) } })).toEqual(list);
    for (const value of ["a", null, { length: 1 }]) expect(issueOf({ resources: { [name]: value } })).toEqual(list);
    expect(jobOf({ resources: { [name]: ["x".repeat(4_096)] } }).resources[name]).toHaveLength(1);
    for (const value of ["", "x".repeat(4_097), 1, null]) {
      expect(issueOf({ resources: { [name]: ["a", value] } })).toEqual({
        path: `${place}/1`,
        message: "a resource must be 1 to 4096 characters",
      });
      expect(issueOf({ resources: { [name]: [value] } })).toMatchObject({ path: `${place}/0` });
    }
  });

  test("are an object with no other key", () => {
    for (const value of [null, [], "a", 1]) {
      expect(issueOf({ resources: value })).toEqual({
        path: "/resources",
        message: "`resources` must be an object with `paths` or `hosts`",
      });
    }
    expect(issueOf({ resources: { urls: [] } })).toEqual({
      path: "/resources",
      message: "`resources` has an unknown key `urls` (one of: paths, hosts)",
    });
  });
});

describe("a field that a job does not have", () => {
  test("is written as the documented default, in the order of the canonical text", () => {
    const result = admit({ topic: "t" }, context);
    expect(result.ok && result.admission.canonical).toBe(
      '{"actor":null,"capability":null,"constraints":{},"labels":{},"payload":null,"requires":[],"resources":{"hosts":[],"paths":[]},"riskTags":[],"tenantId":"default","topic":"t"}',
    );
  });

  test("cannot be written to", () => {
    const { resources, labels, riskTags } = jobOf({});
    expect([resources, resources.hosts, resources.paths, labels, riskTags].every(Object.isFrozen)).toBe(true);
  });
});

describe("the size of a job", () => {
  test("is that of its canonical text in bytes, and the field that is over it is named", () => {
    const job = { payload: "\u00e9".repeat(100), capability: "c" };
    const whole = admit({ topic: "t", ...job }, context);
    if (!whole.ok) throw new Error("not admitted");
    const size = Buffer.byteLength(whole.admission.canonical);
    const message = "the job is larger than the size limit";
    expect(issueOf(job, { maxJobBytes: size })).toBeUndefined();
    expect(issueOf(job, { maxJobBytes: size - 1 })).toEqual({ path: "/topic", message });
    expect(issueOf(job, { maxJobBytes: 250 })).toEqual({ path: "/payload", message });
    expect(issueOf(job, { maxJobBytes: 1 })).toEqual({ path: "/actor", message });
    expect(DEFAULT_MAX_JOB_BYTES).toBe(1_048_576);
  });

  test("does not count annotations, which have 16,384 bytes of their own", () => {
    const refused = { path: "/annotations", message: "the job is larger than the size limit" };
    const empty = Buffer.byteLength('{"a":""}');
    expect(issueOf({ annotations: { a: "x".repeat(16_384 - empty) } }, { maxJobBytes: 250 })).toBeUndefined();
    expect(issueOf({ annotations: { a: "x".repeat(16_385 - empty) } })).toMatchObject({ path: "/annotations/a" });
    expect(issueOf({ annotations: { a: "\u00e9".repeat((16_384 - empty) / 2) } })).toBeUndefined();
    expect(issueOf({ annotations: { a: `x${"\u00e9".repeat((16_384 - empty) / 2)}` } })).toEqual(refused);
  });

  test("annotations are an object of plain JSON, and frozen", () => {
    const message = "`annotations` must be an object";
    for (const value of [[], [{}], "{", null, 1]) {
      expect(issueOf({ annotations: value })).toEqual({ path: "/annotations", message });
    }
    expect(issueOf({ annotations: { a: [undefined] } })).toEqual({
      path: "/annotations/a/0",
      message: "a value must not be undefined",
    });
    const { annotations } = jobOf({ annotations: { b: { c: [1] }, a: 2 } });
    expect(annotations).toEqual({ a: 2, b: { c: [1] } });
    expect(Object.isFrozen(annotations) && Object.isFrozen(annotations.b)).toBe(true);
  });
});

describe("an unknown field", () => {
  test("is told with the nearest known one, or with all", () => {
    const all =
      "a job has: id, traceId, actor, capability, constraints, labels, payload, requires, resources, riskTags, tenantId, topic, annotations";
    expect(issueOf({ zzzzzz: 1 })).toEqual({ path: "/zzzzzz", message: "unknown job field `zzzzzz`", help: all });
    expect(issueOf({ tenantid: 1 })).toMatchObject({ help: "did you mean `tenantId`?" });
  });

  test("is shown escaped and cut, whatever it is called", () => {
    expect(issueOf({ 'a"\n': 1 })).toMatchObject({ path: '/a\\"\\n', message: 'unknown job field `a\\"\\n`' });
    expect(issueOf({ ["q".repeat(65)]: 1 })).toMatchObject({ message: `unknown job field \`${"q".repeat(64)}\`` });
  });
});
