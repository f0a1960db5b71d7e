import { type GateOptions, toModelText } from "dispatch-gate";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { ALLOW_ALL, ASK_ALL, DENY_ALL, open, rules, STORES } from "./open.js";

// Put together here, so that no complete key stands in the source.
const KEY = `AKIA${"IOSFODNN7"}${"EXAMPLE"}`;

const quarantining = {
  yaml: `${ALLOW_ALL.yaml}
outputs:
  - id: hold
    match: { topics: ["**"] }
    detect: [secrets]
    action: quarantine
`,
};

describe.each(STORES)("output, %s", (_name, openStore) => {
  test("a secret is redacted without any rule, in the answer, in the replay, and in what is kept", async () => {
    const store = await openStore();
    const gate = await open({ policy: ALLOW_ALL, store, dispatch: () => ({ file: `key=${KEY}\n`, size: 24 }) });
    const done = expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "a" }), { status: "SUCCEEDED" });
    expect(JSON.stringify(done.output)).not.toContain(KEY);
    const [{ fingerprint = "" } = {}] = done.findings;
    expect(fingerprint).toMatch(/^(?!000000000000)[0-9a-f]{12}$/);
    expect(done.output).toEqual({ file: `key=[REDACTED:aws_access_key_id:${fingerprint}]\n`, size: 24 });
    expect(done.findings).toEqual([
      {
        kind: "aws_access_key_id",
        path: "/file",
        length: KEY.length,
        fingerprint,
        ruleId: "@output_default",
        action: "redact",
      },
    ]);
    const replay = expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "a" }), {
      status: "SUCCEEDED",
      replayed: true,
    });
    expect(replay.output).toEqual(done.output);
    expect(replay.findings).toEqual(done.findings);
    const everything = JSON.stringify([
      ...((await store.read({ kind: "job", id: "j", tenantId: null })).jobs?.[0]?.vault ?? []),
    ]);
    expect(everything).not.toContain(KEY);
    expect(JSON.stringify((await gate.audit.events()).items)).not.toContain(KEY);
  });

  test("a rule that quarantines withholds the whole output", async () => {
    const gate = await open({ policy: quarantining, store: await openStore(), dispatch: () => ({ file: KEY }) });
    const held = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), {
      status: "QUARANTINED",
      code: "output_quarantined",
      dispatched: true,
    });
    expect(JSON.stringify(held)).not.toContain(KEY);
    expect(held.findings.length).toBe(1);
    expect(held.quarantineId).toMatch(/^[0-9a-f-]{36}$/);
    const again = expectOutcome((await gate.jobs.get(held.jobId ?? "")) ?? held, { status: "QUARANTINED" });
    expect(again.quarantineId).toBe(held.quarantineId);
  });

  test("what is not plain data is quarantined, and the message says where", async () => {
    const gate = await open({
      policy: ALLOW_ALL,
      store: await openStore(),
      dispatch: () => ({ stream: { read: () => 1 } }),
    });
    const held = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "QUARANTINED" });
    expect(held.reason.message).toContain("/stream/read");
  });

  test("the words of an error are inspected too", async () => {
    const gate = await open({
      policy: ALLOW_ALL,
      store: await openStore(),
      dispatch: () => {
        throw new Error(`cannot log in with ${KEY}`);
      },
    });
    const failed = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "FAILED" });
    expect(JSON.stringify(failed)).not.toContain(KEY);
    const [{ fingerprint = "" } = {}] = failed.findings;
    expect(failed.error.message).toBe(`cannot log in with [REDACTED:aws_access_key_id:${fingerprint}]`);
    // The stack begins with the message, and leaves too.
    expect(failed.error.stack).toContain(`cannot log in with [REDACTED:aws_access_key_id:${fingerprint}]`);
  });

  test("own properties of an error and errors that it gathers leave, inspected", async () => {
    const store = await openStore();
    const gate = await open({
      policy: ALLOW_ALL,
      store,
      dispatch: () => {
        const inner = Object.assign(new Error("inner"), { config: { headers: [`X-Key: ${KEY}`] }, tries: 3 });
        throw new AggregateError([inner, `so ${KEY}`], "all failed");
      },
    });
    const failed = expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "a" }), { status: "FAILED" });
    expect(JSON.stringify(failed)).not.toContain(KEY);
    expect(failed.error).toMatchObject({
      message: "all failed",
      errors: [{ message: "inner", properties: { tries: 3 } }, { name: "NonError" }],
    });
    const replay = expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "a" }), { status: "FAILED" });
    expect(replay.error).toEqual(failed.error);
    const { jobs } = await store.read({ kind: "job", id: "j", tenantId: null });
    expect(JSON.stringify(jobs?.[0]?.vault ?? [])).not.toContain(KEY);
  });

  test("equal secrets have equal fingerprints in one job, and others in the next, unless the gate has a key", async () => {
    const printsOf = async (options: Partial<GateOptions>): Promise<readonly (string | undefined)[]> => {
      const dispatch = (): unknown => [KEY, { again: `so ${KEY}` }, Buffer.from(`base64: ${KEY}`).toString("base64")];
      const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch, ...options });
      const prints: (string | undefined)[] = [];
      for (let job = 0; job < 2; job += 1) {
        const done = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "SUCCEEDED" });
        const [first, ...others] = done.findings.map(({ fingerprint }) => fingerprint);
        expect(others).toEqual([first, first]);
        prints.push(first);
      }
      return prints;
    };
    const [one, two] = await printsOf({});
    expect(one).not.toBe(two);
    const fingerprintKey = new Uint8Array(32).fill(7);
    const [three, four] = await printsOf({ fingerprintKey });
    expect(three).toBe(four);
    expect(await printsOf({ fingerprintKey })).toEqual([three, three]);
    expect(await printsOf({ fingerprintKey: new Uint8Array(32).fill(8) })).not.toContain(three);
  });

  test("a detector of the host's own is asked, and withholds the output when it fails", async () => {
    const policy = {
      yaml: `${ALLOW_ALL.yaml}
outputs:
  - id: badges
    match: { topics: ["**"] }
    detect: [{ detector: badge }]
    action: redact
`,
    };
    const find = (text: string): readonly { readonly start: number; readonly end: number }[] => {
      if (text.includes("fail")) throw new Error(`no ${KEY}`);
      const start = text.indexOf("B-111111");
      return start === -1 ? [] : [{ start, end: start + 8 }];
    };
    let output = "by B-111111";
    const gate = await open({
      policy,
      store: await openStore(),
      detectors: [{ name: "badge", find }],
      dispatch: () => output,
    });
    const done = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "SUCCEEDED" });
    expect(done.output).toBe("by [REDACTED:badge]");
    output = "fail";
    const held = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "QUARANTINED" });
    expect(held.reason.message).toBe("a detector failed, so the output was not inspected");
    expect(JSON.stringify(held)).not.toContain(KEY);
  });

  test("a rule that came into force while the job ran holds back its output", async () => {
    const gate = await open({
      policy: ALLOW_ALL,
      store: await openStore(),
      dispatch: async () => {
        await gate.reload(quarantining);
        return { file: KEY };
      },
    });
    expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "QUARANTINED" });
  });

  test("the caller's copy is its own: what the function still holds cannot change it", async () => {
    const mine = { list: [1] };
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => mine });
    const done = expectOutcome(await gate.evaluateAndDispatch({ topic: "a" }), { status: "SUCCEEDED" });
    mine.list.push(666);
    expect(done.output).toEqual({ list: [1] });
  });
});

