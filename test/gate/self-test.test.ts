import { SelfTestError } from "dispatch-gate";
import { createMemoryStore } from "dispatch-gate/testing";
import { expect, test } from "vitest";
import { defineStore, type Store } from "../../src/store/port.js";
import { ALLOW_ALL, ASK_ALL, DENY_ALL, open, STORES } from "./open.js";
import { typesOf } from "./workers.js";

test.each(STORES)("a gate that opens leaves no record of its canary, %s", async (_name, openStore) => {
  const store = await openStore();
  const asked: string[] = [];
  const gate = await open({
    store,
    policy: ALLOW_ALL,
    dispatch: () => asked.push("dispatch"),
    deriveTags: () => {
      asked.push("deriveTags");
      return [];
    },
    telemetry: {
      begin: () => {
        asked.push("telemetry");
        return null;
      },
    } as never,
  });
  expect(await typesOf(gate)).toEqual(["gate.opened", "policy.activated"]);
  expect((await gate.jobs.list()).items).toEqual([]);
  expect(asked).toEqual([]);
});

test.each([
  ["allows everything", ALLOW_ALL],
  ["asks for everything", ASK_ALL],
  ["denies everything", DENY_ALL],
])("the canary is refused under a policy that %s", async (_what, policy) => {
  const gate = await open({ store: createMemoryStore(), policy, dispatch: () => "ran" });
  expect((await gate.approvals.list()).items).toEqual([]);
});

test("a store that claims what was refused keeps the gate from opening", async () => {
  const inner = createMemoryStore();
  const claim: Store["claim"] = async (request) => {
    const answer = await inner.claim(request);
    return answer.status === "refused"
      ? { status: "claimed", job: answer.job, approval: null, takenAt: 0, events: [] }
      : answer;
  };
  let calls = 0;
  const opening = open({ store: defineStore({ ...inner, claim }), policy: DENY_ALL, dispatch: () => ++calls });
  await expect(opening).rejects.toThrow(SelfTestError);
  await expect(opening).rejects.toMatchObject({
    code: "self_test_failed",
    message: expect.stringMatching(
      /^the gate did not prove that it denies: a job that may not be dispatched was answered /,
    ),
  });
  expect(calls).toBe(0);
});

test("control: without its test such a gate would run what its policy denies", async () => {
  const inner = createMemoryStore();
  let lies = false;
  const claim: Store["claim"] = async (request) => {
    const answer = await inner.claim(request);
    return lies && answer.status === "refused"
      ? { status: "claimed", job: answer.job, approval: null, takenAt: 0, events: [] }
      : answer;
  };
  let calls = 0;
  const gate = await open({ store: defineStore({ ...inner, claim }), policy: DENY_ALL, dispatch: () => ++calls });
  lies = true;
  await gate.evaluateAndDispatch({ topic: "a" });
  expect(calls).toBe(1);
});
