import { afterEach, describe, expect, test } from "vitest";
import { createGate, type Gate, type GateOptions, OutputError } from "../../src/index.js";
import type { OutputRule } from "../../src/outcome.js";
import { inspectStream } from "../../src/output/stream.js";

// What hostile readers found of streams and releases, so that it stays found.

const ALLOW = `version: v1
rules:
  - { id: all, match: { topics: ["**"] }, decision: allow }
`;
const WITHHOLDING = `${ALLOW}outputs:
  - { id: accounts, match: { topics: ["**"] }, detect: [{ name: account, pattern: "ACME-[0-9]{6}" }], action: quarantine }
`;
const LINE = "Nothing of what stands here is hidden from anybody. ".repeat(50);

const gates: Gate[] = [];
afterEach(async () => {
  for (const gate of gates.splice(0)) await gate.close();
});

async function open(options: Partial<GateOptions>): Promise<Gate> {
  const gate = await createGate({ policy: { yaml: ALLOW }, store: ":memory:", ...options });
  gates.push(gate);
  return gate;
}

describe("a stream", () => {
  test("is told at once that its reader has stopped, also before the writer waits for room, and never begins again", async () => {
    let calls = 0;
    let returned = 0;
    async function* lines(): AsyncGenerator<string> {
      calls += 1;
      try {
        for (let line = 0; line < 200; line += 1) yield LINE;
      } finally {
        returned += 1;
      }
    }
    const policy = {
      yaml: ALLOW.replace("decision: allow", "decision: allow_with_constraints, constraints: { max_retries: 1 }"),
    };
    const gate = await open({ policy, dispatch: lines, streamIdleSec: 0.2, isWithoutEffect: () => true });
    const outcome = await gate.evaluateAndDispatch({ topic: "a" }, "default", { stream: true });
    if (outcome.status !== "RUNNING" || outcome.stream === undefined) throw new Error(outcome.status);
    for await (const chunk of outcome.stream) {
      expect(typeof chunk).toBe("string");
      await null;
      break;
    }
    expect((await outcome.stream.outcome).reason.code).toBe("stream_cancelled");
    expect([calls, returned]).toEqual([1, 1]);
  });

  test("that never waits is held to its run time all the same", async () => {
    async function* endless(): AsyncGenerator<string> {
      for (;;) yield "";
    }
    const gate = await open({ dispatch: endless, maxRuntimeSec: 0.2 });
    expect((await gate.evaluateAndDispatch({ topic: "a" })).status).toBe("TIMED_OUT");
  });

  test("that nobody reads on is stopped by the caller's signal, and hands out nothing after its end", async () => {
    async function* lines(): AsyncGenerator<string> {
      for (let line = 0; line < 5_000; line += 1) yield LINE;
    }
    const gate = await open({ dispatch: lines });
    const caller = new AbortController();
    const outcome = await gate.evaluateAndDispatch({ topic: "a" }, "default", { stream: true, signal: caller.signal });
    if (outcome.status !== "RUNNING" || outcome.stream === undefined) throw new Error(outcome.status);
    const reader = outcome.stream[Symbol.asyncIterator]();
    await reader.next();
    caller.abort();
    expect((await outcome.stream.outcome).status).toBe("FAILED");
    await expect(reader.next()).rejects.toMatchObject({ code: "aborted" });
  });

  test("lets no secret go that white space parts, however much of it", () => {
    const rules: readonly OutputRule[] = [{ ruleId: "r", detect: ["secrets"], action: "redact" }];
    const key = `AKIA${"IOSFODNN7"}${"EXAMPLE"}`;
    const inspector = inspectStream({ rules: () => rules });
    let left = "";
    for (const chunk of [LINE, ...[...key].map((character) => `${character}${"\n".repeat(120)}`), LINE, LINE]) {
      const passed = inspector.push(chunk);
      if (passed.ok) left += passed.chunks.join("");
    }
    const last = inspector.end();
    if (last.ok) left += last.chunks.join("");
    expect(left.replaceAll(/\s/g, "")).not.toContain(key);
    expect(left).toContain("[REDACTED:aws_access_key_id");
  });
});

describe("whoever submitted a job", () => {
  const job = { id: "j", topic: "a", actor: { id: "bot", type: "agent" } } as const;

  test("while it ran, or after it had, does not release its output", async () => {
    let go = (): void => undefined;
    const until = new Promise<void>((resolve) => {
      go = resolve;
    });
    const dispatch = async (): Promise<string> => {
      await until;
      return "ACME-123456";
    };
    const gate = await open({ policy: { yaml: WITHHOLDING }, dispatch });
    const first = gate.evaluateAndDispatch(job, "default", { submitter: "ann" });
    while ((await gate.jobs.get("j"))?.status !== "RUNNING") await new Promise((resolve) => setImmediate(resolve));
    const joined = gate.evaluateAndDispatch(job, "default", { submitter: "bob" });
    while (!(await gate.audit.events({ limit: 100 })).items.some(({ type }) => type === "job.joined")) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    go();
    await Promise.all([first, joined]);
    await gate.evaluateAndDispatch(job, "default", { submitter: "carl" });
    const view = (await gate.outputs.get({ jobId: "j" }))?.view ?? "";
    for (const id of ["bot", "ann", "bob", "Carl "]) {
      const refused = await gate.outputs.release({ jobId: "j" }, { by: { id }, view }).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(OutputError);
      expect(refused).toMatchObject({ code: "output_is_requester" });
    }
    expect((await gate.outputs.release({ jobId: "j" }, { by: { id: "dora" }, view })).output).toBe("ACME-123456");
  });

  test("a key of what is withheld is in no event, message or finding", async () => {
    const key = `AKIA${"IOSFODNN7"}${"EXAMPLE"}`;
    const gate = await open({
      policy: { yaml: WITHHOLDING },
      quarantined: "discard",
      dispatch: () => ({ [`customer ${key}`]: "ACME-123456" }),
    });
    const outcome = await gate.evaluateAndDispatch(job);
    expect(outcome.status).toBe("QUARANTINED");
    const { items } = await gate.audit.events({ limit: 100 });
    const shown = await gate.outputs.get({ jobId: "j" });
    expect(JSON.stringify([outcome, items, shown])).not.toContain(key);
  });
});
