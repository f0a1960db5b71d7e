import { createHmac, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it, test } from "vitest";
import { type CheckOptions, checkPermit } from "../../src/dispatch/check-permit.js";
import { createPermitKeys } from "../../src/dispatch/permit-token.js";
import {
  AUDIENCE,
  admitted,
  check,
  encode,
  FACTS,
  jsonOf,
  jwk,
  KEY,
  LIFETIME_SEC,
  NOW,
  OPTIONS,
  partsOf,
  permit,
  received,
  refusal,
  resigned,
  signed,
  textOf,
  verify,
} from "./permit-sample.js";

const BASE64 = "a permit must be three parts in base64url, the last of 64 bytes";
const UNSIGNED = "the permit was not signed by a key that is accepted here";
const NOT_A_GATES = (key: string): string => `\`${key}\` in a permit is not what a gate writes`;

const other = generateKeyPairSync("ed25519");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });

/** A head of another algorithm over the sample's claims, with whatever signs it. */
async function withHead(head: object, signature: (input: Buffer) => Buffer): Promise<string> {
  const [own, payload] = partsOf(await permit());
  const input = `${encode({ ...jsonOf(own), ...head })}.${payload}`;
  return `${input}.${signature(Buffer.from(input)).toString("base64url")}`;
}

async function tampered(change: (claims: Record<string, unknown>) => unknown): Promise<string> {
  const [head, payload, signature] = partsOf(await permit());
  const claims = jsonOf(payload);
  change(claims);
  return `${head}.${encode(claims)}.${signature}`;
}

type Forgery = readonly [what: string, make: () => Promise<unknown>, code: string, message: string];

const malformed: readonly Forgery[] = [
  ["no text", async () => ({ token: await permit() }), "permit_malformed", "a permit must be a string"],
  ["an empty text", async () => "", "permit_malformed", BASE64],
  [
    "one that is too large",
    async () => `${await permit()}${"A".repeat(16_384)}`,
    "permit_malformed",
    "a permit must be at most 16384 bytes",
  ],
  ["one that is cut short", async () => (await permit()).slice(0, -1), "permit_malformed", BASE64],
  [
    "one part too few",
    async () =>
      partsOf(await permit())
        .slice(0, 2)
        .join("."),
    "permit_malformed",
    BASE64,
  ],
  ["one part too many", async () => `${await permit()}.AA`, "permit_malformed", BASE64],
  ["a line end behind it", async () => `${await permit()}\n`, "permit_malformed", BASE64],
  [
    "another spelling of the same signature",
    async () => (await permit()).replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1)),
    "permit_malformed",
    BASE64,
  ],
  [
    "alg none without a signature",
    async () =>
      `${encode({ alg: "none", kid: jwk.kid, typ: "dispatch-gate-permit+jwt" })}.${partsOf(await permit())[1]}.`,
    "permit_malformed",
    BASE64,
  ],
  [
    "alg none under a signature that holds",
    () => resigned(({ head }) => Object.assign(head, { alg: "none" })),
    "permit_malformed",
    "`alg` in a permit must be EdDSA",
  ],
  [
    "HS256 with the public key for a secret",
    // Cut to the length of a signature of Ed25519, or the form would refuse it first.
    () =>
      withHead({ alg: "HS256" }, (input) =>
        Buffer.concat([createHmac("sha256", Buffer.from(jwk.x, "base64url")).update(input).digest(), Buffer.alloc(32)]),
      ),
    "permit_malformed",
    "`alg` in a permit must be EdDSA",
  ],
  [
    "RS256",
    () => withHead({ alg: "RS256" }, (input) => sign("sha256", input, rsa.privateKey).subarray(0, 64)),
    "permit_malformed",
    "`alg` in a permit must be EdDSA",
  ],
  [
    "another type of token that the same key signed",
    () => resigned(({ head }) => Object.assign(head, { typ: "JWT" })),
    "permit_malformed",
    "`typ` in a permit must be `dispatch-gate-permit+jwt`",
  ],
  ...["jwk", "jku", "x5c", "crit", "b64", "cty"].map(
    (word): Forgery => [
      `a header with ${word}`,
      () => resigned(({ head }) => Object.assign(head, { [word]: word === "jwk" ? jwk : ["exp"] })),
      "permit_malformed",
      `the header of a permit must not have \`${word}\``,
    ],
  ),
  [
    "a header without kid",
    () => resigned(({ head }) => delete head.kid),
    "permit_malformed",
    "the header of a permit must have `kid`",
  ],
  [
    "a header that is a list",
    async () => signed([], {}),
    "permit_malformed",
    "the header of a permit must be an object",
  ],
  ["a header that is no JSON", async () => signed("{", {}), "permit_malformed", "the header of a permit must be JSON"],
  [
    "a header that repeats a key",
    async () => {
      const [head, payload] = partsOf(await permit());
      return signed(textOf(head).replace("{", '{"alg":"none",'), textOf(payload));
    },
    "permit_malformed",
    "the header of a permit must be compact JSON without repeated keys",
  ],
];

