import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileCondition } from "../../src/policy/condition.js";
import { cases } from "../scale.js";
import { ask, compiled, jobWith } from "./condition-job.js";

const problems = (source: string): readonly unknown[] => {
  const read = compileCondition(source);
  return read.ok ? [] : read.problems;
};

describe("what a condition answers", () => {
  const payload = { amount: 1500, whole: 2, name: "Hello", on: true, none: null, nested: { list: [1, 2, 3] } };
  const rows = [
    { role: "admin", n: 5 },
    { role: "user", n: 1 },
  ];
  test.each([
    ["job.payload.amount > 1000.0", true],
    ["job.payload.amount > 1000", true],
    ["job.payload.amount == 1500", true],
    ["job.payload.amount != 1500.0", false],
    ["1000 >= job.payload.amount", false],
    ["job.payload.amount + 0.5 == 1500.5", true],
    ["int(job.payload.amount) % 2 == 0", true],
    ["size(job.payload.name) + 1 == 6", true],
    ["job.payload.name.size() < 6", true],
    ["job.payload.on", true],
    ["!job.payload.on", false],
    ["job.payload.none == null", true],
    ["job.payload.name != null", true],
    ["job.payload.nested.list[1] == 2", true],
    ["job.payload.nested.list == [1.0, 2.0, 3.0]", true],
    ["job.payload.nested.list != [1, 2, 4]", true],
    ["2 in job.payload.nested.list", true],
    ['"name" in job.payload', true],
    ['job.payload.name in ["Hello", "Bye"]', true],
    ['job.payload.name.startsWith("He") && job.payload.name.endsWith("lo")', true],
    ['job.payload.name.contains("ell")', true],
    ['job.payload.name.lowerAscii() == "hello"', true],
    ['"\u212a".lowerAscii() == "k"', false],
    ['" x ".trim() + "y" == "xy"', true],
    ['string(job.payload.whole) == "2"', true],
    ['double("1.5") > 1.0', true],
    ['size("😀") == 1', true],
    ["job.payload.amount > 1.0 ? job.payload.on : false", true],
    ["type(job.payload.name) == string && type(job.payload.amount) == double", true],
    ["has(job.payload.amount) && !has(job.payload.amounts)", true],
    ['has(job.labels.env) && job.labels["env"] == "prod"', true],
    ['"money" in job.risk_tags && size(job.risk_tags) == 1', true],
    ["job.actor != null && job.actor.id == 'agent-7'", true],
    ["has(job.actor.on_behalf_of)", false],
    ["job.capability == null", true],
    ["job.constraints.max_retries <= 2", true],
    ["job.payload.rows.exists(r, r.role == 'admin')", true],
    ["job.payload.rows.all(r, r.n > 1)", false],
    ["job.payload.rows.exists_one(r, r.n > 1)", true],
    ["job.payload.rows.filter(r, r.n > 1).map(r, r.role) == ['admin']", true],
    ["job.payload.rows.map(r, r.n > 1, r.n * 2.0) == [10]", true],
    ["job.labels.all(name, name == 'env') && size(job.labels) == 1", true],
    ["-9223372036854775808 < 0", true],
    ["true", true],
  ])("%s is %s", (source, wanted) => {
    const fields = { labels: { env: "prod" }, risk_tags: ["money"], constraints: { max_retries: 2 } };
    expect(ask(source, { ...fields, payload: { ...payload, rows } })).toBe(wanted);
  });

  test.each([
    ["job.payload.missing > 1.0", "`job.payload.missing` is missing"],
    ["job.payload.text > 1.0", "`job.payload.text > 1.0` needs two numbers or two texts"],
    ['job.payload.list == "x"', '`job.payload.list == "x"` compares values of different kinds'],
    ['job.payload.list != "x"', '`job.payload.list != "x"` compares values of different kinds'],
    ['"x" in job.payload.text', "`job.payload.text` is neither a list nor a map"],
    ['"x" in job.payload.list', '`"x" in job.payload.list` compares values of different kinds'],
    ["job.payload.map == job.payload.map2", "`job.payload.map == job.payload.map2` compares maps"],
    ["size(job.payload.map) > 1", "`size(job.payload.map)` counts the fields of a map"],
    ["job.payload.map.all(k, true)", "`job.payload.map` is not a list"],
    ["job.payload.list[5] == 1", "`job.payload.list[5]` is missing"],
    ["job.payload.list[-1] == 1", "`job.payload.list[-1]` is missing"],
    ["job.payload.text", "`job.payload.text` is neither true nor false"],
    ["job.payload.text && true", "`job.payload.text` is neither true nor false"],
    ["job.payload.one / 0.0 > 1.0", "`job.payload.one / 0.0` is not a finite number"],
    ["size(job.payload.text) / 0 > 1", "`size(job.payload.text) / 0` divides by zero"],
    ["9223372036854775807 + size('x') > 1", "`9223372036854775807 + size('x')` is beyond 64 bits"],
    ["int(job.payload.text) > 1", "`int(job.payload.text)` is given what is not an integer"],
    ["double('inf') > 1.0", "`double('inf')` is given what is not a number"],
    ["has(job.payload.gone.x)", "`job.payload.gone` is missing"],
    ["has(job.payload.text.x)", "`job.payload.text` is not a map"],
    ["job.payload.text.length > 1", "`job.payload.text` is not a map"],
    ["job.payload.list.length > 1", "`job.payload.list` is not a map"],
    ["job.actor.on_behalf_of == 'x'", "`job.actor.on_behalf_of` is missing"],
    ["job.payload.list.exists_one(x, x)", "`x` is neither true nor false"],
  ])("%s fails, and says so", (source, error) => {
    const payload = { text: "secret", list: [1, 2], map: {}, map2: {}, one: 1 };
    expect(ask(source, { payload })).toEqual({ error });
  });

  test("a job without an actor fails where its actor is asked for", () => {
    expect(ask("job.actor.id == 'x'", { actor: null })).toEqual({ error: "`job.actor` is not a map" });
    expect(ask("job.actor == null", { actor: null })).toBe(true);
  });

  test.each([
    ["true || job.payload.x", true],
    ["job.payload.x || true", true],
    ["false && job.payload.x", false],
    ["job.payload.x && false", false],
    ["[1.0, 2.0].exists(n, n == job.payload.x || n > 1.0)", true],
    ["[1.0, 2.0].all(n, n == job.payload.x && n < 2.0)", false],
    ["1.0 in [job.payload.list[0], 1.0]", true],
  ])("%s is %s: one side makes up for the other's error, as in CEL", (source, wanted) => {
    expect(ask(source, { payload: { list: ["text"] } })).toBe(wanted);
  });

  test("an error that was made up for is not what a later one is blamed on", () => {
    expect(ask("(job.payload.x || true) && job.payload.y")).toEqual({ error: "`job.payload.y` is missing" });
  });

  test("names of the language's own objects are found only where the job holds them", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "length"]) {
      const error = { error: `\`job.payload.${name}\` is missing` };
      expect(ask(`job.payload.${name} == "x"`)).toEqual(error);
      expect(ask(`has(job.payload.${name})`)).toBe(false);
      expect(ask(`"${name}" in job.payload`)).toBe(false);
      const payload = JSON.parse(`{"${name}":"x"}`);
      const job = { ...jobWith(), payload };
      expect(compiled(`job.payload.${name} == "x"`).evaluate(job)).toBe(true);
      expect(compiled(`"${name}" in job.payload`).evaluate(job)).toBe(true);
      const labels = JSON.parse(`{"${name}":"x"}`);
      expect(compiled(`job.labels["${name}"] == "x"`).evaluate({ ...jobWith(), labels })).toBe(true);
      expect(compiled(`job.labels[job.payload.key] == "x"`).evaluate(jobWith({ payload: { key: name } }))).toEqual({
        error: "`job.labels[job.payload.key]` is missing",
      });
    }
    // The control: plain look-up finds what nobody sent.
    expect("constructor" in {}).toBe(true);
  });
});

