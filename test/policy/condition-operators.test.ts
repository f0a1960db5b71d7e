import { describe, expect, test } from "vitest";
import { ask } from "./condition-job.js";

const payload = {
  one: 1,
  six: 6,
  half: 0.5,
  text: "b",
  yes: true,
  no: false,
  none: null,
  list: [1, "b"],
  texts: ["a", "b"],
  map: { k: 1 },
  empty: [],
};
const FIELDS = { payload, labels: { env: "prod" }, risk_tags: ["money"], constraints: { max_retries: 2 } };

describe("arithmetic, as CEL has it", () => {
  test.each([
    ["size('abc') - 1 == 2", true],
    ["size('abc') * 2 == 6", true],
    ["size('abcdefg') / 2 == 3", true],
    ["size('abcdefg') % 4 == 3", true],
    ["-7 / 2 == -3", true],
    ["-7 % 2 == -1", true],
    ["7 % -2 == 1", true],
    ["job.payload.six - 2.0 == 4.0", true],
    ["job.payload.six * job.payload.half == 3.0", true],
    ["job.payload.six / 4.0 == 1.5", true],
    ["job.payload.six + job.payload.half == 6.5", true],
    ["-job.payload.six == -6.0", true],
    ["-(size('ab')) == -2", true],
    ["- job.payload.half < 0.0", true],
    ["'a' + job.payload.text == 'ab'", true],
    ["job.payload.text + job.topic == 'bjob.payments.send'", true],
    ["9223372036854775806 + size('a') == 9223372036854775807", true],
    ["-9223372036854775807 - size('a') == -9223372036854775808", true],
    ["-9223372036854775808 + 1 == -9223372036854775807", true],
    ["9223372036854775807 > 9223372036854775806", true],
  ])("%s is %s", (source, wanted) => {
    expect(ask(source, FIELDS)).toBe(wanted);
  });

  test.each([
    ["size('a') % size('') == 0", "`size('a') % size('')` divides by zero"],
    ["size('a') / size('') == 0", "`size('a') / size('')` divides by zero"],
    ["-9223372036854775808 - size('a') < 0", "`-9223372036854775808 - size('a')` is beyond 64 bits"],
    ["9223372036854775807 * size('ab') > 0", "`9223372036854775807 * size('ab')` is beyond 64 bits"],
    [
      "job.payload.text - job.payload.one == 1.0",
      "`job.payload.text - job.payload.one` needs two numbers of the same kind",
    ],
    [
      "job.payload.text * job.payload.text == 1.0",
      "`job.payload.text * job.payload.text` needs two numbers of the same kind",
    ],
    [
      "job.payload.one + job.payload.text == 1.0",
      "`job.payload.one + job.payload.text` needs two numbers or two texts of the same kind",
    ],
    [
      "job.payload.text + job.payload.one == 'x'",
      "`job.payload.text + job.payload.one` needs two numbers or two texts of the same kind",
    ],
    [
      "job.payload.yes + job.payload.one == 1.0",
      "`job.payload.yes + job.payload.one` needs two numbers or two texts of the same kind",
    ],
    ["job.payload.gone + 1.0 == 1.0", "`job.payload.gone` is missing"],
    ["1.0 + job.payload.gone == 1.0", "`job.payload.gone` is missing"],
    ["-job.payload.gone == 1.0", "`job.payload.gone` is missing"],
    ["-job.payload.text == 1.0", "`job.payload.text` is not a number"],
  ])("%s fails, and says so", (source, error) => {
    expect(ask(source, FIELDS)).toEqual({ error });
  });
});