const unsigned: readonly Forgery[] = [
  ["another key under the same kid", () => resigned(() => {}, other.privateKey), "permit_signature_invalid", UNSIGNED],
  [
    "a key that is not known",
    () => resigned(({ head }) => Object.assign(head, { kid: "other" })),
    "permit_signature_invalid",
    "the permit names the key `other`, which is not accepted here",
  ],
  [
    "a payload that was changed",
    () => tampered((claims) => Object.assign(claims, { sub: "job-2" })),
    "permit_signature_invalid",
    UNSIGNED,
  ],
  [
    "a later end",
    () => tampered((claims) => Object.assign(claims, { exp: NOW / 1_000 + 80_000 })),
    "permit_signature_invalid",
    UNSIGNED,
  ],
  [
    "wider constraints",
    () => tampered((claims) => Object.assign(claims.dg as object, { constraints: {} })),
    "permit_signature_invalid",
    UNSIGNED,
  ],
  [
    "a signature that was changed",
    async () => {
      const [head, payload, signature] = partsOf(await permit());
      return `${head}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    },
    "permit_signature_invalid",
    UNSIGNED,
  ],
  [
    "the signature of another permit",
    async () => [...partsOf(await permit()).slice(0, 2), partsOf(await permit({ attempt: 2 }))[2]].join("."),
    "permit_signature_invalid",
    UNSIGNED,
  ],
  [
    "a signature of zeros",
    async () => [...partsOf(await permit()).slice(0, 2), "A".repeat(86)].join("."),
    "permit_signature_invalid",
    UNSIGNED,
  ],
];

// The gate's own key signed these: what is refused is what they say.
const claimed: readonly Forgery[] = [
  [
    "claims that repeat a key",
    async () => {
      const [head, payload] = partsOf(await permit());
      return signed(textOf(head), textOf(payload).replace("{", '{"sub":"job-2",'));
    },
    "permit_malformed",
    "the claims of a permit must be compact JSON without repeated keys",
  ],
  [
    "claims that are no UTF-8",
    async () => {
      const [head, payload] = partsOf(await permit());
      const bytes = Buffer.from(payload, "base64url");
      bytes[bytes.indexOf("pay")] = 0xff;
      const input = `${head}.${bytes.toString("base64url")}`;
      return `${input}.${sign(null, Buffer.from(input), KEY).toString("base64url")}`;
    },
    "permit_malformed",
    "the claims of a permit must be compact JSON without repeated keys",
  ],
  [
    "exp as a string",
    () => resigned(({ claims }) => Object.assign(claims, { exp: String(claims.exp) })),
    "permit_malformed",
    "`exp` in a permit must be a whole number from 0 to 253402300799",
  ],
  [
    "exp beyond every calendar",
    () => resigned(({ claims }) => Object.assign(claims, { exp: 1e15 })),
    "permit_malformed",
    "`exp` in a permit must be a whole number from 0 to 253402300799",
  ],
  ...["exp", "nbf", "iat", "jti", "sub", "aud", "iss", "dg"].map(
    (claim): Forgery => [
      `no ${claim}`,
      () => resigned(({ claims }) => delete claims[claim]),
      "permit_malformed",
      `a permit must have \`${claim}\``,
    ],
  ),
  [
    "a claim that is not known",
    () => resigned(({ claims }) => Object.assign(claims, { scope: "all" })),
    "permit_malformed",
    "a permit must not have `scope`",
  ],
  [
    "an own __proto__",
    async () => {
      const [head, payload] = partsOf(await permit());
      return signed(textOf(head), textOf(payload).replace("{", '{"__proto__":{"sub":"job-1"},'));
    },
    "permit_malformed",
    "a permit must not have `__proto__`",
  ],
  [
    "several audiences",
    () => resigned(({ claims }) => Object.assign(claims, { aud: [AUDIENCE, "other"] })),
    "permit_malformed",
    NOT_A_GATES("aud"),
  ],
  [
    "another issuer",
    () => resigned(({ claims }) => Object.assign(claims, { iss: "somebody" })),
    "permit_malformed",
    "`iss` in a permit must be `dispatch-gate`",
  ],
  [
    "a later version",
    () => resigned(({ claims }) => Object.assign(claims.dg as object, { v: 2 })),
    "permit_malformed",
    "`v` in a permit must be 1: this version of the package reads no other",
  ],
  [
    "a hash in capitals",
    () => resigned(({ claims }) => Object.assign(claims.dg as object, { job_hash: FACTS.jobHash.toUpperCase() })),
    "permit_malformed",
    NOT_A_GATES("job_hash"),
  ],
  [
    "a constraint that is not known",
    () => resigned(({ claims }) => Object.assign(claims.dg as object, { constraints: { max_cost: 1 } })),
    "permit_malformed",
    "`constraints` in a permit must not have `max_cost`",
  ],
  [
    "a lifetime of more than a day",
    () => resigned(({ claims }) => Object.assign(claims, { exp: NOW / 1_000 + 86_401 })),
    "permit_malformed",
    "a permit must not last longer than 24 hours",
  ],
  [
    "an end before the beginning",
    () => resigned(({ claims }) => Object.assign(claims, { exp: claims.nbf })),
    "permit_malformed",
    "a permit must begin before it ends, and not before it was made",
  ],
  [
    "a beginning before it was made",
    () => resigned(({ claims }) => Object.assign(claims, { nbf: NOW / 1_000 - 1 })),
    "permit_malformed",
    "a permit must begin before it ends, and not before it was made",
  ],
  [
    "another audience",
    () => permit({}, "mail-worker"),
    "permit_audience_mismatch",
    "the permit is for `mail-worker`, not for `payments-worker`",
  ],
];

