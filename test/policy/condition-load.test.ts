import { describe, expect, test } from "vitest";
import { compileCondition } from "../../src/policy/condition.js";
import { compiled } from "./condition-job.js";

const problems = (source: string): readonly unknown[] => {
  const read = compileCondition(source);
  return read.ok ? [] : read.problems;
};

/** A row: the condition, where its one problem is, the message and the help. */
type Row = [source: string, offset: number, message: string, help?: string];

function expectProblem([source, offset, message, help]: Row): void {
  expect(problems(source)).toEqual([{ message, ...(help === undefined ? {} : { help }), offset }]);
}

const LONG = "x".repeat(70);
const CUT = "x".repeat(64);

const FUNCTIONS = "there are `size`, `double`, `int`, `string`, `has`, `type`";
const METHODS =
  "there are `size`, `matches`, `lowerAscii`, `upperAscii`, `trim`, `startsWith`, `endsWith`, `contains`, `all`, `exists`, `exists_one`, `filter`, `map`";

describe("a function that is called wrongly does not load", () => {
  test.each<Row>([
    ["size() > 1", 0, "`size` takes one value"],
    ["true && double() > 1.0", 8, "`double` takes one value"],
    ["size('a', 'b') > 1", 0, "`size` takes one value"],
    ["string(1, 2) == 'x'", 0, "`string` takes one value"],
    ["job.topic.size(1) > 1", 0, "`size` takes no value"],
    ["job.topic.trim(1) == 'x'", 0, "`trim` takes no value"],
    ["job.topic.lowerAscii('x') == 'x'", 0, "`lowerAscii` takes no value"],
    ["job.topic.startsWith()", 0, "`startsWith` takes one value"],
    ["job.topic.contains('a', 'b')", 0, "`contains` takes one value"],
    ["job.topic.matches()", 0, "`matches` takes one value"],
    ["job.topic.matches('a', 'b')", 0, "`matches` takes one value"],
  ])("with too many values or too few: %s", (...row) => {
    expectProblem(row);
  });

  test.each<Row>([
    ["size(true) > 1", 0, "`size` has no meaning for true or false"],
    ["size(1) > 1", 0, "`size` has no meaning for an integer"],
    ["(1.0).size() > 1", 1, "`size` has no meaning for a number"],
    ["int(true) > 1", 0, "`int` has no meaning for true or false"],
    ["double(job.labels) > 1.0", 0, "`double` has no meaning for a map"],
    ["string(job.requires) == 'x'", 0, "`string` has no meaning for a list"],
    ["string(null) == 'x'", 0, "`string` has no meaning for null"],
    ["job.requires.trim() == 'x'", 0, "`trim` needs text, not a list"],
    ["job.labels.matches('x')", 0, "`matches` needs text, not a map"],
    ["job.topic.startsWith(1)", 0, "`startsWith` needs text, not an integer"],
    ["job.payload.a.endsWith(true)", 0, "`endsWith` needs text, not true or false"],
  ])("with what it has no meaning for: %s", (...row) => {
    expectProblem(row);
  });

  test.each<Row>([
    ["siz('x') > 1", 0, "unknown function `siz`", "did you mean `size`?"],
    ["hass(job.topic)", 0, "unknown function `hass`", "did you mean `has`?"],
    ["typ(job.payload.a)", 0, "unknown function `typ`", "did you mean `type`?"],
    ["sting(1.0) == '1'", 0, "unknown function `sting`", "did you mean `string`?"],
    ["job.topic.matche('x')", 0, "unknown function `matche`", "did you mean `matches`?"],
    ["job.payload.a.exist(job.topic)", 0, "unknown function `exist`", "did you mean `exists`?"],
    ["quantile(1.0)", 0, "unknown function `quantile`", FUNCTIONS],
    ["job.topic.quantile()", 0, "unknown function `quantile`", METHODS],
    [`${LONG}(1)`, 0, `unknown function \`${CUT}\``, FUNCTIONS],
  ])("with a name that is not there, which gets the nearest one or all that are: %s", (...row) => {
    expectProblem(row);
  });

  const DATES = "compare dates as text: in ISO 8601 and UTC they sort";
  test.each<Row>([
    ["now() > 1.0", 0, "`now` is not there: a condition has no dates and no clock", DATES],
    ["duration('1h') > 1.0", 0, "`duration` is not there: a condition has no dates and no clock", DATES],
    ["job.topic.getFullYear() > 1", 0, "`getFullYear` is not there: a condition has no dates and no clock", DATES],
    ["job.topic.getX() > 1", 0, "`getX` is not there: a condition has no dates and no clock", DATES],
    ["untimestamp('x')", 0, "unknown function `untimestamp`", FUNCTIONS],
    ["timestamps('x')", 0, "unknown function `timestamps`", FUNCTIONS],
    ["job.topic.getaway()", 0, "unknown function `getaway`", METHODS],
  ])("and only what would need a clock is told of dates: %s", (...row) => {
    expectProblem(row);
  });
});

describe("`has` takes one field, written with a dot", () => {
  const help = 'write `has(job.payload.name)`, or `"a name" in job.payload`';
  test.each([
    "has()",
    "has(job)",
    "has('x')",
    "has(job.topic == 'x')",
    "has(job.payload['a'])",
    "has(job.payload.a, job.payload.b)",
  ])("%s does not load", (source) => {
    expectProblem([`true && ${source}`, 8, "`has` takes one field", help]);
  });

  test.each<Row>([
    ["has(job.amount)", 8, "a job has no field `amount`", "did you mean `job.payload.amount`?"],
    ["has(job.topics)", 8, "a job has no field `topics`", "did you mean `job.topic`?"],
    ["has(job.topic) + 1 > 2", 0, "`+` has no meaning for true or false"],
  ])("and what it asks of is looked at: %s", (...row) => {
    expectProblem(row);
  });

  test("every field of the job itself is there, and counts as read", () => {
    for (const name of ["actor", "capability", "payload", "labels"]) {
      const condition = compiled(`has(job.${name})`);
      const job = { actor: null, capability: null, payload: null, labels: {} };
      expect(condition.evaluate(job as never)).toBe(true);
      expect([...condition.reads]).toEqual([name]);
      expect(condition.constant).toBeUndefined();
    }
  });
});

