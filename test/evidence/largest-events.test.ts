import { generateKeyPairSync } from "node:crypto";
import { createSigner, type DispatchContext, NoEffectError, type Outcome, type Store } from "dispatch-gate";
import { createFakeClock, createMemoryStore } from "dispatch-gate/testing";
import { expect, test } from "vitest";
import {
  boundList,
  boundText,
  type EventType,
  MAX_EVENT_BYTES,
  type SealedEvent,
  sealEvent,
} from "../../src/evidence/event.js";
import { judgeAbandon } from "../../src/store/judge-abandon.js";
import { judgeReconcile } from "../../src/store/judge-reconcile.js";
import { judgeRecover } from "../../src/store/judge-recover.js";
import { judgeSpooled } from "../../src/store/judge-spooled.js";
import { defineStore } from "../../src/store/port.js";
import type { JobRow, Write } from "../../src/store/rows.js";
import { open } from "../gate/open.js";
import { ALNUM, openDraw } from "../output/draw.js";
import { head } from "../output/example.js";

/**
 * What the largest event of each type comes to here, at least, in bytes: a type without a case does not compile, and a case
 * that shrinks to an ordinary event proves nothing.
 */
const AT_LEAST: Readonly<Record<EventType, number>> = {
  "gate.opened": 100,
  "gate.recovered": 1_500,
  "gate.closed": 90,
  "gate.degraded": 200,
  "gate.halted": 4_000,
  "gate.unhalted": 4_000,
  "policy.activated": 200,
  "policy.rejected": 100,
  "job.refused": 50_000,
  "job.evaluated": 40_000,
  "job.dispatching": 50_000,
  "job.retried": 1_500,
  "job.settled": 20_000,
  "job.late": 15_000,
  "job.joined": 3_000,
  "job.reconciled": 1_500,
  "job.erased": 4_000,
  "claim.abandoned": 1_500,
  "approval.requested": 50_000,
  "approval.joined": 50_000,
  "approval.voted": 20_000,
  "approval.refused": 1_500,
  "approval.resolved": 2_000,
  "approval.detached": 2_000,
  "approval.lifted": 20_000,
  "output.released": 20_000,
  "output.refused": 2_000,
  "permit.spent": 3_000,
  "permit.refused": 500,
  "refusals.counted": 300,
  "checkpoint.failed": 3_000,
  "clock.jumped": 80,
};

/** Characters of which JSON makes six bytes, two bytes, and of which UTF-8 makes three. */
const ESCAPED = "\u0001";
const QUOTED = "\\";
const WIDE = "\u20ac";

const list = <T>(length: number, item: (n: number) => T): T[] => Array.from({ length }, (_, n) => item(n));
/** An identifier as long as it may be, of which JSON makes as many bytes as it can. */
const longId = (name: string, length = 256): string => name.padEnd(length, QUOTED);
const tags = (prefix: string): string[] => list(64, (n) => `${prefix}${n}`.padEnd(64, "t"));

const TOKEN = head("gh", "p_") + openDraw(3).text(36, ALNUM);

const reason = WIDE.repeat(1_000);
const limits = {
  max_runtime_sec: 900.123456789,
  max_output_bytes: 9_007_199_254_740_991,
  paths: { read: ["/"], deny: list(8, (n) => `/x${n}/${WIDE.repeat(200)}`) },
  network: { allow: list(18, (n) => `${n}.${"h".repeat(200)}`) },
};