describe.each([
  ["a permit without the form of one", malformed],
  ["a permit that no accepted key signed", unsigned],
  ["a permit that says what no gate says to this worker", claimed],
])("%s is refused", (_, forgeries) => {
  test.each(forgeries)("%s", async (_, make, code, message) => {
    const token = await make();
    expect(await refusal(check(token))).toEqual([code, message]);
    expect(await refusal(verify(token))).toEqual([code, message]);
  });
});

it("a permit whose header is nested deeper than can be read is refused, whatever fails first", async () => {
  for (const depth of [100, 3_000, 6_000]) {
    expect((await refusal(check(signed("[".repeat(depth) + "]".repeat(depth), {}))))[0]).toBe("permit_malformed");
  }
});

describe("a permit for other work is refused", () => {
  const hash = "the job is not the one that was decided: its hash is another";
  const changed: readonly (readonly [what: string, job: () => unknown, message: string])[] = [
    ["another payload", () => ({ ...received(), payload: { amount: 9_999, to: "NL91" } }), hash],
    ["another topic", () => ({ ...received(), topic: "job.pay.all" }), hash],
    ["another actor", () => ({ ...received(), actor: { id: "root", type: "human" } }), hash],
    ["looser limits of its own", () => ({ ...received(), constraints: { maxRetries: 9 } }), hash],
    ["another job id", () => ({ ...received(), id: "job-2" }), "the permit is for the job `job-1`, not for `job-2`"],
    ["no job id", () => ({ ...received(), id: undefined }), "the permit is for the job `job-1`, not for ``"],
    [
      "another tenant",
      () => ({ ...received(), tenantId: "evil" }),
      "the permit is for the tenant `acme`, not for `evil`",
    ],
    ["no job", () => null, "what was sent with the permit is no job: a job must be a plain object"],
    [
      "a field that no job has",
      () => ({ ...received(), also: "rm" }),
      "what was sent with the permit is no job: unknown job field `also`",
    ],
    [
      "a job that shows the check something else",
      () => ({ ...received(), payload: { toJSON: () => ({ amount: 1_200, to: "NL91" }) } }),
      "what was sent with the permit is no job: a value must be plain JSON, not a function",
    ],
  ];
  test.each(changed)("%s", async (_, job, message) => {
    expect(await refusal(check(await permit(), job()))).toEqual(["permit_job_mismatch", message]);
  });

  it("also where the hash is that of another tenant's equal job", async () => {
    const { job, hash } = admitted({ topic: "job.pay.out", tenantId: "evil", payload: { amount: 1_200, to: "NL91" } });
    expect(await refusal(check(await permit({ jobHash: hash }), job))).toEqual([
      "permit_job_mismatch",
      "the permit is for the tenant `acme`, not for `evil`",
    ]);
  });
});

