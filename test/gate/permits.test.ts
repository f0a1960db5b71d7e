import {
  type DispatchContext,
  defineStore,
  type GateOptions,
  type Job,
  type PermitErrorCode,
  verifyPermit,
} from "dispatch-gate";
import { createFakeClock, createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { AUDIENCE, encode, jsonOf, KEY, partsOf, permit, received } from "../dispatch/permit-sample.js";
import { ALLOW_ALL, ASK_ALL, held, open, STORES } from "./open.js";

const JOB: Job = { topic: "a", actor: { id: "bot", type: "agent" } };

describe("permits", () => {
  test("are signed when asked for, say what the run is held to, and are used once by who checks them", async () => {
    let token = "";
    let sent: unknown;
    const gate = await open({
      policy: held("max_output_bytes: 1000"),
      store: createMemoryStore(),
      dispatch: async (job, { permit }) => {
        token = await permit.token({ audience: "worker-1" });
        expect(await permit.token({ audience: "worker-1" })).not.toBe("");
        sent = JSON.parse(JSON.stringify(job));
        return "sent";
      },
    });
    const done = expectOutcome(await gate.evaluateAndDispatch({ ...JOB, payload: { a: 1 } }), { status: "SUCCEEDED" });
    const options = { key: await gate.permits.jwk(), audience: "worker-1", replay: gate.permits.replay };
    const permit = await verifyPermit(token, sent, options);
    expect(permit).toMatchObject({
      jobId: done.jobId,
      jobHash: done.jobHash,
      snapshot: gate.policy.snapshot,
      dispatcher: "default",
      attempt: 1,
      constraints: { maxRuntimeSec: 900, maxOutputBytes: 1_000 },
    });
    await expect(verifyPermit(token, sent, options)).rejects.toMatchObject({ code: "permit_replayed" });
    const tampered = { ...(sent as object), payload: { a: 2 } };
    await expect(verifyPermit(token, tampered, options)).rejects.toMatchObject({ code: "permit_job_mismatch" });
  });

  test.each(STORES)("what was used is remembered for all gates on the store, %s", async (_name, openStore) => {
    const store = await openStore();
    const clock = createFakeClock();
    const one = await open({ policy: ASK_ALL, store, now: clock.now });
    const two = await open({ activate: "never", store, now: clock.now });
    const end = clock.now() + 10_000;
    const first = await Promise.all([one, two, one, two].map(({ permits }) => permits.replay.spend("p", end)));
    expect(first.filter((answer) => answer)).toHaveLength(1);
    clock.advance(9_999);
    expect(await two.permits.replay.spend("p", end)).toBe(false);
    clock.advance(1);
    // Forgotten by now, and so not known to be unused.
    expect(await two.permits.replay.spend("p", end)).toBe(false);
    expect(await two.permits.replay.spend("q", clock.now() + 1)).toBe(true);
  });
});

test("a permit is signed for an attempt that runs, and for no longer than it may", async () => {
  const clock = createFakeClock();
  let context: DispatchContext | undefined;
  const gate = await open({
    policy: held("max_runtime_sec: 30"),
    store: createMemoryStore(),
    now: clock.now,
    dispatch: async (_job, ctx) => {
      context = ctx;
      const tokens = [{}, { expiresInSec: 5 }, { expiresInSec: 86_400 }].map((more) =>
        ctx.permit.token({ audience: AUDIENCE, ...more }),
      );
      return (await Promise.all(tokens)).map((token) => jsonOf(partsOf(token)[1]) as never);
    },
  });
  const done = expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "SUCCEEDED" });
  const lives = (done.output as unknown as { iat: number; exp: number }[]).map(({ iat, exp }) => exp - iat);
  expect(lives).toEqual([30, 5, 30]);
  await expect(context?.permit.token({ audience: AUDIENCE })).rejects.toThrow("the attempt is over");
});

test.each(STORES)(
  "a time that is no whole number is taken up to one, and what is no time is refused, %s",
  async (_name, openStore) => {
    const clock = createFakeClock();
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), now: clock.now });
    expect(await gate.permits.replay.spend("p", clock.now() + 0.5)).toBe(true);
    expect(await gate.permits.replay.spend("p", clock.now() + 0.5)).toBe(false);
    for (const at of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(gate.permits.replay.spend("q", at)).rejects.toThrow(TypeError);
    }
  },
);