describe("an outcome in words for a model", () => {
  test("says what happened and what may be done now, and names no rule", async () => {
    const words = async (policy: { yaml: string }, dispatch: () => unknown): Promise<string> => {
      const gate = await open({ policy, store: createMemoryStore(), dispatch, maxRuntimeSec: 0.05 });
      return toModelText(await gate.evaluateAndDispatch({ topic: "a" }));
    };
    expect(await words(ALLOW_ALL, () => ({ n: 1 }))).toBe('The action ran. Its result: {"n":1}');
    expect(await words(ALLOW_ALL, () => undefined)).toBe("The action ran. Its result: nothing");
    expect(await words(ALLOW_ALL, () => new Map([["a", 1n]]))).toBe('The action ran. Its result: [["a","1"]]');
    expect(await words(DENY_ALL, () => 1)).toBe(
      "The action was refused and did not run: closed for the day. Repeating it unchanged will not help.",
    );
    expect(await words(ASK_ALL, () => 1)).toContain("waits for a person's approval (a person looks at everything)");
    expect(await words(ALLOW_ALL, () => Promise.reject(new Error("no such ticket")))).toBe(
      "The action ran and failed: no such ticket",
    );
    expect(await words(ALLOW_ALL, () => new Promise(() => undefined))).toContain("took too long");
    expect(await words(quarantining, () => KEY)).toContain("withheld for review");
    const limited = rules(`
- id: all
  match: { topics: ["**"] }
  decision: allow
- id: secret-limit-name
  match: { topics: ["**"] }
  decision: throttle
  throttle: { limit: 1, window_sec: 60 }`);
    const gate = await open({ policy: limited, store: createMemoryStore(), dispatch: () => 1 });
    await gate.evaluateAndDispatch({ topic: "a" });
    const text = toModelText(await gate.evaluateAndDispatch({ topic: "a" }));
    expect(text).toMatch(/^The action did not run: .*It may be tried again in \d+ s\.$/);
    expect(text).not.toContain("secret-limit-name");
  });
});
