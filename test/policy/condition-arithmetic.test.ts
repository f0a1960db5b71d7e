import { describe, expect, test } from "vitest";
import { compileCondition } from "../../src/policy/condition.js";
import { ask } from "./condition-job.js";

const problems = (source: string): readonly unknown[] => {
  const read = compileCondition(source);
  return read.ok ? [] : read.problems;
};

// Of which nothing is known before there is a job: `whole` is an integer of CEL's, which no field of a job is.
const whole = "[3, 'no'][0]";
const payload = { on: true, off: false, n: 7.5, two: 2, zero: 0, s: "ab", t: "c", none: null, list: [1], map: {} };

describe("sums of integers, as CEL has them", () => {
  test.each([
    "7 + 2 == 9",
    "7 - 2 == 5",
    "2 - 7 == -5",
    "7 * 2 == 14",
    "7 / 2 == 3",
    "6 / 2 == 3",
    "1 + 0 == 1",
    "1 - 0 == 1",
    "1 * 0 == 0",
    "0 / 5 == 0",
    "7 % 2 == 1",
    "6 % 3 == 0",
    "2 + 3 * 4 == 14",
    "(2 + 3) * 4 == 20",
    "10 - 3 - 2 == 5",
    "-(3) == 0 - 3",
    "-int(job.payload.two) == -2",
    "-size(job.payload.s) == -2",
    `-${whole} == -3`,
    `${whole} + ${whole} == 6`,
    "9223372036854775806 + 1 == 9223372036854775807",
    "-9223372036854775807 - 1 == -9223372036854775808",
    "-(-9223372036854775807) == 9223372036854775807",
  ])("%s holds", (source) => {
    expect(ask(source, { payload })).toBe(true);
  });

  test.each(["-7 / 2 == -3", "7 / -2 == -3", "-7 % 2 == -1", "7 % -2 == 1"])(
    "%s holds: a quotient is cut towards zero, and the rest has the sign of what is divided",
    (source) => {
      expect(ask(source)).toBe(true);
    },
  );

  test.each([
    ["9223372036854775807 + 1 > 0", "`9223372036854775807 + 1` is beyond 64 bits"],
    ["-9223372036854775808 - 1 < 0", "`-9223372036854775808 - 1` is beyond 64 bits"],
    ["4611686018427387904 * 2 > 0", "`4611686018427387904 * 2` is beyond 64 bits"],
    ["-9223372036854775808 / -1 > 0", "`-9223372036854775808 / -1` is beyond 64 bits"],
    ["-int('-9223372036854775808') > 0", "`-int('-9223372036854775808')` is beyond 64 bits"],
    ["7 / 0 > 1", "`7 / 0` divides by zero"],
    ["7 % 0 == 1", "`7 % 0` divides by zero"],
    ["7 % size('') == 1", "`7 % size('')` divides by zero"],
  ])("%s fails on every job", (source, error) => {
    expect(ask(source)).toEqual({ error });
  });
});

describe("sums of doubles, as CEL has them", () => {
  test.each([
    "7.5 + 2.0 == 9.5",
    "7.5 - 2.0 == 5.5",
    "7.5 * 2.0 == 15.0",
    "7.5 / 2.0 == 3.75",
    "job.payload.n + job.payload.two == 9.5",
    "job.payload.n - job.payload.two == 5.5",
    "job.payload.n * job.payload.two == 15.0",
    "job.payload.n / job.payload.two == 3.75",
    "-job.payload.n == -7.5",
    "-job.payload.n < 0.0",
    "-(-job.payload.n) == 7.5",
    "-(job.payload.n + 1.0) == -8.5",
    "-(-1e19) > 1.0",
    "0.0 / 5.0 == 0.0",
  ])("%s holds", (source) => {
    expect(ask(source, { payload })).toBe(true);
  });

  test.each([
    ["1.0 / 0.0 > 1.0", "`1.0 / 0.0` is not a finite number"],
    ["1e308 * 10.0 > 1.0", "`1e308 * 10.0` is not a finite number"],
    ["job.payload.two / job.payload.zero > 1.0", "`job.payload.two / job.payload.zero` is not a finite number"],
  ])("%s fails", (source, error) => {
    expect(ask(source, { payload })).toEqual({ error });
  });
});

describe("texts", () => {
  test.each(["'a' + 'b' == 'ab'", "job.payload.s + job.payload.t == 'abc'", "job.topic + '' == job.topic"])(
    "%s holds: `+` joins them",
    (source) => {
      expect(ask(source, { payload })).toBe(true);
    },
  );
});