describe("what is refused at load", () => {
  const job = "a job's numbers are doubles";
  test.each([
    ["", 0, "a condition must not be empty", undefined],
    ["job.payload.a >", 15, "a condition cannot be read: unexpected token: EOF", undefined],
    ["amount > 1.0", 0, "unknown variable `amount`", "a condition sees `job` alone"],
    ["topic == 'x'", 0, "unknown variable `topic`", "did you mean `job.topic`?"],
    ["job.amount > 1.0", 4, "a job has no field `amount`", "did you mean `job.payload.amount`?"],
    ["job.riskTags == []", 4, "a job has no field `riskTags`", "did you mean `job.risk_tags`?"],
    ["job.actor.kind == 'x'", 10, "`job.actor` has no field `kind`", "there are `id`, `type`, `on_behalf_of`"],
    [
      "job.constraints.max_retry > 1",
      16,
      "`job.constraints` has no field `max_retry`",
      "did you mean `job.constraints.max_retries`?",
    ],
    ["has(job.resources.path)", 18, "`job.resources` has no field `path`", "did you mean `job.resources.paths`?"],
    ["job.topic.x == 1", 10, "text has no field `x`", undefined],
    ["job.topic", 0, "a condition must come to true or false, not to text", undefined],
    ["job.topic == 1", 0, "`==` cannot compare text with an integer", undefined],
    ["job.topic < 1.0", 0, "`<` cannot compare text with a number", undefined],
    ["job.topic && true", 0, "`&&` needs true or false, not text", undefined],
    ["'x' in job.topic", 0, "`in` looks into lists and maps, not into text", "write `text.contains(part)`"],
    ["1 in job.risk_tags", 0, "`in` looks for an integer where there is text", undefined],
    ["job.payload.n + 1 > 2.0", 0, `\`+\` cannot mix an integer with a double, and ${job}`, "write `1.0`"],
    [
      "job.constraints.max_retries * 2 > 2.0",
      0,
      `\`*\` cannot mix an integer with a double, and ${job}`,
      "write `2.0`",
    ],
    [
      "size(job.topic) + job.payload.n > 2.0",
      0,
      `\`+\` cannot mix an integer with a double, and ${job}`,
      "write `double(size(job.topic))`",
    ],
    ["job.payload.n % 2 == 0", 0, `\`%\` works on integers, and ${job}`, "write `int(job.payload.n) % 2`"],
    ["job.topic + 1 == 'x'", 0, "`+` cannot join text and a number", "write `string(…)`"],
    ["job.topic.startswith('x')", 0, "unknown function `startswith`", "did you mean `startsWith`?"],
    [
      "timestamp('2026-01-01T00:00:00Z') > 1",
      0,
      "`timestamp` is not there: a condition has no dates and no clock",
      "compare dates as text: in ISO 8601 and UTC they sort",
    ],
    [
      "job.topic.matches(job.payload.p)",
      0,
      "the pattern of `matches` must be written out, not computed",
      "write the pattern out, between quotes",
    ],
    ["job.topic.matches('(')", 0, "the pattern of `matches` is not valid: missing closing ): `(`", undefined],
    [
      "job.topic.matches('(a{1000}){1000}')",
      0,
      "the pattern of `matches` is not valid: a pattern must have at most 2000 steps with its repetitions written out",
      undefined,
    ],
    [
      "job.payload.a.all(x, x.b.exists(y, y))",
      21,
      "`exists` stands inside another comprehension",
      "comprehensions must not stand inside one another; put the inner one in a rule of its own",
    ],
    ["job.payload.a.all(x)", 0, "`all` takes a name and what to do with it", "write `all(x, …)`"],
    ["9223372036854775808 > 0", 0, "an integer must fit in 64 bits", undefined],
    ["-(-9223372036854775808) > 0", 0, "an integer must fit in 64 bits", undefined],
    ["job.payload.a.all(job, job)", 18, "the name `job` is taken", undefined],
    [
      "job.payload.a.all(1, true)",
      18,
      "a condition cannot be read: all(var, predicate) invalid predicate iteration variable",
      undefined,
    ],
    ["job.topic.all(x, true)", 0, "`all` walks a list, not text", undefined],
    [
      "job == null",
      0,
      "`job` is looked at by its fields",
      "there are actor, capability, constraints, labels, payload, requires, resources, risk_tags, tenant_id, topic",
    ],
    ["job[job.topic] == 1", 0, "a field of `job` must be written out", "write `job.payload`"],
    ["b'x' == b'x'", 0, "a job holds neither bytes nor unsigned integers", "write text, `1` or `1.0`"],
    ["{'a': true}.a", 0, "a condition has no use for a map", undefined],
    [
      "type(job.payload.n) == int",
      23,
      "`type` is compared with the name of a type",
      `there are \`bool\`, \`double\`, \`string\`, \`null_type\`, \`list\`, \`map\`; ${job}`,
    ],
  ])("%s", (source, offset, message, help) => {
    expect(problems(source)[0]).toEqual({ message, ...(help === undefined ? {} : { help }), offset });
  });

  test("all problems are collected, in the order of the source", () => {
    expect(problems("job.amount > 1.0 && amount && job.topic.foo()")).toMatchObject([
      { offset: 4 },
      { offset: 20 },
      { offset: 30 },
    ]);
  });

  test("a condition has at most 4,096 characters", () => {
    expect(problems(`true${" ".repeat(4_092)}`)).toEqual([]);
    expect(problems(`true${" ".repeat(4_093)}`)).toEqual([
      { message: "a condition must have at most 4096 characters", offset: 4_096 },
    ]);
  });

  test("a condition has at most 500 parts", () => {
    const message = "a condition must have at most 500 parts, and be at most 64 brackets deep";
    expect(problems(Array.from({ length: 250 }, () => "true").join("||"))).toEqual([]);
    expect(problems(Array.from({ length: 251 }, () => "true").join("||"))).toEqual([{ message, offset: 0 }]);
    expect(problems(`${"(".repeat(70)}true${")".repeat(70)}`)).toMatchObject([{ message }]);
  });

  test("a condition is at most 32 parts deep, a chain of one operator counting once", () => {
    const message = "a condition must be at most 32 parts deep";
    expect(problems(`${"!".repeat(31)}true`)).toEqual([]);
    expect(problems(`${"!".repeat(32)}true`)).toEqual([{ message, offset: 32 }]);
    expect(problems(`${"!".repeat(4_000)}true`)).toMatchObject([{ offset: expect.any(Number) }]);
    expect(problems(Array.from({ length: 100 }, () => "true").join(" && "))).toEqual([]);
  });

  test("a condition has at most 4 comprehensions", () => {
    const walk = (count: number): string =>
      Array.from({ length: count }, () => "job.requires.all(x, true)").join(" && ");
    expect(problems(walk(4))).toEqual([]);
    expect(problems(walk(5))).toEqual([{ message: "a condition must have at most 4 comprehensions", offset: 116 }]);
  });
});

