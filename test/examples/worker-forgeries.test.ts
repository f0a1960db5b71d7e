import { type ChildProcess, fork } from "node:child_process";
import { createHmac, createPublicKey, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Answer } from "../../examples/worker/worker.js";
import { createPermitKeys } from "../../src/dispatch/permit-token.js";
import { admitted, encode, FACTS, jsonOf, jwk, KEY, keys, partsOf, signed, textOf } from "../dispatch/permit-sample.js";

const AUDIENCE = "refund-worker";
const { job, hash } = admitted({ topic: "job.shop.refund", tenantId: "acme", payload: { order: "A-17" } });
const sent = (): Record<string, unknown> => JSON.parse(JSON.stringify(job)) as Record<string, unknown>;

/** A permit of that job that holds, but for what is changed. */
function permit(terms: { audience?: string; now?: number } = {}, facts: Partial<typeof FACTS> = {}): Promise<string> {
  const about = { ...FACTS, jobId: job.id, tenantId: job.tenantId, jobHash: hash, traceId: job.traceId, ...facts };
  return keys.sign(about, { audience: AUDIENCE, now: Date.now(), expiresInSec: 60, ...terms });
}

let worker: ChildProcess;
let number = 0;

/** What the worker's process answers. */
async function ask(token: unknown, sentJob: unknown = sent()): Promise<Answer> {
  number += 1;
  const answer = once(worker, "message");
  worker.send({ number, job: sentJob, token });
  return (await answer)[0] as Answer;
}

beforeAll(() => {
  worker = fork(fileURLToPath(new URL("../../examples/worker/worker.ts", import.meta.url)), {
    execArgv: ["--import", "tsx"],
    env: { ...process.env, PERMIT_KEY: JSON.stringify(jwk) },
  });
});

afterAll(async () => {
  const ended = once(worker, "exit");
  worker.disconnect();
  await ended;
});

const HOUR = 3_600_000;
const FORGERIES: readonly (readonly [what: string, code: string, ask: () => Promise<Answer>])[] = [
  ["none at all", "permit_malformed", () => ask(undefined)],
  ["one cut short", "permit_malformed", async () => ask((await permit()).slice(0, -2))],
  ["`alg: none`", "permit_malformed", async () => ask(`${encode({ alg: "none" })}.${partsOf(await permit())[1]}.`)],
  [
    "HS256, keyed with the public key",
    "permit_malformed",
    async () => {
      const [head, payload] = partsOf(await permit());
      const input = `${encode({ ...jsonOf(head), alg: "HS256" })}.${payload}`;
      const secret = createPublicKey(KEY).export({ type: "spki", format: "pem" });
      return ask(`${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`);
    },
  ],
  [
    "a key of the forger's own, in the header",
    "permit_malformed",
    async () => {
      const own = generateKeyPairSync("ed25519");
      const [head, payload] = partsOf(await permit());
      const named = { ...jsonOf(head), jwk: own.publicKey.export({ format: "jwk" }) };
      return ask(signed(named, jsonOf(payload), own.privateKey));
    },
  ],
  [
    "another gate's key",
    "permit_signature_invalid",
    async () => {
      const other = createPermitKeys();
      const about = { ...FACTS, jobId: job.id, tenantId: job.tenantId, jobHash: hash };
      return ask(await other.sign(about, { audience: AUDIENCE, now: Date.now(), expiresInSec: 60 }));
    },
  ],
  [
    "other claims under its signature",
    "permit_signature_invalid",
    async () => {
      const [head, payload, signature] = partsOf(await permit());
      const claims = textOf(payload).replace(AUDIENCE, "other-worker");
      return ask(`${head}.${encode(claims)}.${signature}`);
    },
  ],
  ["another audience", "permit_audience_mismatch", async () => ask(await permit({ audience: "other-worker" }))],
  ["one that has ended", "permit_expired", async () => ask(await permit({ now: Date.now() - HOUR }))],
  ["one that has not begun", "permit_not_yet_valid", async () => ask(await permit({ now: Date.now() + HOUR }))],
  ["another job's", "permit_job_mismatch", async () => ask(await permit({}, { jobId: "another" }))],
  ["another tenant's", "permit_job_mismatch", async () => ask(await permit({}, { tenantId: "other" }))],
  [
    "its own, for another order",
    "permit_job_mismatch",
    async () => ask(await permit(), { ...sent(), payload: { order: "A-18" } }),
  ],
  ["its own, for no job", "permit_job_mismatch", async () => ask(await permit(), ["job"])],
];

test("a worker's process refuses every kind of forged permit, and takes the real one once", async () => {
  const real = await permit({}, { permitId: "the-real-one" });
  for (const [what, code, show] of FORGERIES) {
    expect([what, await show()]).toMatchObject([what, { status: "refused", code }]);
  }
  expect(FORGERIES.length).toBeGreaterThanOrEqual(10);
  expect(await ask(real)).toMatchObject({ status: "done", refunded: "A-17" });
  expect(await ask(real)).toMatchObject({ status: "refused", code: "permit_replayed" });
});
