import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OutputRule } from "../../src/outcome.js";
import { SETS } from "../../src/output/detect/sets.js";
import { inspectError, inspectOutput } from "../../src/output/inspect.js";
import { fingerprintUnder } from "../../src/output/mark.js";
import { redactValue } from "../../src/output/redact.js";
import { type Looking, openScan, sightingsIn } from "../../src/output/scan.js";
import { layOut } from "../../src/output/sheet.js";
import { cases, FULL_TIME } from "../scale.js";
import { openDraw } from "./draw.js";
import { PERSONAL, type Planted, SECRETS, secretsFrom } from "./planted.js";

const RUNS = cases("outputs that are inspected twice", 250, 20_000);

const rules: readonly OutputRule[] = [{ ruleId: "clean", detect: ["secrets", "pii"], action: "redact" }];

/** Of each kind, drawn anew for each output. */
const drawn = fc.nat({ max: 2 ** 31 - 1 }).chain((seed) => {
  const all: readonly Planted[] = [...secretsFrom(openDraw(seed).text), ...PERSONAL];
  return fc.constantFrom(...all);
});

const GUESSABLE = new Set([...SETS.values()].flat().flatMap(({ guessable, kinds }) => (guessable ? kinds : [])));

type Spell = (secret: string) => string;

const fullWidth: Spell = (text) =>
  text.replace(/[\u0021-\u007e]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0));

/** The ways in which a text may be written so that it is the same all the same. */
const spellings: readonly Spell[] = [
  (text) => text,
  (text) => text,
  (text) => Buffer.from(text).toString("base64"),
  (text) => Buffer.from(text).toString("base64url"),
  (text) => Buffer.from(text).toString("hex"),
  (text) => Buffer.from(Buffer.from(text).toString("base64")).toString("base64"),
  (text) => Buffer.from(text, "utf16le").toString("base64"),
  (text) => Buffer.from(text).toString("hex").replace(/../g, "%$&"),
  encodeURIComponent,
  JSON.stringify,
  (text) => JSON.stringify(JSON.stringify({ text })),
  fullWidth,
  (text) => [...text].join("\u200b"),
  (text) => text.replace(/.{7}/g, "$&\u00ad"),
  (text) => text.replace(/.{20}/g, "$&\n"),
  (text) => text.replace(/.{20}/g, "$&\r\n    "),
  (text) => text.replace(/.{9}/g, "$& "),
  (text) => `[REDACTED:x${text}]`,
  (text) => `[REDACTED:${text}]`,
  (text) => `[REDACTED:email:${text}]`,
  (text) => `[REDACTED:github_token]${text}[REDACTED:jwt:000000000000]`,
  (text) => text.slice(0, text.length / 2),
  (text) => text.slice(text.length / 2),
];

const written = fc
  .tuple(drawn, fc.boolean(), fc.constantFrom(...spellings))
  .map(([{ secret, text }, isBare, spell]) => spell(isBare ? secret : text));

const noise = fc.oneof(
  fc.constantFrom(
    "bearer ",
    "AccountKey=",
    "secret key: ",
    "@",
    ".",
    "-----",
    "eyJ",
    " ",
    ", ",
    "\n",
    "\0",
    "=",
    "password",
  ),
  fc.constantFrom(
    "[REDACTED:",
    "]",
    "[REDACTED:email]",
    "[REDACTED:jwt:0123456789ab]",
    "[REDACTED:password]",
    ":",
    "#2",
  ),
  fc.string({ maxLength: 6 }),
  fc.string({ maxLength: 6, unit: "grapheme" }),
);

const text = fc
  .array(fc.oneof({ weight: 1, arbitrary: written }, { weight: 2, arbitrary: noise }), { maxLength: 4 })
  .map((parts) => parts.join(""));

/** One text over neighbouring fields, in some of the ways in which streams and forms do that. */
const spread = fc
  .tuple(text, fc.integer({ min: 1, max: 6 }), fc.nat({ max: 4 }))
  .map(([whole, count, way]): unknown => {
    const size = Math.max(1, Math.ceil(whole.length / count));
    const parts = whole.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [""];
    if (way === 0) return parts;
    if (way === 1) return Object.fromEntries(parts.map((part, index) => [`part ${index}`, part]));
    if (way === 2) return parts.map((part) => ({ type: "text", text: part }));
    if (way === 3) return new Map(parts.map((part, index) => [index, part]));
    return { name: parts[0], value: parts.slice(1).join("") };
  });

const leaf = fc.oneof(
  { weight: 5, arbitrary: text },
  { weight: 2, arbitrary: spread },
  fc.constantFrom<unknown>(
    Number("42".repeat(8)),
    BigInt("42".repeat(8)),
    4_012_888_888_881_881,
    2 ** 52,
    7,
    -0,
    Number.NaN,
  ),
  fc.constantFrom<unknown>(null, undefined, true, 12n, new Date(0), "", "password", "Authorization"),
);