describe("what is known of a condition", () => {
  test.each([
    ["true", [], []],
    ["job.payload.a > 1.0 && job.topic == 'x'", ["payload", "topic"], []],
    ["'a' in job.risk_tags || 'b' in job.risk_tags", ["risk_tags"], ["a", "b"]],
    ["'a' in job.risk_tags && size(job.risk_tags) == 1", ["risk_tags"], null],
    ["job.payload.tag in job.risk_tags", ["payload", "risk_tags"], null],
    ["job.risk_tags.exists(t, t == 'a')", ["risk_tags"], null],
    ["has(job.labels.env)", ["labels"], []],
  ])("%s reads %j and names the tags %j", (source, reads, tags) => {
    const condition = compiled(source);
    expect([...condition.reads].sort()).toEqual(reads);
    expect(condition.tagsNamed === null ? null : [...condition.tagsNamed]).toEqual(tags);
  });

  test("it names the paths that it compares, and values worth trying there", () => {
    const source =
      "job.payload.a.b > 10 && job.topic == 'x' && 'money' in job.risk_tags && job.payload.on && 3 == job.payload.a.b";
    expect(compiled(source).probes).toEqual([
      { path: ["payload", "a", "b"], values: [9, 10, 11, 2, 3, 4] },
      { path: ["topic"], values: ["x", "xx"] },
      { path: ["risk_tags"], values: [["money"], []] },
      { path: ["payload", "on"], values: [true, false] },
    ]);
  });
});

