import { expect, test } from "vitest";
import { createMemo } from "../../src/policy/memo.js";

const one = (): number => 1;

test("what was put in is there, and what was not is not", () => {
  const memo = createMemo<string>(4, one);
  memo.put("a", "A");
  expect([memo.get("a"), memo.get("b")]).toEqual(["A", undefined]);
});

test("a generation is half of the room, and what nobody asked for in the next one is dropped", () => {
  const memo = createMemo<string>(4, one);
  for (const key of ["a", "b", "c"]) memo.put(key, key);
  // `a` and `b` are old now; asked for, `a` is young again, and the two fill their generation.
  expect(memo.get("a")).toBe("a");
  memo.put("d", "d");
  expect(["a", "c", "d"].map(memo.get)).toEqual(["a", "c", "d"]);
  expect(memo.get("b")).toBeUndefined();
});

test("what is asked for again and again stays, whatever else passes by", () => {
  const memo = createMemo<number>(8, one);
  memo.put("kept", 0);
  for (let n = 1; n < 100; n += 1) {
    memo.put(`k${n}`, n);
    expect(memo.get("kept")).toBe(0);
  }
  expect(memo.get("k50")).toBeUndefined();
});

test("never more than its room is kept", () => {
  const memo = createMemo<number>(8, one);
  for (let n = 0; n < 100; n += 1) memo.put(`k${n}`, n);
  const kept = Array.from({ length: 100 }, (_, n) => `k${n}`).filter((key) => memo.get(key) !== undefined);
  expect(kept.length).toBeLessThanOrEqual(8);
  expect(kept).toContain("k99");
});

test("a heavy value takes the room of several", () => {
  const memo = createMemo<number>(8, (value) => value);
  memo.put("heavy", 4);
  memo.put("light", 1);
  memo.put("heavy too", 4);
  memo.put("last", 1);
  expect(["heavy", "light", "heavy too", "last"].map(memo.get)).toEqual([undefined, 1, 4, 1]);
});