describe("what shows only on a job", () => {
  const numbers = "needs two numbers of the same kind";
  const either = "needs two numbers or two texts of the same kind";
  test.each([
    ["job.payload.n", "+", "job.payload.s", either],
    ["job.payload.s", "+", "job.payload.n", either],
    ["job.payload.s", "+", "job.payload.list", either],
    ["job.payload.list", "+", "job.payload.s", either],
    ["job.payload.none", "+", "job.payload.n", either],
    ["job.payload.on", "+", "job.payload.on", either],
    [whole, "+", "job.payload.n", either],
    ["job.payload.n", "+", whole, either],
    [whole, "+", "job.payload.s", either],
    ["job.payload.s", "+", whole, either],
    ["job.payload.s", "-", "job.payload.t", numbers],
    ["job.payload.s", "*", "job.payload.t", numbers],
    ["job.payload.s", "/", "job.payload.t", numbers],
    ["job.payload.n", "-", "job.payload.s", numbers],
    [whole, "*", "job.payload.n", numbers],
    ["job.payload.n", "/", whole, numbers],
  ])("%s %s %s fails where the kinds do not fit", (left, op, right, error) => {
    const sum = `${left} ${op} ${right}`;
    expect(ask(`${sum} == job.payload.n`, { payload })).toEqual({ error: `\`${sum}\` ${error}` });
  });

  test.each(["s", "on", "none", "list", "map"])("minus job.payload.%s fails: it is no number", (name) => {
    expect(ask(`-job.payload.${name} == 1.0`, { payload })).toEqual({
      error: `\`job.payload.${name}\` is not a number`,
    });
  });

  test.each([
    "-job.payload.gone == 1.0",
    "job.payload.gone + 1.0 == 1.0",
    "1.0 + job.payload.gone == 1.0",
    "job.payload.gone + job.payload.s == 'x'",
  ])("%s fails for the field that is missing", (source) => {
    expect(ask(source, { payload })).toEqual({ error: "`job.payload.gone` is missing" });
  });
});

describe("what is refused at load", () => {
  const job = "a job's numbers are doubles";
  test.each([
    ["-job.topic == 'x'", 0, "`-` has no meaning for text"],
    ["true && -(job.topic == 'x')", 8, "`-` has no meaning for true or false"],
    ["-null == 1", 0, "`-` has no meaning for null"],
    ["-[1] == 1", 0, "`-` has no meaning for a list"],
    ["-job.labels == 1", 0, "`-` has no meaning for a map"],
    ["true + true == 1", 0, "`+` has no meaning for true or false"],
    ["1.0 + true == 1.0", 0, "`+` has no meaning for true or false"],
    ["1.0 + [2.0] == 1.0", 0, "`+` has no meaning for a list"],
    ["job.labels * 2.0 == 1.0", 0, "`*` has no meaning for a map"],
    ["null / 2.0 == 1.0", 0, "`/` has no meaning for null"],
    ["job.topic - 'x' == 'y'", 0, "`-` has no meaning for text"],
    ["job.payload.a - job.topic == 'y'", 0, "`-` has no meaning for text"],
    ["'a' * 'b' == 'y'", 0, "`*` has no meaning for text"],
    ["'a' % 'b' == 'y'", 0, "`%` has no meaning for text"],
    ["'a' + 1.0 == 'a1'", 0, "`+` cannot join text and a number", "write `string(…)`"],
    ["1.0 + 'a' == '1a'", 0, "`+` cannot join text and a number", "write `string(…)`"],
    ["1 + 'a' == '1a'", 0, "`+` cannot join text and a number", "write `string(…)`"],
    ["1.5 % 2 == 1", 0, `\`%\` works on integers, and ${job}`, "write `int(1.5) % 2`"],
    ["2 % job.payload.n == 0", 0, `\`%\` works on integers, and ${job}`, "write `2 % int(job.payload.n)`"],
    [
      "job.payload.n % job.payload.m == 0",
      0,
      `\`%\` works on integers, and ${job}`,
      "write `int(job.payload.n) % int(job.payload.m)`",
    ],
    ["1 + job.payload.n > 2.0", 0, `\`+\` cannot mix an integer with a double, and ${job}`, "write `1.0`"],
    ["-5 - job.payload.n > 2.0", 0, `\`-\` cannot mix an integer with a double, and ${job}`, "write `-5.0`"],
    ["1.5 / 2 > 0.5", 0, `\`/\` cannot mix an integer with a double, and ${job}`, "write `2.0`"],
    ["true && -(-9223372036854775808) > 0", 8, "an integer must fit in 64 bits"],
  ])("%s", (source, offset, message, ...help) => {
    expect(problems(source)).toStrictEqual([{ message, ...(help.length === 0 ? {} : { help: help[0] }), offset }]);
  });

  test.each([
    ["job.payload.n + 1.0 == 'x'", "a number with text"],
    ["1.0 + job.payload.n == 'x'", "a number with text"],
    ["job.payload.s + 'x' == 1.0", "text with a number"],
    ["'x' + job.payload.s == 1.0", "text with a number"],
    ["1 + 2 == 'x'", "an integer with text"],
    ["-job.constraints.max_retries == 'x'", "a number with text"],
    ["-(2.0) == 'x'", "a number with text"],
  ])("%s: a sum is of the kind of what is known of its parts", (source, kinds) => {
    expect(problems(source)).toEqual([{ message: `\`==\` cannot compare ${kinds}`, offset: 0 }]);
  });

  test("a sum of which nothing is known may be compared with anything", () => {
    expect(ask("job.payload.s + job.payload.t == 'abc' && job.payload.n + job.payload.n == 15", { payload })).toBe(
      true,
    );
  });
});

test("a number that is written with a minus is one to try, with its neighbours", () => {
  for (const written of ["-2.0", "-2", "-(2.0)"]) {
    const read = compileCondition(`job.payload.n > ${written}`);
    expect(read).toMatchObject({ condition: { probes: [{ path: ["payload", "n"], values: [-3, -2, -1] }] } });
  }
});
