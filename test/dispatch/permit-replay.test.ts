import { describe, expect, it, test } from "vitest";
import { type VerifyOptions, verifyPermit } from "../../src/dispatch/check-permit.js";
import { createReplayMemory, type ReplayStore } from "../../src/dispatch/replay.js";
import { check, LIFETIME_SEC, NOW, OPTIONS, permit, received, refusal } from "./permit-sample.js";

const memory = (now = () => NOW): ReplayStore => createReplayMemory({ now });
const answering = (spend: () => unknown): ReplayStore => ({ spend: async () => spend() as boolean });
const verify = async (token: unknown, replay: ReplayStore, options: Partial<VerifyOptions> = {}) =>
  refusal(verifyPermit(token, received(), { ...OPTIONS, replay, ...options }));

const REPLAYED = ["permit_replayed", "the permit was used before"];
const UNKNOWN = ["permit_replay_unknown", "the replay store could not say whether the permit was used before"];

describe("a permit", () => {
  it("is accepted once", async () => {
    const [token, replay] = [await permit(), memory()];
    expect((await verify(token, replay))[0]).toBe("accepted");
    expect(await verify(token, replay)).toEqual(REPLAYED);
  });

  it("is accepted once by verifications at the same time", async () => {
    const [token, replay] = [await permit(), memory()];
    const codes = await Promise.all(Array.from({ length: 8 }, () => verify(token, replay)));
    expect(codes.filter(([code]) => code === "accepted")).toHaveLength(1);
    expect(codes.filter(([code]) => code === "permit_replayed")).toHaveLength(7);
  });

  it("control: is accepted twice where the look and the note are two steps", async () => {
    const seen = new Set<string>();
    let looked = 0;
    let bothLooked = (): void => {};
    const both = new Promise<void>((resolve) => {
      bothLooked = resolve;
    });
    const naive: ReplayStore = {
      spend: async (id) => {
        const first = !seen.has(id);
        looked += 1;
        if (looked === 2) bothLooked();
        await both;
        seen.add(id);
        return first;
      },
    };
    const token = await permit();
    const codes = await Promise.all([verify(token, naive), verify(token, naive)]);
    expect(codes.map(([code]) => code)).toEqual(["accepted", "accepted"]);
  });

  it("counts as used whichever audience used it: two tokens of one attempt are one permit", async () => {
    const replay = memory();
    expect((await verify(await permit(), replay))[0]).toBe("accepted");
    expect(await verify(await permit({}, "other"), replay, { audience: "other" })).toEqual(REPLAYED);
    expect((await verify(await permit({ permitId: "permit-2", attempt: 2 }), replay))[0]).toBe("accepted");
  });

  it("that is refused is not spent", async () => {
    const [token, replay] = [await permit(), memory()];
    expect((await verify(token, replay, { audience: "other" }))[0]).toBe("permit_audience_mismatch");
    expect((await refusal(verifyPermit(token, {}, { ...OPTIONS, replay })))[0]).toBe("permit_job_mismatch");
    expect((await verify(token, replay))[0]).toBe("accepted");
  });

  it("passes a mere check as often as one likes", async () => {
    const token = await permit();
    expect(await check(token)).toEqual(await check(token));
  });

  it.each([
    ["throws", () => Promise.reject(new Error("disk"))],
    ["answers undefined", () => undefined],
    ["answers 1", () => 1],
    ['answers "true"', () => "true"],
    ["answers null", () => null],
  ])("is refused where the store %s", async (_, spend) => {
    expect(await verify(await permit(), answering(spend))).toEqual(UNKNOWN);
  });

  it("is refused where the store throws at once, with the cause beside it", async () => {
    const cause = new Error("disk");
    const replay: ReplayStore = {
      spend: () => {
        throw cause;
      },
    };
    await expect(verifyPermit(await permit(), received(), { ...OPTIONS, replay })).rejects.toMatchObject({
      code: "permit_replay_unknown",
      cause,
    });
  });

  it("is refused where the store answered after the permit had ended, and may have forgotten it", async () => {
    let now = NOW;
    const slow = answering(() => {
      now = NOW + LIFETIME_SEC * 1_000 + 5_000;
      return true;
    });
    expect((await verify(await permit(), slow, { now: () => now }))[0]).toBe("permit_expired");
  });

  it("is remembered for longer than any worker may take it", async () => {
    let until = 0;
    const replay: ReplayStore = {
      spend: async (_, expiresAt) => {
        until = expiresAt;
        return true;
      },
    };
    await verify(await permit(), replay);
    expect(until).toBe(NOW + (LIFETIME_SEC + 600) * 1_000);
  });

  it("needs a store to be verified", async () => {
    for (const replay of [undefined, null, {}, { spend: true }]) {
      await expect(verifyPermit(await permit(), received(), { ...OPTIONS, replay } as VerifyOptions)).rejects.toThrow(
        new TypeError("verifyPermit needs a `replay` store; to check a permit without spending it use checkPermit"),
      );
    }
  });
});

describe("the replay memory", () => {
  const full = "the replay memory is full of permits that have not ended";
  const over = "the permit ended before it could be spent";

  it("answers true once, and false until the id's end", async () => {
    let now = 0;
    const replay = memory(() => now);
    expect(await replay.spend("a", 100)).toBe(true);
    now = 99;
    expect(await replay.spend("a", 100)).toBe(false);
    expect(await replay.spend("b", 200)).toBe(true);
  });

  it("does not answer true for an id that has ended: it may have been seen and forgotten", async () => {
    let now = 0;
    const replay = memory(() => now);
    await replay.spend("a", 100);
    now = 100;
    await expect(replay.spend("a", 100)).rejects.toThrow(over);
    await expect(replay.spend("b", 100)).rejects.toThrow(over);
  });

  it("refuses when it is full, forgets what has ended, and nothing else", async () => {
    let now = 0;
    const replay = createReplayMemory({ now: () => now, max: 2 });
    expect(await replay.spend("a", 100)).toBe(true);
    expect(await replay.spend("b", 200)).toBe(true);
    await expect(replay.spend("c", 300)).rejects.toThrow(full);
    expect(await replay.spend("b", 200)).toBe(false);
    now = 100;
    expect(await replay.spend("c", 300)).toBe(true);
    expect(await replay.spend("b", 200)).toBe(false);
    await expect(replay.spend("d", 300)).rejects.toThrow(full);
    now = 200;
    expect(await replay.spend("d", 300)).toBe(true);
    expect(await replay.spend("c", 300)).toBe(false);
  });

  it("does not give back an id when the clock is set back", async () => {
    let now = 0;
    const replay = createReplayMemory({ now: () => now, max: 1 });
    await replay.spend("a", 100);
    now = 100;
    await replay.spend("b", 200);
    now = 0;
    await expect(replay.spend("a", 100)).rejects.toThrow(over);
  });

  it("answers nothing while its clock tells no time", async () => {
    await expect(memory(() => Number.NaN).spend("a", 100)).rejects.toThrow(
      "the clock of the replay memory does not answer a time",
    );
    await expect(memory().spend("a", Number.NaN)).rejects.toThrow("a spent permit needs an id and an end");
  });

  test.each([0, 1.5, -1, 10_000_001, Number.NaN, "5"])("takes no bound of %s", (max) => {
    expect(() => createReplayMemory({ max: max as number })).toThrow(
      new TypeError("`max` must be an integer from 1 to 10000000"),
    );
  });

  it("takes no clock that is no function", () => {
    expect(() => createReplayMemory({ now: 1 as never })).toThrow(new TypeError("`now` must be a function"));
  });
});
