import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { OutputRule } from "../../src/outcome.js";
import { findEach } from "../../src/output/clues.js";
import { SETS } from "../../src/output/detect/sets.js";
import { detectorKey, findersOf, KINDS } from "../../src/output/detectors.js";
import type { Hit } from "../../src/output/hit.js";
import { inspectOutput } from "../../src/output/inspect.js";
import { ALL, keyBlock, PERSONAL, PRIVATE_KEY_LABELS, SECRETS } from "./planted.js";

type Name = "secrets" | "pii";

function found(name: Name, text: string): readonly string[] {
  const hits: Hit[] = [];
  findEach(findersOf(name, new Map()), text, () => (hit) => hits.push(hit));
  return hits.map(({ kind, start, end }) => `${kind}: ${text.slice(start, end)}`);
}

const everything = [
  ...SECRETS.map((planted) => ({ set: "secrets" as const, ...planted })),
  ...PERSONAL.map((planted) => ({ set: "pii" as const, ...planted })),
];

describe("the finders of the gate's own sets", () => {
  test("every kind is planted here, and nothing that is no kind", () => {
    expect([...new Set(ALL.map(({ kind }) => kind))].sort()).toEqual([...new Set(KINDS)].sort());
  });

  test("no kind is reported by two finders, and each can stand in a marker", () => {
    expect(new Set(KINDS).size).toBe(KINDS.length);
    for (const kind of KINDS) expect(kind).toMatch(/^[a-z0-9_]{1,64}$/);
  });

  test.each(everything.map((planted, index) => ({ index, ...planted })))(
    "$index: $kind is found whole, alone and amid other text",
    ({ set, kind, secret, text }) => {
      expect(found(set, text)).toContain(`${kind}: ${secret}`);
      expect(found(set, `first line\n> ${text}\nlast line`)).toContain(`${kind}: ${secret}`);
      expect(found(set, `"${text}"`)).toContain(`${kind}: ${secret}`);
    },
  );

  test("a finder reports only the kinds that it names, inside the text, and never over a NUL but for keys", () => {
    const text = ALL.map((planted) => planted.text).join("\0");
    findEach([...SETS.values()].flat(), text, ({ kinds }) => ({ kind, start, end }) => {
      expect(kinds).toContain(kind);
      expect(0 <= start && start < end && end <= text.length).toBe(true);
      expect(text.slice(start, end), kind).not.toContain("\0");
    });
  });

  test("a finder keeps no state between texts", () => {
    for (const { set, kind, secret, text } of everything) {
      found(set, `${text} ${text.slice(0, text.length / 2)}`);
      expect(found(set, text), kind).toContain(`${kind}: ${secret}`);
    }
  });

  test("what is drawn from few possible values is guessable, and what a service issues is not", () => {
    const guessable = [...SETS.values()].flat().filter((finder) => finder.guessable);
    expect(guessable.flatMap(({ kinds }) => kinds).sort()).toEqual([
      "aws_secret_access_key",
      "azure_account_key",
      "bearer_token",
      "connection_string",
      "email",
      "iban",
      "password",
      "payment_card",
      "phone",
      "secret_value",
    ]);
  });

  test.each(PRIVATE_KEY_LABELS)("an unterminated %s block reaches to the end of the text", (label) => {
    const open = keyBlock(label).split("\n").slice(0, 2).join("\n");
    expect(found("secrets", `before ${open}\nand more`)).toEqual([`private_key: ${open}\nand more`]);
  });

  test("what stands between two key blocks stays, and both are found", () => {
    const block = keyBlock("PRIVATE KEY");
    expect(found("secrets", `${block} between ${block}`)).toEqual([`private_key: ${block}`, `private_key: ${block}`]);
  });

  test("a token is found where its beginning stands at the end of a long run of letters, as in a path", () => {
    for (const { kind, secret, text } of SECRETS.filter((planted) => planted.secret === planted.text)) {
      const hits = found("secrets", `https${":"}//service.internal/files/of-this-month/${text}`);
      // What counts the characters before its clue begins elsewhere, and is covered all the same.
      expect(hits.filter((hit) => hit.startsWith(`${kind}: `) && hit.endsWith(secret)).length, kind).toBe(1);
    }
  });

  test("two tokens that touch are both covered, where a letter may stand before one", () => {
    const alone = SECRETS.filter((planted) => planted.secret === planted.text);
    const unbounded = alone.filter(({ kind, secret }) => found("secrets", `a${secret}`).includes(`${kind}: ${secret}`));
    expect(unbounded.length).toBeGreaterThan(30);
    for (const { kind, secret, text } of unbounded) {
      const hits = found("secrets", text + text).filter((hit) => hit.startsWith(kind));
      const covered = hits.map((hit) => hit.slice(kind.length + 2)).join("");
      expect(covered, kind).toContain(secret);
      expect(covered.length, kind).toBeGreaterThanOrEqual(2 * secret.length - 4);
    }
  });

  test.each([
    "The bearer of this letter is known to us",
    "Bearer authentication-and-authorization",
    "the account key is kept in the vault",
    "PRIVATE KEY handling is described below",
    `${"-".repeat(5)}BEGIN CERTIFICATE${"-".repeat(5)} abc`,
    `${"-".repeat(5)}BEGIN PUBLIC KEY${"-".repeat(5)} abc`,
    "ASIA and the Pacific",
    "eyJust a word",
    "npm_config_cache",
    "sk_live_ is a prefix",
  ])("no secret is seen in: %s", (text) => {
    expect(found("secrets", text)).toEqual([]);
  });

  test.each(["pkg@1.2.3", "@types/node", "user@host", "a @ b.co", "@example.com", "x@.", "@@@@"])(
    "no address is seen in: %s",
    (text) => {
      expect(found("pii", text)).toEqual([]);
    },
  );

  test("the full stop after an address is not part of it", () => {
    expect(found("pii", "write to dana@example.com.")).toEqual(["email: dana@example.com"]);
  });

  test("one digit that is wrong makes no card and no account", () => {
    const card = "42".repeat(8);
    const iban = ["DE89", "37040044", "0532013000"].join("");
    expect(found("pii", `${card.slice(0, -1)}3`)).toEqual([]);
    expect(found("pii", iban.replace("DE89", "DE88"))).toEqual([]);
    expect(found("pii", `${card} ${iban}`)).toEqual([`payment_card: ${card}`, `iban: ${iban}`]);
  });
});

