import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { type CheckOptions, checkPermit, verifyPermit } from "../../src/dispatch/check-permit.js";
import type { PermitFacts } from "../../src/dispatch/permit-claims.js";
import { createPermitKeys } from "../../src/dispatch/permit-token.js";
import { createReplayMemory } from "../../src/dispatch/replay.js";
import { PermitError } from "../../src/errors.js";
import { admit } from "../../src/job/admit.js";
import type { AdmittedJob, Job } from "../../src/job/job.js";

/** 2026-01-01T00:00:00Z, and the lifetime of the sample's permits. */
export const NOW = 1_767_225_600_000;
export const LIFETIME_SEC = 60;

/** A key whose private part the tests have: what a gate that signs something else by mistake would sign with. */
export const KEY: KeyObject = generateKeyPairSync("ed25519").privateKey;
export const keys = createPermitKeys(KEY);
export const jwk = await keys.jwk();

/** A job as the gate admits it, with its hash. */
export function admitted(job: Job): { readonly job: AdmittedJob; readonly hash: string } {
  const result = admit(job, { jobId: "job-1", traceId: "trace-1", maxJobBytes: 1_048_576 });
  if (!result.ok) throw new Error(result.issue.message);
  return result.admission;
}

const sample = admitted({ topic: "job.pay.out", tenantId: "acme", payload: { amount: 1_200, to: "NL91" } });

/** The job as a worker receives it: from JSON. */
export const received = (): Record<string, unknown> =>
  JSON.parse(JSON.stringify(sample.job)) as Record<string, unknown>;

export const FACTS: PermitFacts = {
  jobId: sample.job.id,
  tenantId: sample.job.tenantId,
  jobHash: sample.hash,
  snapshot: "5".repeat(64),
  dispatcher: "pay",
  attempt: 1,
  constraints: { maxRuntimeSec: 45, paths: { read: [["/data"], ["/data/in"]], deny: ["/data/in/x"] } },
  traceId: sample.job.traceId,
  permitId: "permit-1",
};

export const AUDIENCE = "payments-worker";

/** A permit of the sample job, with some facts or terms otherwise. */
export function permit(facts: Partial<PermitFacts> = {}, audience = AUDIENCE): Promise<string> {
  return keys.sign({ ...FACTS, ...facts }, { audience, now: NOW, expiresInSec: LIFETIME_SEC });
}

export const OPTIONS: CheckOptions = { key: jwk, audience: AUDIENCE, now: () => NOW };

export const check = (token: unknown, job: unknown = received(), options: Partial<CheckOptions> = {}) =>
  checkPermit(token, job, { ...OPTIONS, ...options });

/** Verifies with a memory of its own, so that nothing was used before. */
export const verify = (token: unknown, job: unknown = received(), options: Partial<CheckOptions> = {}) =>
  verifyPermit(token, job, { ...OPTIONS, replay: createReplayMemory({ now: () => NOW }), ...options });

/** What the refusal was, as code and message. */
export async function refusal(answer: Promise<unknown>): Promise<readonly [code: string, message: string]> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof PermitError) return [error.code, error.message];
    throw error;
  }
  return ["accepted", ""];
}

export const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

export const partsOf = (token: string): readonly [head: string, payload: string, signature: string] => {
  const [head = "", payload = "", signature = ""] = token.split(".");
  return [head, payload, signature];
};

export const textOf = (part: string): string => Buffer.from(part, "base64url").toString();
export const jsonOf = (part: string): Record<string, unknown> => JSON.parse(textOf(part)) as Record<string, unknown>;

/** Header and payload, given as text or as values, under a signature that holds for exactly these. */
export function signed(head: unknown, payload: unknown, key: KeyObject = KEY): string {
  const input = `${encode(head)}.${encode(payload)}`;
  return `${input}.${sign(null, Buffer.from(input), key).toString("base64url")}`;
}

/** The sample's permit with header or claims changed, signed anew by the gate's own key. */
export async function resigned(
  change: (parts: { head: Record<string, unknown>; claims: Record<string, unknown> }) => unknown,
  key: KeyObject = KEY,
): Promise<string> {
  const [head, payload] = partsOf(await permit());
  const parts = { head: jsonOf(head), claims: jsonOf(payload) };
  change(parts);
  return signed(parts.head, parts.claims, key);
}