describe("whatever is sent", () => {
  const conditions = [
    "job.payload.a > 1.0",
    "job.payload.a.b[0].c == job.payload.d",
    "job.payload.a in job.payload.b || job.payload.b in job.payload.a",
    "job.payload.a.all(x, x.b > 1.0 && x.c.startsWith('y'))",
    "job.payload.a.map(x, x + x).exists(x, x == job.payload.b)",
    "string(job.payload.a).matches('^(a+)+$') || int(job.payload.a) > 3 || double(job.payload.a) < -1.0",
    "-job.payload.a / job.payload.b > job.payload.a * job.payload.b",
    "size(job.payload.a) > 1 && job.payload.a.lowerAscii().trim() != job.payload.b",
    "job.payload.a == job.payload.b ? job.payload.a : job.payload.b",
    "job.payload == null || job.payload.exists_one(x, x)",
  ].map(compiled);

  test("a condition answers true, false or a short line, and never throws", () => {
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom(null, true, 0, 1, -2.5, 1e308, "", "y", "aaaa", "3"),
        fc.string(),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(fc.constantFrom("a", "b", "c", "d", "constructor", "__proto__"), tie("value")),
      ),
    })).value;
    const payload = fc.oneof(value, fc.record({ a: value, b: value, d: value }));
    const answers = new Set<string>();
    fc.assert(
      fc.property(payload, (sent) => {
        const job = jobWith({ payload: JSON.parse(JSON.stringify(sent)) });
        for (const condition of conditions) {
          const answer = condition.evaluate(job);
          answers.add(typeof answer === "boolean" ? `${answer}` : "error");
          if (typeof answer !== "boolean") expect(answer.error.length).toBeLessThan(160);
        }
      }),
      { numRuns: cases("a condition on what is sent", 2_000, 2_000) },
    );
    expect([...answers].sort()).toEqual(["error", "false", "true"]);
  });

  test("what is no JSON gets an error as well", () => {
    const payload = new Proxy(
      {},
      {
        getOwnPropertyDescriptor: () => {
          throw new Error("no");
        },
      },
    );
    const job = { ...jobWith(), payload };
    expect(compiled("job.payload.a").evaluate(job as never)).toEqual({ error: "the condition could not be evaluated" });
  });
});
