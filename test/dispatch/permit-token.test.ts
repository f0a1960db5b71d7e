import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { checkPermit } from "../../src/dispatch/check-permit.js";
import { readClaims, writeClaims } from "../../src/dispatch/permit-claims.js";
import { readConstraints, writeConstraints } from "../../src/dispatch/permit-constraints.js";
import { createPermitKeys } from "../../src/dispatch/permit-token.js";
import { admit } from "../../src/job/admit.js";
import type { Constraints, Json } from "../../src/outcome.js";
import { jobs } from "../policy/arbitrary.js";
import { AUDIENCE, FACTS, jsonOf, jwk, KEY, keys, NOW, partsOf, permit, refusal } from "./permit-sample.js";

const TERMS = { audience: AUDIENCE, now: NOW, expiresInSec: 60 };

describe("the text of a permit", () => {
  it("is a JWS whose header and claims are these", async () => {
    const [head, payload] = partsOf(await permit());
    expect(jsonOf(head)).toEqual({ alg: "EdDSA", kid: jwk.kid, typ: "dispatch-gate-permit+jwt" });
    expect(jsonOf(payload)).toEqual({
      iss: "dispatch-gate",
      aud: AUDIENCE,
      iat: NOW / 1_000,
      nbf: NOW / 1_000,
      exp: NOW / 1_000 + 60,
      jti: "permit-1",
      sub: "job-1",
      dg: {
        v: 1,
        tenant: "acme",
        job_hash: FACTS.jobHash,
        snapshot: FACTS.snapshot,
        dispatcher: "pay",
        attempt: 1,
        constraints: { max_runtime_sec: 45, paths: { read: [["/data"], ["/data/in"]], deny: ["/data/in/x"] } },
        trace_id: "trace-1",
      },
    });
  });

  it("can be checked by another implementation, with the public key alone", async () => {
    const [head, payload, signature] = partsOf(await permit());
    const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
    const holds = (input: string) => verify(null, Buffer.from(input), key, Buffer.from(signature, "base64url"));
    expect(holds(`${head}.${payload}`)).toBe(true);
    expect(holds(`${head}.${payload}A`)).toBe(false);
  });

  it("says a time that is rounded down, and lasts for one second at least", async () => {
    const times = async (now: number, expiresInSec: number) => {
      const { iat, exp } = jsonOf(partsOf(await keys.sign(FACTS, { ...TERMS, now, expiresInSec }))[1]);
      return [iat, exp];
    };
    expect(await times(1_999, 60)).toEqual([1, 61]);
    expect(await times(1_500, 0.5)).toEqual([1, 2]);
    expect(await times(1_000, 0.1)).toEqual([1, 2]);
    expect(await times(1_999.9, 86_400)).toEqual([1, 86_401]);
  });

  it.each([
    [{ audience: "" }, "`audience` must be 1 to 256 printable ASCII characters without spaces"],
    [{ audience: "two words" }, "`audience` must be 1 to 256 printable ASCII characters without spaces"],
    [{ now: Number.NaN }, "`now` must be milliseconds since 1970"],
    [{ expiresInSec: 0 }, "`expiresInSec` must be a number over 0, at most 86400"],
    [{ expiresInSec: 86_401 }, "`expiresInSec` must be a number over 0, at most 86400"],
    [{ expiresInSec: Number.NaN }, "`expiresInSec` must be a number over 0, at most 86400"],
  ])("is not made for %o", async (terms, message) => {
    await expect(keys.sign(FACTS, { ...TERMS, ...terms })).rejects.toThrow(new TypeError(message));
  });

  it("is not made where no worker would read it", async () => {
    expect(await refusal(permit({ permitId: "" }))).toEqual([
      "permit_malformed",
      "`jti` in a permit is not what a gate writes",
    ]);
    const long = { paths: { deny: Array.from({ length: 400 }, (_, index) => `/data/${"x".repeat(40)}/${index}`) } };
    expect(await refusal(permit({ constraints: long }))).toEqual([
      "permit_malformed",
      "a permit must be at most 16384 bytes",
    ]);
  });
});

