import fc from "fast-check";
import { expect, test } from "vitest";
import type { Constraints } from "../../src/outcome.js";
import { meet, meetAll } from "../../src/policy/meet.js";
import { cases, FULL_TIME } from "../scale.js";

const texts = fc.array(fc.constantFrom("/a", "/b", "/c", "/a/b"), { maxLength: 3 });
const lists = fc.array(texts, { minLength: 1, maxLength: 3 });
const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T> => value;
const constraints = fc.record(
  {
    maxRuntimeSec: some(fc.constantFrom(0.5, 1, 45)),
    maxRetries: fc.integer({ min: 0, max: 3 }),
    maxOutputBytes: fc.integer({ min: 0, max: 3 }),
    paths: fc.record({ read: lists, write: lists, deny: texts }, { requiredKeys: [] }),
    network: fc.record({ allow: lists, deny: texts }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Constraints>;

const RUNS = { numRuns: cases("constraint meet", 5_000, 100_000) };

type Meet = (a: Constraints, b: Constraints) => Constraints;

/** Would this be let through? Asked of a value for each limit, for lists by their meaning. */
function lets(limits: Constraints, probe: { readonly number: number; readonly path: string }): readonly boolean[] {
  const within = (limit: number | undefined): boolean => limit === undefined || probe.number <= limit;
  const onAll = (lists: readonly (readonly string[])[] | undefined): boolean =>
    lists === undefined || lists.every((list) => list.includes(probe.path));
  const notOn = (list: readonly string[] | undefined): boolean => list?.includes(probe.path) !== true;
  const { paths, network } = limits;
  return [
    within(limits.maxRuntimeSec),
    within(limits.maxRetries),
    within(limits.maxOutputBytes),
    onAll(paths?.read),
    onAll(paths?.write),
    notOn(paths?.deny),
    onAll(network?.allow),
    notOn(network?.deny),
  ];
}

const probe = fc.record({
  number: fc.constantFrom(0, 0.5, 1, 2, 45, 46),
  path: fc.constantFrom("/a", "/b", "/c", "/a/b", "/d"),
});

function neverWider(candidate: Meet): void {
  fc.assert(
    fc.property(constraints, constraints, probe, (a, b, asked) => {
      const met = lets(candidate(a, b), asked);
      const both = lets(a, asked).map((yes, index) => yes && lets(b, asked)[index] === true);
      expect(met).toEqual(both);
    }),
    RUNS,
  );
}

test(
  "meeting is commutative, associative and idempotent to the byte",
  () => {
    fc.assert(
      fc.property(constraints, constraints, constraints, (a, b, c) => {
        const text = JSON.stringify;
        expect(text(meet(a, b))).toBe(text(meet(b, a)));
        expect(text(meet(a, meet(b, c)))).toBe(text(meet(meet(a, b), c)));
        const once = meet(a, {});
        expect(text(meet(once, once))).toBe(text(once));
        expect(text(meet(meet(a, b), a))).toBe(text(meet(a, b)));
      }),
      RUNS,
    );
  },
  FULL_TIME,
);

test(
  "what meets lets through exactly what both sides let through",
  () => {
    neverWider(meet);
  },
  FULL_TIME,
);

test("joining allow lists, as a naive merge does, is caught as wider", () => {
  const naive: Meet = (a, b) => {
    const met = meet(a, b);
    return met.paths?.read === undefined ? met : { ...met, paths: { ...met.paths, read: [met.paths.read.flat()] } };
  };
  expect(() => neverWider(naive)).toThrow();
});

test("absent is not zero and not the empty list", () => {
  expect(meet({}, { maxRetries: 0 })).toEqual({ maxRetries: 0 });
  expect(meet({}, { network: { allow: [[]] } })).toEqual({ network: { allow: [[]] } });
  expect(meet({}, {})).toEqual({});
});

test("lists come out sorted, and so do lists of lists", () => {
  const [a, b, c] = [
    { paths: { read: [["/c"], ["/b", "/a"]] } },
    { paths: { read: [["/b"]] } },
    { paths: { read: [["/a"]] } },
  ];
  const read = [["/a", "/b"], ["/a"], ["/b"], ["/c"]];
  expect(meetAll([a, b, c])).toEqual({ paths: { read } });
  expect(meetAll([c, b, a])).toEqual({ paths: { read } });
});