const rules = [
  // A condition that throws permits nothing, and stands in `erred`.
  ...list(40, (n) => ({
    id: longId(`err-${n}`, 128),
    match: { topics: ["ask.**", "run.**"], when: 'job.labels["none"] == "x"' },
    decision: "allow",
  })),
  ...list(40, (n) => ({
    id: longId(`ask-${n}`, 128),
    match: { topics: ["ask.**"] },
    decision: "require_approval",
    reason,
    approval: { roles: list(40, (role) => longId(`${role}`, 128)), kinds: ["human", "service"], assurance: "host" },
    constraints: limits,
  })),
  ...list(40, (n) => ({
    id: longId(`slow-${n}`, 128),
    match: { topics: ["ask.**", "run.**"] },
    decision: "throttle",
    reason,
    throttle: { limit: 1_000, window_sec: 1, per: ["tenant", `label:${WIDE.repeat(200)}`] },
  })),
  {
    id: longId("full", 128),
    match: { topics: ["ask.full"] },
    decision: "throttle",
    reason,
    throttle: { limit: 1, window_sec: 31_536_000 },
  },
  { id: longId("run", 128), match: { topics: ["run.**"] }, decision: "allow_with_constraints", constraints: limits },
  {
    id: "late",
    match: { topics: ["*.late"] },
    decision: "allow_with_constraints",
    constraints: { max_runtime_sec: 0.03 },
  },
  {
    id: "retry",
    match: { topics: ["small.retry"] },
    decision: "allow_with_constraints",
    constraints: { max_retries: 1 },
  },
  { id: "small", match: { topics: ["small.**"] }, decision: "allow" },
];
const outputs = [
  ...list(40, (n) => ({
    id: longId(`look-${n}`, 128),
    match: { topics: ["**"] },
    detect: ["secrets"],
    action: "redact",
  })),
  { id: longId("hold", 128), match: { topics: ["*.hold"] }, detect: ["secrets"], action: "quarantine" },
];
const policy = { document: { version: "v1", rules, outputs } };

/** The largest job that is let in. */
const jobOf = (id: string, topic: string): Parameters<Awaited<ReturnType<typeof open>>["evaluateAndDispatch"]>[0] => ({
  id: longId(id),
  traceId: longId(`trace-${id}`),
  tenantId: longId("tenant"),
  topic,
  actor: { id: longId("actor"), type: "service", onBehalfOf: longId("other") },
  riskTags: tags("declared"),
  labels: Object.fromEntries(list(20, (n) => [`${n}`, ESCAPED.repeat(200)])),
  capability: ESCAPED.repeat(256),
  requires: list(64, (n) => `${n}`.padEnd(256, ESCAPED)),
  payload: ESCAPED.repeat(1_000),
  constraints: { maxRetries: 1, paths: { deny: list(200, (n) => `/j${n}/${WIDE.repeat(200)}`) } },
});

/** An output in which a secret stands in a thousand places, each as far down as keys lead, and each key written in the longest way. */
function hostile(count = 900): unknown {
  const key = ESCAPED.repeat(130);
  let value: unknown = list(count, () => TOKEN);
  for (let depth = 0; depth < 30; depth += 1) value = { [key]: value };
  return value;
}

/** An error whose every word is as long as it may be, with secrets all over it. */
function hostileError(): Error {
  const error = new Error(`${TOKEN} ${ESCAPED.repeat(100_000)}`);
  error.name = `E${ESCAPED.repeat(10_000)}`;
  return Object.assign(error, { details: hostile(), code: ESCAPED.repeat(10_000) });
}

async function dispatchOf(topic: string, context: DispatchContext): Promise<unknown> {
  const what = topic.split(".")[1];
  if (what === "retry" && context.attempt < 2) throw new NoEffectError("again");
  if (what === "fail") throw hostileError();
  if (what === "late") {
    await new Promise<void>((resolve) => context.signal.addEventListener("abort", () => resolve()));
    return hostile();
  }
  if (what === "gathered")
    return (async function* () {
      yield hostile();
    })();
  if (what === "stream") {
    return (async function* () {
      yield hostile(500);
      throw hostileError();
    })();
  }
  return hostile();
}

/** A store that keeps every event as it was sealed. */
function watched(events: SealedEvent[]): Store {
  const store = createMemoryStore();
  const watch =
    <In, Out extends { readonly events: readonly SealedEvent[] }>(verb: (given: In) => Promise<Out>) =>
    async (given: In): Promise<Out> => {
      const answer = await verb(given);
      events.push(...answer.events);
      return answer;
    };
  return defineStore({
    ...store,
    claim: watch(store.claim),
    settle: async (request) => {
      events.push(request.event);
      return store.settle(request);
    },
    vote: watch(store.vote),
    change: watch(store.change),
    recover: watch(store.recover),
  });
}