describe("comparison, as CEL has it", () => {
  test.each([
    ["job.payload.one < 1.0", false],
    ["job.payload.one <= 1.0", true],
    ["job.payload.one > 1.0", false],
    ["job.payload.one >= 1.0", true],
    ["job.payload.six <= 5.0", false],
    ["1 <= size('')", false],
    ["1 < size('ab')", true],
    ["size('ab') > 1", true],
    ["size('a') >= 1", true],
    ["'a' < job.payload.text", true],
    ["'c' <= job.payload.text", false],
    ["job.topic >= 'job'", true],
    ["job.payload.yes == true", true],
    ["job.payload.no == true", false],
    ["job.payload.yes != job.payload.no", true],
    ["job.payload.yes == job.payload.yes", true],
    ["job.payload.none == null", true],
    ["job.payload.one == null", false],
    ["null != job.payload.one", true],
    ["job.capability == null", true],
    ["job.topic != null", true],
    ["null in job.payload.list", false],
    ["job.payload.list == [1.0, 'b']", true],
    ["job.payload.list == [1.0]", false],
    ["job.payload.list == [2.0, 'b']", false],
    ["job.payload.one in [2.0, 1.0]", true],
    ["job.payload.text in job.payload.texts", true],
    ["'zz' in job.payload.texts", false],
    ["'k' in job.payload.map", true],
    ["'j' in job.payload.map", false],
    ["'env' in job.labels", true],
    ["'money' in job.risk_tags", true],
    ["1 in job.payload.empty", false],
    ["!job.payload.no", true],
    ["!(job.payload.one == 1.0)", false],
    ["job.payload.no ? false : true", true],
    ["(job.payload.yes ? 'a' : 'b') == 'a'", true],
    ["(job.payload.no ? [1.0] : [2.0]) == [2.0]", true],
    ["(job.payload.yes ? job.payload.one : 'b') == 1.0", true],
    ["true ? job.payload.yes : job.payload.gone", true],
  ])("%s is %s", (source, wanted) => {
    expect(ask(source, FIELDS)).toBe(wanted);
  });

  test.each([
    ["job.payload.gone < 1.0", "`job.payload.gone` is missing"],
    ["1.0 < job.payload.gone", "`job.payload.gone` is missing"],
    ["'a' < job.payload.one", "`'a' < job.payload.one` needs two numbers or two texts"],
    ["job.payload.one < 'a'", "`job.payload.one < 'a'` needs two numbers or two texts"],
    ["job.payload.yes < job.payload.no", "`job.payload.yes < job.payload.no` needs two numbers or two texts"],
    ["job.payload.gone == 1.0", "`job.payload.gone` is missing"],
    ["1.0 == job.payload.gone", "`job.payload.gone` is missing"],
    ["job.payload.yes == 1.0", "`job.payload.yes == 1.0` compares values of different kinds"],
    ["job.payload.one == true", "`job.payload.one == true` compares values of different kinds"],
    ["job.payload.map == job.payload.one", "`job.payload.map == job.payload.one` compares values of different kinds"],
    ["job.payload.list == ['x', 'b']", "`job.payload.list == ['x', 'b']` compares values of different kinds"],
    ["job.payload.gone in job.payload.list", "`job.payload.gone` is missing"],
    ["1.0 in job.payload.gone", "`job.payload.gone` is missing"],
    ["job.payload.one in job.payload.map", "`job.payload.one` is not text, as a key must be"],
    ["job.payload.one in job.payload.yes", "`job.payload.yes` is neither a list nor a map"],
    ["job.payload.one in ['a', 'b']", "`job.payload.one in ['a', 'b']` compares values of different kinds"],
    ["!job.payload.gone", "`job.payload.gone` is missing"],
    ["!job.payload.one", "`job.payload.one` is neither true nor false"],
    ["job.payload.gone ? true : true", "`job.payload.gone` is missing"],
    ["job.payload.text ? true : true", "`job.payload.text` is neither true nor false"],
    ["job.payload.no ? true : job.payload.gone", "`job.payload.gone` is missing"],
  ])("%s fails, and says so", (source, error) => {
    expect(ask(source, FIELDS)).toEqual({ error });
  });
});

describe("types and lists", () => {
  test.each([
    ["type(job.payload.yes) == bool", true],
    ["type(job.payload.one) == bool", false],
    ["type(job.payload.one) == double", true],
    ["type(job.payload.text) == double", false],
    ["type(job.payload.text) == string", true],
    ["type(job.payload.one) == string", false],
    ["type(job.payload.none) == null_type", true],
    ["type(job.payload.one) == null_type", false],
    ["type(job.payload.list) == list", true],
    ["type(job.payload.map) == list", false],
    ["type(job.payload.map) == map", true],
    ["type(job.payload.list) == map", false],
    ["type(job.payload.none) == map", false],
    ["type(job.payload.text) == map", false],
    ["type(job.payload.one) != string", true],
    ["type(job.payload.one) != double", false],
    ["string == type(job.payload.text)", true],
    ["job.payload.texts.all(t, t != 'c')", true],
    ["job.payload.texts.exists(t, t == 'c')", false],
    ["job.payload.texts.exists_one(t, t == 'a')", true],
    ["job.payload.texts.filter(t, t == 'b') == ['b']", true],
    ["job.payload.texts.map(t, t + 'x') == ['ax', 'bx']", true],
    ["job.payload.texts.map(t, t == 'a', t + 'x') == ['ax']", true],
    ["job.risk_tags.map(t, size(t)) == [5]", true],
    ["job.labels.exists(name, name.startsWith('e'))", true],
    ["job.payload.empty.all(x, x)", true],
  ])("%s is %s", (source, wanted) => {
    expect(ask(source, FIELDS)).toBe(wanted);
  });

  test.each([
    ["type(job.payload.gone) == string", "`job.payload.gone` is missing"],
    ["job.payload.gone.all(x, true)", "`job.payload.gone` is missing"],
    ["job.payload.texts.map(t, t == job.payload.gone, t) == []", "`job.payload.gone` is missing"],
    ["job.payload.texts.filter(t, job.payload.gone) == []", "`job.payload.gone` is missing"],
    ["job.payload.texts.map(t, job.payload.gone) == []", "`job.payload.gone` is missing"],
  ])("%s fails, and says so", (source, error) => {
    expect(ask(source, FIELDS)).toEqual({ error });
  });
});