describe("constraints in a permit", () => {
  const list = fc.array(fc.constantFrom("/a", "/b/c", "é", "*.example.com:443"), { maxLength: 3 });
  const lists = fc.array(list, { maxLength: 2 });
  const plain: { requiredKeys: []; noNullPrototype: true } = { requiredKeys: [], noNullPrototype: true };
  const all = fc.record(
    {
      maxRuntimeSec: fc.constantFrom(0.5, 45),
      maxRetries: fc.nat(9),
      maxOutputBytes: fc.nat(9),
      paths: fc.record({ read: lists, write: lists, deny: list }, plain),
      network: fc.record({ allow: lists, deny: list }, plain),
    },
    plain,
  );

  it("come back as they went, absent and empty told apart (property)", () => {
    fc.assert(
      fc.property(all, (constraints) => {
        const { constraints: read } = readClaims(
          writeClaims({ ...FACTS, constraints: constraints as Constraints }, TERMS),
        );
        expect(read).toStrictEqual(constraints);
      }),
    );
  });

  test.each<[Json, string]>([
    [null, "`constraints` in a permit must be an object"],
    [{ max_runtime_sec: 0 }, "`max_runtime_sec` in a permit must be a number over 0"],
    [{ max_runtime_sec: "45" }, "`max_runtime_sec` in a permit must be a number over 0"],
    [{ max_retries: 1.5 }, "`max_retries` in a permit must be a whole number from 0 to 9007199254740991"],
    [{ max_output_bytes: -1 }, "`max_output_bytes` in a permit must be a whole number from 0 to 9007199254740991"],
    [{ maxRetries: 1 }, "`constraints` in a permit must not have `maxRetries`"],
    [{ paths: [] }, "`paths` in a permit must be an object"],
    [{ paths: { read: ["/a"] } }, "a list in a permit's constraints must hold texts"],
    [{ paths: { read: "/a" } }, "an allow list in a permit must be a list of lists"],
    [{ paths: { exec: [] } }, "`paths` in a permit must not have `exec`"],
    [{ network: { deny: [1] } }, "a list in a permit's constraints must hold texts"],
    [{ network: { read: [] } }, "`network` in a permit must not have `read`"],
  ])("%j is refused", (value, message) => {
    expect(() => readConstraints(value)).toThrow(expect.objectContaining({ code: "permit_malformed", message }));
  });

  it("know every limit there is", () => {
    const every: Required<Constraints> = {
      maxRuntimeSec: 1,
      maxRetries: 1,
      maxOutputBytes: 1,
      paths: { read: [["/a"]], write: [["/a"]], deny: ["/b"] },
      network: { allow: [["a"]], deny: ["b"] },
    };
    expect(readConstraints(JSON.parse(JSON.stringify(writeConstraints(every))))).toEqual(every);
  });
});

describe("the job that a worker receives", () => {
  const payload = fc.jsonValue({ maxDepth: 4 });
  const words = fc.uniqueArray(fc.stringMatching(/^[a-z0-9_-]{1,9}$/), { maxLength: 4 });
  const sent = fc
    .tuple(jobs, payload, words, fc.option(fc.nat(1_000)), fc.array(fc.constantFrom("/b", "/a", "é"), { maxLength: 3 }))
    .map(([{ declared, derived: _, restrictOnly: __, ...job }, content, tags, maxRetries, paths]) => ({
      ...job,
      payload: content,
      riskTags: [...declared, ...tags],
      resources: { paths },
      constraints: maxRetries === null ? {} : { maxRetries },
      annotations: { note: content },
    }));
  const context = { jobId: "job-1", traceId: "trace-1", maxJobBytes: 1_048_576 };
  const ways: readonly ((value: unknown) => unknown)[] = [
    (value) => JSON.parse(JSON.stringify(value)) as unknown,
    (value) => structuredClone(value),
  ];

  it("has the hash that was decided on, from JSON and from a structured clone (property)", () => {
    let admittedJobs = 0;
    fc.assert(
      fc.property(sent, (job) => {
        const first = admit(job, context);
        if (!first.ok) return;
        admittedJobs += 1;
        for (const way of ways) {
          const again = admit(way(first.admission.job), { ...context, jobId: "", traceId: "" });
          expect(again.ok && again.admission.hash).toBe(first.admission.hash);
          expect(again.ok && again.admission.job).toEqual(first.admission.job);
        }
      }),
      { numRuns: 500 },
    );
    expect(admittedJobs).toBeGreaterThan(250);
  });

  it("passes with its permit, and no other job does (property)", async () => {
    await fc.assert(
      fc.asyncProperty(sent, sent, async (one, two) => {
        const [a, b] = [admit(one, context), admit(two, context)];
        if (!a.ok || !b.ok) return;
        const { job, hash } = a.admission;
        const token = await permit({ jobHash: hash, tenantId: job.tenantId });
        const check = (received: unknown) =>
          refusal(checkPermit(token, received, { key: jwk, audience: AUDIENCE, now: () => NOW }));
        expect((await check(ways[0]?.(job)))[0]).toBe("accepted");
        const same = hash === b.admission.hash;
        expect((await check(ways[0]?.(b.admission.job)))[0]).toBe(same ? "accepted" : "permit_job_mismatch");
      }),
      { numRuns: 60 },
    );
  });
});