test("the largest event of every type there is fits into an entry of the log", { timeout: 60_000 }, async () => {
  const events: SealedEvent[] = [];
  const clock = createFakeClock();
  let failing = false;
  const signer = createSigner({ name: "example.com/log", key: generateKeyPairSync("ed25519").privateKey });
  const gate = await open({
    policy,
    store: watched(events),
    now: clock.now,
    signer: {
      ...signer,
      sign: (message) => {
        if (failing) throw new Error(ESCAPED.repeat(100_000));
        return signer.sign(message);
      },
    },
    enforcers: list(40, (n) => ({ name: longId(`enforcer-${n}`, 128), enforces: ["paths", "network"] as const })),
    dispatchers: {
      [longId("large", 128)]: {
        dispatch: ({ topic }, context) => dispatchOf(topic, context),
        enforcers: list(40, (n) => longId(`enforcer-${n}`, 128)),
      },
    },
    deriveTags: () => tags("derived"),
  });
  const large = longId("large", 128);
  const run = (id: string, topic: string, submitter = ESCAPED.repeat(255) + id[0], stream = false): Promise<Outcome> =>
    gate.evaluateAndDispatch(jobOf(id, topic), large, { submitter, stream });
  const roles = [...list(40, (n) => longId(`${n}`, 128)), ...list(24, (n) => `${n}`.padEnd(256, ESCAPED))].reverse();
  const by = { id: `${ESCAPED.repeat(255)}p`, roles };
  const ref = (id: string) => ({ jobId: longId(id), tenantId: longId("tenant") });
  const note = ESCAPED.repeat(4_096);
  const statuses: string[] = [];
  const said = async (outcome: Promise<Outcome>): Promise<Outcome> => {
    const answer = await outcome;
    statuses.push(answer.status);
    return answer;
  };

  // What is asked, joined, voted on, run; withdrawn by one of two; rejected and lifted.
  await said(run("used", "ask.used"));
  await said(run("joins", "ask.used"));
  await gate.approvals.approve(ref("used"), { by, note });
  await gate.evaluate(jobOf("used", "ask.used"), large);
  await said(gate.resume(longId("used"), large));
  await said(run("one", "ask.two"));
  await said(run("two", "ask.two"));
  await gate.approvals.cancel(ref("two"), { by: { id: longId("actor") }, note });
  await gate.approvals.cancel(ref("one"), { by: { id: longId("actor") }, note });
  await said(run("no", "ask.no"));
  await gate.approvals.reject(ref("no"), { by, note });
  await gate.approvals.lift(ref("no"), { by, note });
  await expect(gate.approvals.approve("?".repeat(100_000), { by })).rejects.toThrow("no such approval");
  await expect(gate.approvals.approve(ref("no"), { by: { id: ESCAPED.repeat(256) } })).rejects.toThrow();

  // A limit that has no room, a job that is asked for once more by another, and every way to end.
  await said(run("first", "ask.full"));
  await gate.approvals.approve(ref("first"), { by });
  await said(gate.resume(longId("first"), large));
  await said(run("full", "ask.full"));
  await gate.approvals.approve(ref("full"), { by });
  await said(gate.resume(longId("full"), large));
  for (const topic of ["run.result", "run.fail", "run.gathered", "small.hold", "small.retry", "small.late"]) {
    await said(run(topic, topic));
  }
  await said(run("run.result", "run.result", "another".padEnd(256, ESCAPED)));
  const streamed = await run("stream", "run.stream", "a", true);
  if (streamed.status === "RUNNING" && streamed.stream !== undefined) {
    await (async () => {
      for await (const _ of streamed.stream ?? []) void _;
    })().catch(() => undefined);
    statuses.push((await streamed.stream.outcome).status);
  } else statuses.push(streamed.status);
  await gate.outputs
    .get(ref("small.hold"))
    .then((output) => gate.outputs.release(ref("small.hold"), { by, view: output?.view ?? "", note }));
  await expect(
    gate.outputs.release(ref("small.hold"), { by: { id: ESCAPED.repeat(256) }, view: "none" }),
  ).rejects.toThrow();
  await gate.erase(longId("small.hold"), { by: ESCAPED.repeat(10_000) });
  await expect(gate.reload({ document: { rules: list(500, () => ESCAPED.repeat(100)) } } as never)).rejects.toThrow();
  await gate.permits.replay.spend(ESCAPED.repeat(100_000), clock.now() + 1_000);
  await gate.permits
    .verify(`${ESCAPED.repeat(100_000)}`, jobOf("x", "run.x"), { audience: longId("audience") })
    .catch(() => undefined);
  const halt = { by: `${ESCAPED.repeat(255)}p`, reason: `${ESCAPED.repeat(1_999)}p` };
  await gate.halt(halt);
  await gate.unhalt(halt);
  const refused = { ...jobOf("refused", "none.x"), actor: { id: longId("actor"), type: "agent" as const } };
  for (let n = 0; n < 12; n += 1) await gate.evaluateAndDispatch({ ...refused, id: longId(`refused-${n}`) }, large);
  failing = true;
  await gate.approvals.lift(ref("no"), { by }).catch(() => undefined);
  while (!events.some(({ type }) => type === "checkpoint.failed")) {
    await gate.evaluateAndDispatch({ topic: "small.x" }, large);
    await run(`again${events.length}`, "ask.again");
    await new Promise((resolve) => setImmediate(resolve));
  }
  await gate.close();
  events.push(...unasked());

  expect(statuses).toEqual([
    ...["PENDING_APPROVAL", "PENDING_APPROVAL", "SUCCEEDED"],
    ...["PENDING_APPROVAL", "PENDING_APPROVAL", "PENDING_APPROVAL"],
    ...["PENDING_APPROVAL", "SUCCEEDED", "PENDING_APPROVAL", "THROTTLED"],
    ...["SUCCEEDED", "FAILED", "SUCCEEDED", "QUARANTINED", "SUCCEEDED", "TIMED_OUT", "SUCCEEDED", "FAILED"],
  ]);
  const largest = new Map<string, number>();
  for (const { type, text } of events) largest.set(type, Math.max(largest.get(type) ?? 0, Buffer.byteLength(text)));
  expect([...largest].filter(([, bytes]) => bytes > MAX_EVENT_BYTES)).toEqual([]);
  expect(Object.entries(AT_LEAST).filter(([type, bytes]) => (largest.get(type) ?? 0) < bytes)).toEqual([]);
});

