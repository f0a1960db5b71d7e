import { describe, expect, test } from "vitest";
import { compileCondition } from "../../src/policy/condition.js";

/** The first problem of a condition: what is wrong, and what to do about it. */
function refusalOf(source: string): readonly (string | undefined)[] {
  const read = compileCondition(source);
  const [first] = read.ok ? [] : read.problems;
  return [first?.message, first?.help];
}

type Row = readonly [source: string, message: string, help: string | undefined];

describe("what could never hold is refused at load", () => {
  const x64 = "x".repeat(64);

  test.each<Row>([
    ["job.topic - 'x' == 'y'", "`-` has no meaning for text", undefined],
    ["true + 1.0 == 1.0", "`+` has no meaning for true or false", undefined],
    ["job.risk_tags * 2 == 1", "`*` has no meaning for a list", undefined],
    ["1.0 + null == 1.0", "`+` has no meaning for null", undefined],
    ["-job.topic == 'x'", "`-` has no meaning for text", undefined],
    ["-true", "`-` has no meaning for true or false", undefined],
    [
      "2 % job.payload.n == 0",
      "`%` works on integers, and a job's numbers are doubles",
      "write `2 % int(job.payload.n)`",
    ],
    ["true < false", "`<` cannot compare true or false with true or false", undefined],
    ["job.topic <= true", "`<=` cannot compare text with true or false", undefined],
    ["null > 1.0", "`>` cannot compare null with a number", undefined],
    ["job.labels == job.constraints", "maps cannot be compared", undefined],
    ["job.labels != job.labels", "maps cannot be compared", undefined],
    ["1 in 2", "`in` looks into lists and maps, not into an integer", undefined],
    ["'a' in true", "`in` looks into lists and maps, not into true or false", undefined],
    ["1.0 in job.labels", "`in` looks for a number where there is text", undefined],
    ["!job.topic", "`!` needs true or false, not text", undefined],
    ["!1", "`!` needs true or false, not an integer", undefined],
    ["job.topic ? true : false", "`?` needs true or false, not text", undefined],
    ["type(job.topic, 1) == string", "`type` takes one value", undefined],
    ["type() == string", "`type` takes one value", undefined],
    [
      "type(job.topic) == 'string'",
      "`type` is compared with the name of a type",
      "there are `bool`, `double`, `string`, `null_type`, `list`, `map`; a job's numbers are doubles",
    ],
    ["job.risk_tags.all()", "`all` takes a name and what to do with it", "write `all(x, …)`"],
    ["job.risk_tags.all(t, t)", "`all` asks a question of each element, not for text", undefined],
    ["job.risk_tags.filter(t, 1) == []", "`filter` asks a question of each element, not for an integer", undefined],
    ["job.risk_tags.map(t, t, t) == []", "`map` asks a question of each element, not for text", undefined],
    ["job.topic.exists(t, true)", "`exists` walks a list, not text", undefined],
    ["job.constraints.all(t, true)", "`all` walks a list, not a map", undefined],
  ])("of operators: %s", (source, message, help) => {
    expect(refusalOf(source)).toEqual([message, help]);
  });

  test.each<Row>([
    ["int() == 1", "`int` takes one value", undefined],
    ["int(1, 2) == 1", "`int` takes one value", undefined],
    ["int(true) == 1", "`int` has no meaning for true or false", undefined],
    ["size(1) == 1", "`size` has no meaning for an integer", undefined],
    ["double(job.risk_tags) == 1.0", "`double` has no meaning for a list", undefined],
    ["string(null) == ''", "`string` has no meaning for null", undefined],
    ["job.topic.contains() == true", "`contains` takes one value", undefined],
    ["job.topic.contains('a', 'b')", "`contains` takes one value", undefined],
    ["job.topic.trim(1) == ''", "`trim` takes no value", undefined],
    ["job.risk_tags.trim() == ''", "`trim` needs text, not a list", undefined],
    ["job.topic.startsWith(1)", "`startsWith` needs text, not an integer", undefined],
    ["job.topic.matches(1)", "`matches` needs text, not an integer", undefined],
    ["sizes(job.topic) == 1", "unknown function `sizes`", "did you mean `size`?"],
    [
      "completely(job.topic) == 1",
      "unknown function `completely`",
      "there are `size`, `double`, `int`, `string`, `has`, `type`",
    ],
    [
      "job.topic.completely() == 1",
      "unknown function `completely`",
      "there are `size`, `matches`, `lowerAscii`, `upperAscii`, `trim`, `startsWith`, `endsWith`, `contains`, `all`, `exists`, `exists_one`, `filter`, `map`",
    ],
    [
      `${x64}y(job.topic) == 1`,
      `unknown function \`${x64}\``,
      "there are `size`, `double`, `int`, `string`, `has`, `type`",
    ],
    ...["timestamp", "duration", "now", "getHours", "getFullYear"].map(
      (name) =>
        [
          `${name}(job.topic) == 1`,
          `\`${name}\` is not there: a condition has no dates and no clock`,
          "compare dates as text: in ISO 8601 and UTC they sort",
        ] as const,
    ),
    [
      "nowhere(job.topic) == 1",
      "unknown function `nowhere`",
      "there are `size`, `double`, `int`, `string`, `has`, `type`",
    ],
    ["gets(job.topic) == 1", "unknown function `gets`", "there are `size`, `double`, `int`, `string`, `has`, `type`"],
    [
      "has(job.topic, job.topic)",
      "`has` takes one field",
      'write `has(job.payload.name)`, or `"a name" in job.payload`',
    ],
    ["has(1)", "`has` takes one field", 'write `has(job.payload.name)`, or `"a name" in job.payload`'],
    ["has()", "`has` takes one field", 'write `has(job.payload.name)`, or `"a name" in job.payload`'],
    ["job.topic[0] == 'j'", "text has no elements", undefined],
    ["true[0] == 1.0", "true or false has no elements", undefined],
    [`${x64}y == 1.0`, `unknown variable \`${x64}\``, "a condition sees `job` alone"],
    [`job.${x64}y == 1.0`, `a job has no field \`${x64}\``, `did you mean \`job.payload.${x64}\`?`],
    [`job.topic.${x64}y == 1.0`, `text has no field \`${x64}\``, undefined],
    [`job.actor.${x64}y == 'a'`, `\`job.actor\` has no field \`${x64}\``, "there are `id`, `type`, `on_behalf_of`"],
  ])("of functions and names: %s", (source, message, help) => {
    expect(refusalOf(source)).toEqual([message, help]);
  });
});

test("problems stand in the order of the source, however they were come upon", () => {
  const read = compileCondition("job.topic.nothing() == 1.0 && job.amount > 1.0 && amount > 1.0");
  expect(read.ok ? [] : read.problems.map(({ message }) => message)).toEqual([
    "unknown function `nothing`",
    "a job has no field `amount`",
    "unknown variable `amount`",
  ]);
});