describe("detectors by name", () => {
  test("a set, a pattern and a host's detector each have their finders", () => {
    const [own] = SETS.get("pii") ?? [];
    if (own === undefined) throw new Error("pii");
    expect(findersOf("pii", new Map())).toBe(SETS.get("pii"));
    expect(findersOf({ detector: "badge" }, new Map([["badge", own]]))).toEqual([own]);
    const [pattern] = findersOf({ name: "ticket", pattern: "T-[0-9]+" }, new Map());
    const hits: Hit[] = [];
    pattern?.find("see T-12 and T-3", (hit) => hits.push(hit), []);
    expect(pattern).toMatchObject({ kinds: ["ticket"], guessable: true });
    expect(hits).toEqual([
      { kind: "ticket", start: 4, end: 8 },
      { kind: "ticket", start: 13, end: 16 },
    ]);
  });

  test("a pattern is compiled once", () => {
    const pattern = { name: "ticket", pattern: "T-[0-9]+" };
    expect(findersOf(pattern, new Map())[0]).toBe(findersOf(pattern, new Map())[0]);
  });

  test("a detector that does not exist throws, whatever prototypes hold", () => {
    expect(() => findersOf("toString" as never, new Map())).toThrow("there is no detector `toString`");
    expect(() => findersOf({ detector: "badge" }, new Map())).toThrow("there is no detector `badge`");
    expect(() => findersOf({ name: "bad", pattern: "(" }, new Map())).toThrow("the pattern of `bad` is not valid: ");
  });

  test("detectors of one name are told apart by what they look for", () => {
    const keys = [
      detectorKey("pii"),
      detectorKey({ detector: "pii" }),
      detectorKey({ name: "pii", pattern: "a" }),
      detectorKey({ name: "pii", pattern: "b" }),
    ];
    expect(new Set(keys).size).toBe(4);
    expect(detectorKey({ name: "a", pattern: "b" })).toBe(detectorKey({ name: "a", pattern: "b" }));
  });
});