const data = fc.letrec<{ readonly any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.array(tie("any"), { maxLength: 4 }),
    fc.array(fc.tuple(text, tie("any")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
    fc.array(fc.tuple(fc.oneof(text, leaf), tie("any")), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(fc.oneof(text, leaf), { maxLength: 4 }).map((members) => new Set(members)),
  ),
})).any;

const MARKED = /\[REDACTED:/;

/** Where two values differ in shape; null where they do not. A number may have become its marker. */
function difference(before: unknown, after: unknown, at = ""): string | null {
  if (typeof before === "number" || typeof before === "bigint") {
    return Object.is(before, after) || (typeof after === "string" && MARKED.test(after)) ? null : at;
  }
  if (typeof before === "string") {
    return before === after || (typeof after === "string" && MARKED.test(after)) ? null : at;
  }
  if (typeof before !== "object" || before === null || before instanceof Date) {
    return before === after || (after instanceof Date && Number(before) === Number(after)) ? null : at;
  }
  if (typeof after !== "object" || after === null) return at;
  if (Object.getPrototypeOf(before) !== Object.getPrototypeOf(after)) return at;
  return differenceInside(contentsOf(before), contentsOf(after), at);
}

function differenceInside(before: readonly unknown[], after: readonly unknown[], at: string): string | null {
  if (before.length !== after.length) return `${at} has ${after.length}, not ${before.length}`;
  for (let index = 0; index < before.length; index += 1) {
    const inside = difference(before[index], after[index], `${at}/${index}`);
    if (inside !== null) return inside;
  }
  return null;
}

/** Keys and values in turn, or members. */
function contentsOf(object: object): readonly unknown[] {
  if (Array.isArray(object)) return object;
  if (object instanceof Map) return [...object].flat();
  if (object instanceof Set) return [...object];
  return Object.entries(object).flat();
}

type Redact = (value: unknown) => unknown;

const redact: Redact = (value) => {
  const inspection = inspectOutput(value, rules);
  if (inspection.verdict !== "clear") throw new Error(inspection.message);
  return inspection.output.value;
};

/** Nothing more is found in what a redactor leaves, and it has the shape of what it was made from. */
function isSettled(redactor: Redact): fc.IProperty<[unknown]> {
  return fc.property(data, (value) => {
    const once = redactor(value);
    expect(difference(value, once)).toBeNull();
    const again = inspectOutput(once, rules);
    expect(again.findings).toEqual([]);
    expect(again).toMatchObject({ verdict: "clear" });
    if (again.verdict === "clear") expect(again.output.value).toStrictEqual(once);
  });
}

describe("what was redacted", () => {
  test("has its shape, and a second inspection finds and changes nothing (property)", { timeout: FULL_TIME }, () => {
    fc.assert(isSettled(redact), { numRuns: RUNS });
  });

  test.each<readonly [string, Redact]>([
    [
      "one look",
      (value) => {
        const scan = openScan(rules);
        const sheet = layOut(value);
        return redactValue(scan, value, { sheet, sightings: sightingsIn(scan, sheet) });
      },
    ],
    [
      "an expression over each text",
      (value) => (typeof value === "string" ? value.replace(/\w+@\w+\.\w+/g, "[REDACTED:email]") : value),
    ],
    [
      "the JSON text",
      (value) => JSON.parse(JSON.stringify(value ?? null, (_, item) => (typeof item === "bigint" ? 0 : item))),
    ],
  ])("by %s does not pass the same check (control)", (_, naive) => {
    expect(fc.check(isSettled(naive), { numRuns: 2_000 }).failed).toBe(true);
  });

  test("of an error: a second inspection finds nothing either (property)", { timeout: FULL_TIME }, () => {
    const thrown = fc
      .tuple(text, text, data)
      .map(([message, stack, own]) => Object.assign(new Error(message), { stack, own }));
    fc.assert(
      fc.property(thrown, (error) => {
        const once = inspectError(error, rules);
        if (once.verdict !== "clear") throw new Error(once.message);
        expect(inspectOutput(once.error, rules)).toMatchObject({ verdict: "clear", findings: [] });
      }),
      { numRuns: RUNS },
    );
  });
});

describe("fingerprints", () => {
  const under = (secret: string, scope = "job"): Looking => ({ fingerprint: fingerprintUnder(secret, scope) });
  const [one, two] = SECRETS.filter(({ kind }) => kind === "github_token").map(({ secret }) => secret);
  const address = PERSONAL[0]?.secret ?? "";

  function printsOf(value: unknown, looking: Looking): readonly string[] {
    const { findings } = inspectOutput(value, rules, looking);
    return findings.map(({ fingerprint }) => fingerprint);
  }

  test("are 12 hex digits, equal for equal secrets of one inspection and different for others", () => {
    const [a, b, c, d] = printsOf({ [`key ${one}`]: one, list: [two, `${one}.`] }, under("s"));
    expect(a).toMatch(/^[0-9a-f]{12}$/);
    expect([b, d]).toEqual([a, a]);
    expect(c).toMatch(/^[0-9a-f]{12}$/);
    expect(c).not.toBe(a);
  });

  test("are equal for a secret as it is, in base64, hex, full-width letters, escapes and broken lines", () => {
    const text = `so ${one} it is`;
    const forms = [
      text,
      Buffer.from(text).toString("base64"),
      Buffer.from(text).toString("hex"),
      fullWidth(text),
      encodeURIComponent(text).replace(/[a-z]/g, (c) => `%${c.charCodeAt(0).toString(16)}`),
      [...text].join("\u200b"),
    ];
    expect(new Set(forms.map((form) => printsOf(form, under("s"))[0])).size).toBe(1);
    expect(new Set(printsOf(forms, under("s"))).size).toBe(1);
  });

  test("are different under another key, in another scope, and for another kind", () => {
    const prints = [under("s"), under("t"), under("s", "other")].map((looking) => printsOf(one, looking)[0]);
    expect(new Set(prints).size).toBe(3);
    const print = fingerprintUnder("s", "job");
    expect(print("jwt", "x")).not.toBe(print("email", "x"));
    expect(print("jwt", "x")).toBe(print("jwt", "x"));
    // Where one part ends and the next begins is part of it.
    expect(fingerprintUnder("a", "bc")("d", "e")).not.toBe(fingerprintUnder("ab", "c")("d", "e"));
    expect(fingerprintUnder("a", "b")("cd", "e")).not.toBe(fingerprintUnder("a", "b")("c", "de"));
  });

  test("tell nothing without a key: what was not asked for is the same for all", () => {
    expect(printsOf([one, two], {})).toEqual(["000000000000", "000000000000"]);
  });

  test("in a marker are those of its finding, and nothing guessable has one there", () => {
    for (const { kind, text } of [...SECRETS, ...PERSONAL]) {
      const inspection = inspectOutput({ text }, rules, under("s"));
      if (inspection.verdict !== "clear") throw new Error(inspection.message);
      const { findings, output } = inspection;
      const prints = new Map(findings.map((finding) => [finding.kind, finding.fingerprint]));
      for (const { groups } of JSON.stringify(output.value).matchAll(/\[REDACTED:(?<kind>\w+)(?::(?<print>\w+))?\]/g)) {
        const isGuessable = GUESSABLE.has(groups?.kind ?? "");
        expect(groups?.print, kind).toBe(isGuessable ? undefined : prints.get(groups?.kind ?? ""));
      }
      expect(prints.get(kind), kind).toMatch(/^(?!000000000000)[0-9a-f]{12}$/);
    }
  });

  test("of something guessable can be tried out by whoever knows the key, and by nobody else (control)", () => {
    const [print] = printsOf(address, under("s"));
    const guess = (secret: string): string | undefined =>
      ["kim@example.com", address].find((tried) => fingerprintUnder(secret, "job")("email", tried) === print);
    expect(guess("s")).toBe(address);
    expect(guess("t")).toBeUndefined();
    const inspection = inspectOutput(address, rules, under("s"));
    expect(inspection.verdict === "clear" && inspection.output.value).toBe("[REDACTED:email]");
  });
});

describe("text that looks like a marker", () => {
  const [one] = SECRETS.filter(({ kind }) => kind === "github_token").map(({ secret }) => secret);

  test.each([
    "[REDACTED:email]",
    "[REDACTED:jwt:0123456789ab]",
    "a [REDACTED:password] b",
    "password: [REDACTED:password]",
  ])("and may be one stays as it is: %s", (text) => {
    expect(inspectOutput({ [text]: text }, rules)).toMatchObject({ verdict: "clear", findings: [] });
  });

  test.each([
    `[REDACTED:x${one}]`,
    `[REDACTED:${one}]`,
    `[REDACTED:x:${one}]`,
    `[REDACTED:github_token:${one}]`,
    `[REDACTED:github_token:0123456789ab ${one}]`,
    `[REDACTED:github_token]${one}`,
    `${one}[REDACTED:github_token]`,
    `[REDACTED:github_token${one}`,
    `[[REDACTED:github_token]${one}]`,
    `[redacted:github_token:${one}]`,
    `password=[REDACTED:${one}]`,
  ])("hides no secret", (text) => {
    expect(JSON.stringify(redact({ [text]: [text] }))).not.toContain(one);
  });

  test("of a kind that nobody looks for is looked at like any other text", () => {
    const rule: OutputRule = {
      ruleId: "own",
      detect: [{ name: "inner", pattern: "REDACTED:[a-z_]+" }],
      action: "redact",
    };
    expect(inspectOutput("[REDACTED:no_such_kind] and [REDACTED:email]", [rule])).toMatchObject({
      verdict: "clear",
      output: { value: "[[REDACTED:inner]] and [REDACTED:email]" },
    });
  });
});