/** What no call of a gate makes at will: the judges' words on a process that died, and on a clock that was set. */
function unasked(): readonly SealedEvent[] {
  const job: JobRow = {
    tenantId: longId("tenant"),
    id: longId("id"),
    traceId: longId("trace"),
    hash: "",
    status: "RUNNING",
    owner: "0".repeat(36),
    dispatcher: "default",
    approvalId: "0".repeat(36),
    decision: null,
    reason: { code: "job_running", message: "the job is running" },
    constraints: null,
    result: null,
    commitment: "",
    requesters: null,
    createdAt: 0,
    updatedAt: 0,
    erasedAt: null,
    degraded: false,
  };
  const { writes } = judgeRecover(
    { now: 0, waitMs: 0, gone: [], owner: "me" },
    { owners: [], running: [job], slots: new Map() },
  );
  const recovered = writes.flatMap((write) => (write.to === "events" ? [write.event] : []));
  const about = { trace_id: job.traceId, job_id: job.id, tenant_id: job.tenantId, approval_id: job.approvalId };
  const seal = (answered: { readonly writes: readonly Write[] }): readonly SealedEvent[] =>
    answered.writes.flatMap((write) => (write.to === "events" ? [write.event] : []));
  const change = {
    now: 0,
    waitMs: 0,
    tenantId: job.tenantId,
    jobId: job.id,
    owner: "0".repeat(36),
    facts: about,
  } as const;
  const reason = { code: "deadline_exceeded", message: WIDE.repeat(1_000) } as const;
  const given = { active: null, job, approval: null, isAskedAnew: false };
  const abandoned = seal(judgeAbandon({ kind: "abandon", ...change, taken: { buckets: [], at: 0 }, reason }, given));
  const lost = { active: null, job: { ...job, status: "UNKNOWN" as const }, owners: [] };
  const reconciled = seal(judgeReconcile({ kind: "reconcile", ...change, happened: true }, lost));
  const away = {
    owner: job.owner ?? "",
    entered: 1e9,
    lost: 1e9,
    since: 1e15,
    until: 1e15,
    reason: { code: "store_io" },
  };
  const degraded = seal(
    judgeSpooled({ kind: "spooled", now: 0, waitMs: 0, entries: [], ended: away }, { active: null, jobs: () => job }),
  );
  const facts = { owner: "0".repeat(36), by_ms: Number.MIN_SAFE_INTEGER };
  return [
    ...recovered,
    ...abandoned,
    ...reconciled,
    ...degraded,
    sealEvent("clock.jumped", Number.MAX_SAFE_INTEGER, facts),
  ];
}

test("the control: findings that only their number bounds do not fit", () => {
  const findings = list(32, () => ({ kind: "github_token", path: boundText(`/${ESCAPED.repeat(500)}`), length: 40 }));
  expect(() => sealEvent("job.settled", 0, { findings: boundList(findings) })).toThrow(
    "an event of type job.settled is larger than 65535 bytes",
  );
});