const rules: readonly OutputRule[] = [{ ruleId: "clean", detect: ["secrets", "pii"], action: "redact" }];

/** Begins a variable of a template or a shell. */
const DOLLAR = "$";

const digest = (algorithm: string, encoding: "base64" | "base64url" | "hex", index: number): string =>
  createHash(algorithm).update(`text ${index}`).digest(encoding);

describe("nothing is found", () => {
  test.each([
    "The order was shipped on Monday, and the secret is that nobody knew: the token gesture was enough.",
    "Enter your password: it must have at least 8 characters, 1 digit and 1 capital.",
    "The secret: always be kind to your neighbours.",
    "Call it a key, a token, or a credential; the password policy (see chapter 12) says: change it every 90 days.",
    "The bearer of good news is https://example.com/bearer-of-good-news-2026-03-04-edition",
    "Authorization header: Bearer scheme is used",
    'WWW-Authenticate: Bearer realm="example", error="invalid_token"',
    "compass: 123deg NW; passenger: John Smith 12A; bypass: true1; monkey: banana99; keyboard: qwerty-1234",
    "tests: 1204 pass, 3 fail, 12% skipped",
  ])("in prose: %s", (text) => {
    expect(inspectOutput(text, rules).findings).toEqual([]);
  });

  test.each([
    "const password = getPassword(user1);",
    "const password = process.env.DB_PASSWORD;",
    "if (password === user.password2) return;",
    "const token = await getToken({ scope: 'a1' });",
    "let accessToken = response.data.access_token;",
    "this.refreshToken = tokens.refreshToken1;",
    "passwordHash = bcrypt.hashSync(password, 10);",
    "password: string; token: string; apiKey?: string;",
    "function readSecretAccessKeyFromEnvironment2(name: string): string {",
    "export const AWS_SECRET_ACCESS_KEY_ENVIRONMENT_VARIABLE_NAME_V2 = 1;",
    "password=$DB_PASSWORD",
    `password: ${DOLLAR}{{ secrets.DB_PASSWORD }}`,
    "password: {{ .Values.db.password }}",
    "mysql --password=<password>",
    "password: ********",
    `Authorization: Bearer ${DOLLAR}{token}`,
    "Authorization: Bearer <token>",
    "npm_package_config_very_long_name_of_something_else",
    "hf_hub_download_and_cache_everything_in_here",
    "sk_learn_feature_extraction_text_vectorizer",
    "key-value-pair-store-in-memory-cache",
    "ASIA_PACIFIC_SOUTHEAST_1_REGION",
    "fetch(url, { credentials: 'same-origin' })",
    "tokenizer: cl100k_base, max_tokens: 4096, total_tokens=12345",
    "postgres://localhost/db, redis://localhost:6379/0, http://[::1]:3000/",
    `postgres://user:${DOLLAR}{PASSWORD}@host/db`,
    "import x from '@scope/package@1.2.3'; // pkg@1.2.3",
    "1 + 2 + 3 + 4 + 5 + 6 + 7 = 28; x = 12345678 + 87654321",
  ])("in code: %s", (text) => {
    expect(inspectOutput(text, rules).findings).toEqual([]);
  });

  test.each([
    "btn btn-primary text-[#1da1f2] hover:bg-sky-700 md:w-1/2 lg:grid-cols-[200px_minmax(900px,_1fr)_100px]",
    "sk-circle sk-circle-fade-dot-1 sk-loading-skeleton-wrapper-inner-item-2",
    "sk-estimator-id-12 sk-toggleable__label-arrow",
    "css-1q2w3e4r5t6y7u8i _styles_module__header_1a2b3",
  ])("in class names of CSS: %s", (text) => {
    expect(inspectOutput({ class: text, className: [text] }, rules).findings).toEqual([]);
  });

  test.each<readonly [string, unknown]>([
    ["an id", "550e8400-e29b-41d4-a716-446655440000"],
    ["ids in fields", { id: "7c9e6679-7425-40de-944b-e07fc1f90ae7", key: "550e8400-e29b-41d4-a716-446655440000" }],
    ["a key of an issue", { key: "PROJ-1234", id: 10_001, self: "https://example.com/rest/api/2/issue/10001" }],
    ["a commit", "commit 9fceb02d0ae598e95dc970b74767f19372d61af8"],
    ["a pair of commits", "9fceb02d0ae598e95dc970b74767f19372d61af8..1f7a7a472abf3dd9643fd615f6da379c4acb3e3a"],
    [
      "a digest of an image",
      "registry.example.com/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ],
    ["an entity tag", 'ETag: W/"5f3c-aB3dE5gH7jK9mN1pQ3sT5vX7z"'],
    ["times", ["2026-03-04T05:06:07.089Z", "20260304050607", "Wed, 04 Mar 2026 05:06:07 GMT", "1772600767.089012"]],
    ["times in numbers", [1_772_600_767, 1_772_600_767_089, 1_772_600_767_089_012, 1_772_600_767_089_012_345n]],
    ["versions", ["v1.2.3-beta.4+build.567", "node@20.19.0", "react-dom@19.0.0-rc.1", "1.0.0-alpha.20260304050607"]],
    ["addresses of machines", ["10.0.0.1:8080", "192.168.100.200", "fe80::1ff:fe23:4567:890a", "00:1A:2B:3C:4D:5E"]],
    ["numbers of things", ["order 1234567890123", "1Z999AA10123456784", "ISBN 978-3-16-148410-0", "4006381333931"]],
    ["measures", ["3.14159265358979323846", "4.242424242424242", "1,234,567,890,123", "lines 100-200"]],
    ["a fingerprint of a key", { fingerprint: "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8" }],
    [
      "a reference to a secret",
      { secret_id: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-AbCdEf" },
    ],
    ["what says when a password was changed", { passwordChangedAt: "2026-03-04T05:06:07Z", hasPassword: "true" }],
    ["what a token is like", { token_type: "Bearer", expires_in: 3600, scope: "read write" }],
  ])("in %s", (_, value) => {
    expect(inspectOutput(value, rules).findings).toEqual([]);
  });

  test.each([
    "next_token",
    "nextToken",
    "NextToken",
    "nextPageToken",
    "page_token",
    "pageToken",
    "continuationToken",
    "sync_token",
    "cursor",
    "csrfToken",
  ])("in %s, whatever it holds", (name) => {
    const values = [
      digest("sha256", "base64", 1),
      digest("sha256", "base64url", 2),
      digest("sha512", "hex", 3),
      Buffer.from('{"id":1234,"after":"2026-03-04"}').toString("base64"),
    ];
    for (const value of values) {
      expect(inspectOutput({ items: [], [name]: value }, rules).findings).toEqual([]);
      const link = `https://example.com/items?${name}=${encodeURIComponent(value)}&limit=10`;
      expect(inspectOutput(link, rules).findings).toEqual([]);
    }
  });

  test("in thousands of hashes, as npm, git and images write them", () => {
    const found = Array.from({ length: 3_000 }, (_, index) => [
      `sha512-${digest("sha512", "base64", index)}`,
      `sha1-${digest("sha1", "base64", index)}`,
      digest("sha1", "hex", index),
      `sha256:${digest("sha256", "hex", index)}`,
    ]).filter((hashes) => inspectOutput({ hashes }, rules).findings.length > 0);
    expect(found).toEqual([]);
  });

  test("in the integrity of a package whose bytes look like an address", () => {
    // Decoded from its second character on it reads `4bp@z5.` and two letters of Latin-1.
    const integrity = "5eWdz2yb3ajxWF3C8C4TjkXl7FGm3n2E/VlazALrQHzK7nYMSGFnCZto0bbPNl77AwkOZVLk0YnBAejUu0NiWA==";
    expect(inspectOutput({ integrity: `sha512-${integrity}` }, rules).findings).toEqual([]);
  });

  test("in this package's licence and settings", () => {
    for (const name of ["LICENSE", "package.json", "tsconfig.json"]) {
      const text = readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
      expect(inspectOutput(text, rules).findings, name).toEqual([]);
    }
  });

  test("but the same check bites on what is planted (control)", () => {
    for (const { kind, text } of ALL) expect(inspectOutput(text, rules).findings.length, kind).toBeGreaterThan(0);
  });
});