describe("a name that leads nowhere does not load", () => {
  test.each<Row>([
    [`${LONG} > 1`, 0, `unknown variable \`${CUT}\``, "a condition sees `job` alone"],
    [`job.${LONG} > 1`, 4, `a job has no field \`${CUT}\``, `did you mean \`job.payload.${CUT}\`?`],
    [`job.topic.${LONG} == 1`, 10, `text has no field \`${CUT}\``],
    [`job.actor.${LONG} == 1`, 10, `\`job.actor\` has no field \`${CUT}\``, "there are `id`, `type`, `on_behalf_of`"],
  ])("and a long one is cut after 64 characters in what is said of it: %s", (...row) => {
    expectProblem(row);
  });

  test.each<Row>([
    ["'job'.topic == 'x'", 6, "text has no field `topic`"],
    ["job['amount'] > 1.0", 0, "a job has no field `amount`", "did you mean `job.payload.amount`?"],
    ["job.actor['kind'] == 'x'", 0, "`job.actor` has no field `kind`", "there are `id`, `type`, `on_behalf_of`"],
    [
      "size(job.constraints.paths.raed) == 0",
      27,
      "`job.constraints.paths` has no field `raed`",
      "did you mean `job.constraints.paths.read`?",
    ],
    [
      "size(job.constraints.network['hosts']) == 0",
      5,
      "`job.constraints.network` has no field `hosts`",
      "there are `allow`, `deny`",
    ],
    ["job.constraints.paths.read[0].name == 'x'", 30, "text has no field `name`"],
    ["job.payload[amount] == 1.0", 12, "unknown variable `amount`", "a condition sees `job` alone"],
    ["job.topic[0] == 'x'", 0, "text has no elements"],
    ["job.tenant_id[job.topic] == 'x'", 0, "text has no elements"],
    ["(1.0)[0] == 1.0", 1, "a number has no elements"],
  ])("whether it stands behind a dot or between brackets: %s", (...row) => {
    expectProblem(row);
  });
});

describe("the kind of what is written is known at load", () => {
  test.each<Row>([
    ["!null", 0, "`!` needs true or false, not null"],
    ["1 in ['a']", 0, "`in` looks for an integer where there is text"],
    ["1 in ['a', job.topic]", 0, "`in` looks for an integer where there is text"],
    ["'a' in [[1.0], []]", 0, "`in` looks for text where there is a list"],
    ["'x' in 1", 0, "`in` looks into lists and maps, not into an integer"],
    ["'x' in null", 0, "`in` looks into lists and maps, not into null"],
    ["{'a': true} == 1", 0, "a condition has no use for a map"],
  ])("%s does not load", (...row) => {
    expectProblem(row);
  });

  test.each([
    "1 in []",
    "1 in ['a', 1]",
    "1 in ['a', job.payload.n]",
    "1 in [job.payload.n, 'a']",
    "job.requires[0] == 'x'",
  ])("%s does: a list of several kinds, or of none, may hold anything", (source) => {
    expect(problems(source)).toEqual([]);
  });
});

describe("what cannot be read at all is said in one short line", () => {
  test.each<Row>([
    [" ", 0, "a condition must not be empty"],
    ["\n\t ", 0, "a condition must not be empty"],
    ["`a`", 0, "a condition cannot be read: unexpected character: '"],
    ["\u0001", 0, "a condition cannot be read: unexpected character: \\u{1}"],
    ["\u202e", 0, "a condition cannot be read: unexpected character: \\u{202e}"],
    ["job.payload.`a` > 1", 12, "a condition cannot be read: unexpected character: '"],
    ["true $ 1", 5, "a condition cannot be read: unexpected character: $"],
  ])("%j", (...row) => {
    expectProblem(row);
  });

  test("problems stand in the order of the source, not in that in which they are found", () => {
    expect(problems("job.topic && job.amount")).toEqual([
      { message: "`&&` needs true or false, not text", offset: 0 },
      { message: "a job has no field `amount`", help: "did you mean `job.payload.amount`?", offset: 17 },
    ]);
  });
});

describe("a condition is at most 32 parts deep", () => {
  /** Two operators by turns, each to the left of the next: as deep as there are operators, and one more. */
  const stairs = (operators: number, [one, other]: readonly [string, string], leaf: string): string => {
    let source = leaf;
    for (let step = 0; step < operators; step += 1) source = `(${source}) ${step % 2 === 0 ? one : other} ${leaf}`;
    return source;
  };
  const message = "a condition must be at most 32 parts deep";

  test.each([
    [["&&", "||"], "true", ""],
    [["+", "-"], "1.0", " > 0.0"],
  ] as const)("also where operators stand by turns on the left: %j", (operators, leaf, rest) => {
    const top = rest === "" ? 0 : 1;
    expect(problems(stairs(31 - top, operators, leaf) + rest)).toEqual([]);
    // Both sides of the innermost operator are too deep.
    expect(problems(stairs(32 - top, operators, leaf) + rest)).toMatchObject([{ message }, { message }]);
  });

  test.each([" + ", " - ", " * "])("a chain of one operator counts once: %s", (operator) => {
    expect(problems(`${Array.from({ length: 100 }, () => "1").join(operator)} > 0`)).toEqual([]);
  });
});