describe("a permit that holds", () => {
  it("is accepted, and tells what the gate knew, with the job that was checked", async () => {
    const verified = await verify(await permit());
    expect(verified).toEqual({ ...FACTS, issuedAt: NOW, expiresAt: NOW + LIFETIME_SEC * 1_000, job: received() });
    expect(await check(await permit())).toEqual(verified);
  });

  it("is frozen all the way down, and its job is not the object that was sent", async () => {
    const sent = received();
    const verified = await check(await permit(), sent);
    (sent.payload as { amount: number }).amount = 9_999;
    expect(verified.job.payload).toEqual({ amount: 1_200, to: "NL91" });
    const parts = [verified, verified.constraints, verified.constraints.paths?.read?.[0], verified.job.payload];
    expect(parts.every(Object.isFrozen)).toBe(true);
  });

  it("is accepted by whichever of several keys signed it, by kid or without one", async () => {
    const token = await permit();
    const next = await createPermitKeys(other.privateKey).jwk();
    const { kid: _, ...nameless } = jwk;
    for (const key of [[next, jwk], nameless, [{ ...next, kid: jwk.kid }, jwk], createPublicKey(KEY)]) {
      expect((await check(token, received(), { key })).jobId).toBe("job-1");
    }
    expect(await refusal(check(token, received(), { key: [next] }))).toEqual([
      "permit_signature_invalid",
      `the permit names the key \`${jwk.kid}\`, which is not accepted here`,
    ]);
  });

  it("covers neither trace id nor annotations of the job, and says which trace the gate meant", async () => {
    const verified = await check(await permit(), { ...received(), traceId: "forged", annotations: { note: "x" } });
    expect([verified.traceId, verified.job.traceId]).toEqual(["trace-1", "forged"]);
  });
});

describe("the time of a permit", () => {
  const at = (now: number, clockToleranceSec?: number) =>
    permit().then((token) => refusal(check(token, received(), { now: () => now, clockToleranceSec })));
  const end = NOW + LIFETIME_SEC * 1_000;

  it.each([
    ["at its first moment", NOW, 0, "accepted"],
    ["a moment before", NOW - 1, 0, "permit_not_yet_valid"],
    ["at the last moment", end - 1, 0, "accepted"],
    ["at its end", end, 0, "permit_expired"],
    ["by 5 seconds too early", NOW - 5_000, undefined, "accepted"],
    ["by more than that", NOW - 5_001, undefined, "permit_not_yet_valid"],
    ["just within 5 seconds after its end", end + 4_999, undefined, "accepted"],
    ["5 seconds after its end", end + 5_000, undefined, "permit_expired"],
    ["just within the largest tolerance", end + 299_999, 300, "accepted"],
    ["after the largest tolerance", end + 300_000, 300, "permit_expired"],
  ])("%s", async (_, now, tolerance, code) => {
    expect((await at(now, tolerance))[0]).toBe(code);
  });

  it("stands in the message", async () => {
    expect((await at(end + 5_000))[1]).toBe("the permit ended at 2026-01-01T00:01:00.000Z");
    expect((await at(NOW - 60_000))[1]).toBe("the permit begins at 2026-01-01T00:00:00.000Z");
  });

  it("is not taken from a clock that answers no time", async () => {
    await expect(check(await permit(), received(), { now: () => Number.NaN })).rejects.toThrow(
      new TypeError("`now` must answer milliseconds since 1970"),
    );
  });
});

