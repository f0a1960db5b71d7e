import { expect, test } from "vitest";
import { freshTraceId, uuidv7 } from "../../src/gate/ids.js";

const AT = 1_795_700_000_000;

test("ids have the form and the time of a UUIDv7 (RFC 9562)", () => {
  for (const now of [0, AT, 2 ** 48 - 1]) {
    const id = uuidv7(now);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(id.replace("-", "").slice(0, 12), 16)).toBe(now);
  }
});

test("ids of one moment stand in the order that they were made in, and those of a later one behind them", () => {
  for (let round = 0; round < 20; round += 1) {
    const ids = Array.from({ length: 2_048 }, () => uuidv7(AT + round));
    expect(ids).toEqual([...ids].sort());
    expect(uuidv7(AT + round + 1) > (ids.at(-1) ?? "")).toBe(true);
  }
});

test("where a moment has more of them than have an order, they are still of that moment, and each is another", () => {
  const ids = Array.from({ length: 10_000 }, () => uuidv7(AT));
  expect(new Set(ids).size).toBe(ids.length);
  expect(new Set(ids.map((id) => id.slice(0, 14))).size).toBe(1);
});

test("trace ids have the form of W3C trace context", () => {
  expect(freshTraceId()).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
});