describe.each(STORES)("permits that the gate is shown, %s", (_name, openStore) => {
  /** A gate that ran one job, with what its worker was sent. */
  async function ran({ permitKey }: Pick<GateOptions, "permitKey"> = { permitKey: KEY }) {
    const clock = createFakeClock();
    const whole = await openStore();
    const faults = { on: false };
    const store = defineStore({
      ...whole,
      change: async (step) => {
        if (faults.on && (step.kind === "spend" || step.kind === "note")) throw new Error("the disk is full");
        return whole.change(step);
      },
    });
    let token = "";
    let sent: unknown;
    const gate = await open({
      policy: ALLOW_ALL,
      store,
      now: clock.now,
      ...(permitKey === undefined ? {} : { permitKey }),
      dispatch: async (job, ctx) => {
        token = await ctx.permit.token({ audience: AUDIENCE, expiresInSec: 60 });
        sent = JSON.parse(JSON.stringify(job));
        return "sent";
      },
    });
    const { jobId, traceId } = expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "SUCCEEDED" });
    const permits = async (): Promise<readonly unknown[]> => {
      const { items } = await gate.audit.events({ limit: 1_000 });
      return items.flatMap(({ type, traceId, body }) => (type.startsWith("permit.") ? [{ type, traceId, body }] : []));
    };
    return { gate, faults, clock, token, sent, jobId, traceId, permits };
  }

  test("hold once, and both the use and a second attempt stand in the job's timeline", async () => {
    const { gate, token, sent, jobId, traceId, permits } = await ran();
    const { permitId } = await gate.permits.verify(token, sent, { audience: AUDIENCE });
    await expect(gate.permits.verify(token, sent, { audience: AUDIENCE })).rejects.toMatchObject({
      code: "permit_replayed",
      subject: { permitId, jobId, traceId, tenantId: "default" },
    });
    const about = { audience: AUDIENCE, job_id: jobId, tenant_id: "default", trace_id: traceId, permit_id: permitId };
    expect(await permits()).toEqual([
      { type: "permit.spent", traceId, body: expect.objectContaining({ ...about, expires_at: expect.any(Number) }) },
      {
        type: "permit.refused",
        traceId,
        body: expect.objectContaining({
          ...about,
          reason: { code: "permit_replayed", message: "the permit was used before" },
        }),
      },
    ]);
    const { entries } = await gate.audit.timeline(traceId ?? "");
    expect(entries.map(({ type }) => type)).toEqual([
      "job.dispatching",
      "job.settled",
      "permit.spent",
      "permit.refused",
    ]);
    expect(entries.slice(2).map(({ summary }) => summary)).toEqual([
      "payments-worker took the permit of an attempt",
      "payments-worker was shown a permit that does not hold: permit_replayed: the permit was used before",
    ]);
  });

  type Shown = Awaited<ReturnType<typeof ran>>;
  interface Forgery {
    readonly code: PermitErrorCode;
    /** Whether the signature is that of the gate, so that the record can name the attempt. */
    readonly known: boolean;
    readonly show: (shown: Shown) => Promise<unknown>;
  }
  const forged: Readonly<Record<string, Forgery>> = {
    "none at all": {
      code: "permit_malformed",
      known: false,
      show: ({ gate, sent }) => gate.permits.verify(undefined, sent, { audience: AUDIENCE }),
    },
    "`alg: none`": {
      code: "permit_malformed",
      known: false,
      show: ({ gate, token, sent }) => {
        const [, payload] = partsOf(token);
        return gate.permits.verify(`${encode({ alg: "none" })}.${payload}.`, sent, { audience: AUDIENCE });
      },
    },
    "another key": {
      code: "permit_signature_invalid",
      known: false,
      show: async ({ gate }) => {
        const other = await ran({});
        return gate.permits.verify(other.token, other.sent, { audience: AUDIENCE });
      },
    },
    "other claims under the same signature": {
      code: "permit_signature_invalid",
      known: false,
      show: async ({ gate, token, sent }) => {
        const [head, , signature] = partsOf(token);
        const [, payload] = partsOf(await permit());
        return gate.permits.verify(`${head}.${payload}.${signature}`, sent, { audience: AUDIENCE });
      },
    },
    "another audience": {
      code: "permit_audience_mismatch",
      known: true,
      show: ({ gate, token, sent }) => gate.permits.verify(token, sent, { audience: "other-worker" }),
    },
    "another job": {
      code: "permit_job_mismatch",
      known: true,
      show: ({ gate, token }) => gate.permits.verify(token, received(), { audience: AUDIENCE }),
    },
    "the job with another payload": {
      code: "permit_job_mismatch",
      known: true,
      show: ({ gate, token, sent }) =>
        gate.permits.verify(token, { ...(sent as object), payload: { a: 2 } }, { audience: AUDIENCE }),
    },
    "one that has ended": {
      code: "permit_expired",
      known: true,
      show: ({ gate, clock, token, sent }) => {
        clock.advance(65_000);
        return gate.permits.verify(token, sent, { audience: AUDIENCE });
      },
    },
  };

  test.each(Object.entries(forged))("are refused and recorded: %s", async (_what, { code, known, show }) => {
    const shown = await ran();
    await expect(show(shown)).rejects.toMatchObject({
      name: "PermitError",
      code,
      subject: known ? { jobId: shown.jobId } : null,
    });
    const traceId = known ? shown.traceId : null;
    expect(await shown.permits()).toEqual([
      {
        type: "permit.refused",
        traceId,
        body: expect.objectContaining({ reason: { code, message: expect.any(String) } }),
      },
    ]);
    // Nothing was spent on the way, and what was refused takes nothing from what is real.
    if (code === "permit_expired") return;
    await expect(shown.gate.permits.verify(shown.token, shown.sent, { audience: AUDIENCE })).resolves.toMatchObject({
      jobId: shown.jobId,
    });
  });

  test("are refused where the store cannot say, also when that cannot be recorded", async () => {
    const { gate, faults, token, sent } = await ran();
    faults.on = true;
    await expect(gate.permits.verify(token, sent, { audience: AUDIENCE })).rejects.toMatchObject({
      code: "permit_replay_unknown",
    });
    faults.on = false;
    await expect(gate.permits.verify(token, sent, { audience: AUDIENCE })).resolves.toMatchObject({ attempt: 1 });
  });

  test("options that are wrong are no answer about the permit", async () => {
    const { gate, token, sent, permits } = await ran();
    const wrong = [
      undefined,
      {},
      { audience: "" },
      { audience: AUDIENCE, replay: {} },
      { audience: AUDIENCE, clockToleranceSec: 301 },
    ];
    for (const options of wrong) {
      await expect(gate.permits.verify(token, sent, options as never)).rejects.toThrow(TypeError);
    }
    expect(await permits()).toEqual([]);
  });
});