describe("options that are wrong are a TypeError", () => {
  const token = permit();
  const wrong: readonly (readonly [options: unknown, message: string])[] = [
    [undefined, "checkPermit takes an object of options"],
    [{ ...OPTIONS, audience: "" }, "`audience` must be 1 to 256 printable ASCII characters without spaces"],
    [{ ...OPTIONS, audience: ["a"] }, "`audience` must be 1 to 256 printable ASCII characters without spaces"],
    [{ ...OPTIONS, now: 1 }, "`now` must be a function"],
    [{ ...OPTIONS, clockToleranceSec: 301 }, "`clockToleranceSec` must be a number from 0 to 300"],
    [{ ...OPTIONS, clockToleranceSec: Number.NaN }, "`clockToleranceSec` must be a number from 0 to 300"],
    [
      { ...OPTIONS, clockTolerance: 5 },
      "checkPermit has no option `clockTolerance`: did you mean `clockToleranceSec`?",
    ],
    [
      { ...OPTIONS, replay: { spend: async () => true } },
      "checkPermit has no option `replay`: to accept a permit once use verifyPermit",
    ],
    [{ ...OPTIONS, key: [] }, "`key` must hold 1 to 16 keys"],
    [{ ...OPTIONS, key: Array.from({ length: 17 }, () => jwk) }, "`key` must hold 1 to 16 keys"],
    [{ ...OPTIONS, key: "secret" }, "`key` must be an Ed25519 key: a JSON Web Key, or a KeyObject of node:crypto"],
    [{ ...OPTIONS, key: KEY }, "`key` must be a public Ed25519 key"],
    [{ ...OPTIONS, key: rsa.publicKey }, "`key` must be a public Ed25519 key"],
    [
      { ...OPTIONS, key: KEY.export({ format: "jwk" }) },
      "`key` must be public: who checks permits must not be able to make them",
    ],
    [{ ...OPTIONS, key: { ...jwk, crv: "Ed448" } }, "`key` must have `kty` OKP and `crv` Ed25519"],
    [{ ...OPTIONS, key: { kty: "oct", k: jwk.x } }, "`key` must have `kty` OKP and `crv` Ed25519"],
    [{ ...OPTIONS, key: { ...jwk, alg: "HS256" } }, "`key` must have no `alg` but EdDSA"],
    [{ ...OPTIONS, key: { ...jwk, use: "enc" } }, "`key` must have no `use` but sig"],
    [{ ...OPTIONS, key: { ...jwk, key_ops: ["sign"] } }, "`key` has `key_ops` without verify"],
    [{ ...OPTIONS, key: { ...jwk, x: "AA" } }, "`key` must have an `x` of 32 bytes"],
  ];
  test.each(wrong.map(([options, message], index) => [index, message, options] as const))(
    "%i: %s",
    async (_, message, options) => {
      await expect(checkPermit(await token, received(), options as CheckOptions)).rejects.toThrow(
        new TypeError(message),
      );
    },
  );
});

describe("control: a naive worker", () => {
  it("that only decodes the claims takes what was tampered with", async () => {
    const naive = (token: string): unknown => jsonOf(partsOf(token)[1]).sub;
    expect(naive(await tampered((claims) => Object.assign(claims, { sub: "job-2" })))).toBe("job-2");
  });

  it("that lets the header choose the algorithm takes a text signed with the public key", async () => {
    const naive = (token: string): boolean => {
      const [head, payload, signature] = partsOf(token);
      const input = `${head}.${payload}`;
      const secret = Buffer.from(jwk.x, "base64url");
      if (jsonOf(head).alg === "none") return true;
      if (jsonOf(head).alg !== "HS256") return false;
      return createHmac("sha256", secret).update(input).digest("base64url") === signature;
    };
    const forged = await withHead({ alg: "HS256" }, (input) =>
      createHmac("sha256", Buffer.from(jwk.x, "base64url")).update(input).digest(),
    );
    expect(naive(forged)).toBe(true);
    expect((await refusal(verify(forged)))[0]).toBe("permit_malformed");
  });
});