describe("the key of permits", () => {
  it("is told to workers without what signs, named by its RFC 7638 thumbprint", async () => {
    const { x } = createPublicKey(KEY).export({ format: "jwk" });
    const kid = createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
    expect(await keys.jwk()).toEqual({ kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" });
    expect(Object.isFrozen(await keys.jwk())).toBe(true);
    expect(JSON.stringify(keys)).toBe("{}");
  });

  it("is made afresh when none is given, once", async () => {
    const fresh = createPermitKeys();
    const [one, two] = await Promise.all([fresh.jwk(), fresh.jwk()]);
    expect(one).toBe(two);
    expect((await createPermitKeys().jwk()).x).not.toBe(one.x);
    const token = await fresh.sign(FACTS, TERMS);
    expect(jsonOf(partsOf(token)[0]).kid).toBe(one.kid);
  });

  it("may be a JSON Web Key of the host's, under the host's own name for it", async () => {
    const own = KEY.export({ format: "jwk" });
    expect(await createPermitKeys(own).jwk()).toEqual(jwk);
    expect((await createPermitKeys({ ...own, kid: "2026-01", alg: "EdDSA", use: "sig" }).jwk()).kid).toBe("2026-01");
    expect(Object.isFrozen(own)).toBe(false);
  });

  const own = KEY.export({ format: "jwk" });
  const other = generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" });
  const name = "the key that signs permits";
  test.each<[what: string, key: unknown, message: string]>([
    ["null", null, `${name} must be an Ed25519 key: a JSON Web Key, or a KeyObject of node:crypto`],
    ["a text", "secret", `${name} must be an Ed25519 key: a JSON Web Key, or a KeyObject of node:crypto`],
    ["a public key", createPublicKey(KEY), `${name} must be a private Ed25519 key`],
    ["a key of another curve", generateKeyPairSync("ed448").privateKey, `${name} must be a private Ed25519 key`],
    ["a public JSON Web Key", jwk, `${name} must be a private one: a JSON Web Key with \`d\``],
    ["a JSON Web Key of another curve", { ...own, crv: "X25519" }, `${name} must have \`kty\` OKP and \`crv\` Ed25519`],
    ["one for another algorithm", { ...own, alg: "ES256" }, `${name} must have no \`alg\` but EdDSA`],
    ["one that may not sign", { ...own, key_ops: ["verify"] }, `${name} has \`key_ops\` without sign`],
    ["one with half a secret", { ...own, d: "AA" }, `${name} must be a private one: a JSON Web Key with \`d\``],
    [
      "one whose halves are of two keys",
      { ...own, x: other.x },
      `${name} is not whole: \`x\` is not the public part of \`d\``,
    ],
    [
      "one with a name of blanks",
      { ...own, kid: " " },
      `${name} must have a \`kid\` of 1 to 256 printable ASCII characters without spaces, or none`,
    ],
  ])("must not be %s", (_, key, message) => {
    expect(() => createPermitKeys(key)).toThrow(new TypeError(message));
  });

  it("is the same key as a KeyObject and as a JSON Web Key", async () => {
    const key = createPrivateKey({ key: own, format: "jwk" });
    expect(await createPermitKeys(key).sign(FACTS, TERMS)).toBe(await keys.sign(FACTS, TERMS));
  });
});
