import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OutputRule } from "../../src/outcome.js";
import { decodeOutput } from "../../src/output/decode.js";
import { encodeOutput } from "../../src/output/encode.js";
import { type Inspection, inspectOutput } from "../../src/output/inspect.js";
import { ALL, keyBlock, type Planted, SECRETS } from "./planted.js";

const redactAll: OutputRule = { ruleId: "clean", detect: ["secrets", "pii"], action: "redact" };
const withholdSecrets: OutputRule = { ruleId: "hold", detect: ["secrets"], action: "quarantine" };

/** Of everything, where a whole marker is asserted. */
const PRINT = "0123456789ab";
const marking = { fingerprint: () => PRINT };

function cleared(inspection: Inspection): unknown {
  if (inspection.verdict !== "clear") throw new Error(inspection.message);
  expect(decodeOutput(inspection.output.encoded)).toStrictEqual(inspection.output.value);
  return inspection.output.value;
}

/** Everything of an inspection that may be shown, Maps, Sets and all, as one text. */
function shown(inspection: Inspection): string {
  const { findings } = inspection;
  const rest =
    inspection.verdict === "clear"
      ? [encodeOutput(inspection.output.value), inspection.output.encoded]
      : [inspection.message];
  return JSON.stringify([findings, ...rest]).replaceAll("\\\\", "\\");
}

/** What a secret looks like wherever JSON text is shown. */
function traces(secret: string): readonly string[] {
  return secret.split("\n").filter((line) => line.length > 3);
}

function expectNoTrace(inspection: Inspection, secret: string): void {
  const text = shown(inspection);
  for (const trace of traces(secret)) expect(text).not.toContain(trace);
}

function pick(kind: string): Planted {
  const planted = ALL.find((candidate) => candidate.kind === kind);
  if (planted === undefined) throw new Error(kind);
  return planted;
}

const address = "dana@example.com";
const other = "kim@example.com";

describe("clear output", () => {
  test("output without hits comes back as a copy, with its recorded form and no findings", () => {
    const value = { rows: [{ id: 1, when: new Date(0) }], total: 1n };
    const inspection = inspectOutput(value, [redactAll]);
    expect(inspection).toStrictEqual({
      verdict: "clear",
      output: { value, encoded: encodeOutput(value) },
      findings: [],
      held: encodeOutput(value),
    });
    expect(cleared(inspection)).not.toBe(value);
  });

  test("undefined, what most functions return, is clear", () => {
    expect(inspectOutput(undefined, [redactAll])).toStrictEqual({
      verdict: "clear",
      output: { value: undefined, encoded: '{"$gate.undefined":true}' },
      findings: [],
      held: '{"$gate.undefined":true}',
    });
  });

  test("without rules nothing is looked for", () => {
    expect(cleared(inspectOutput({ address }, []))).toEqual({ address });
  });

  test("only what a rule asks for is looked for", () => {
    const rule: OutputRule = { ruleId: "keys", detect: ["secrets"], action: "redact" };
    expect(cleared(inspectOutput({ address }, [rule]))).toEqual({ address });
  });
});

describe("redaction", () => {
  test("hits are replaced in values and keys, at every depth, and the shape is kept", () => {
    const value = {
      note: `write to ${address}, or ${other}!`,
      list: [1, [address]],
      [address]: { inner: true },
      map: new Map<unknown, unknown>([
        [address, 1],
        [{ owner: address }, new Set([address, 5])],
      ]),
    };
    const inspection = inspectOutput(value, [redactAll], marking);
    expect(cleared(inspection)).toStrictEqual({
      note: "write to [REDACTED:email], or [REDACTED:email]!",
      list: [1, ["[REDACTED:email]"]],
      "[REDACTED:email]": { inner: true },
      map: new Map<unknown, unknown>([
        ["[REDACTED:email]", 1],
        [{ owner: "[REDACTED:email]" }, new Set(["[REDACTED:email]", 5])],
      ]),
    });
    const found = (path: string, length = address.length) => ({
      kind: "email",
      path,
      length,
      fingerprint: PRINT,
      ruleId: "clean",
      action: "redact",
    });
    expect(inspection.findings).toEqual([
      found("/[REDACTED:email]#key"),
      found("/note"),
      found("/note", other.length),
      found("/list/1/0"),
      found("/map/[REDACTED:email]#key"),
      found("/map/1/owner#key"),
      found("/map/1/0"),
    ]);
  });

  test("the caller's value is not changed", () => {
    const value = { list: [address], map: new Map([[address, new Set([address])]]) };
    inspectOutput(value, [redactAll]);
    expect(value).toStrictEqual({ list: [address], map: new Map([[address, new Set([address])]]) });
  });

  test("keys that become equal are numbered and lose no value", () => {
    const value = { [address]: 1, [other]: 2, "[REDACTED:email]#2": 3, [`<${address}>`]: 4, "[REDACTED:email]": 5 };
    expect(cleared(inspectOutput(value, [redactAll]))).toStrictEqual({
      "[REDACTED:email]#3": 1,
      "[REDACTED:email]#4": 2,
      "[REDACTED:email]#2": 3,
      "<[REDACTED:email]>": 4,
      "[REDACTED:email]": 5,
    });
    // The control: replacing in the JSON text keeps the last of them only.
    const naive = JSON.parse(JSON.stringify(value).replaceAll(/[\w.]+@[\w.]+/g, "[REDACTED:email]"));
    expect(Object.keys(naive)).toHaveLength(3);
  });

  test("keys of Maps and members of Sets that become equal are numbered too", () => {
    const value = [
      new Map([
        [address, 1],
        [other, 2],
      ]),
      new Set([address, other, 3]),
    ];
    expect(cleared(inspectOutput(value, [redactAll]))).toStrictEqual([
      new Map([
        ["[REDACTED:email]", 1],
        ["[REDACTED:email]#2", 2],
      ]),
      new Set(["[REDACTED:email]", "[REDACTED:email]#2", 3]),
    ]);
  });

  test("a key block with quotes and line breaks leaves valid data behind", () => {
    const block = keyBlock("RSA PRIVATE KEY");
    const value = { file: `a "quoted" line\n${block}\nb` };
    expect(cleared(inspectOutput(value, [redactAll], marking))).toEqual({
      file: `a "quoted" line\n[REDACTED:private_key:${PRINT}]\nb`,
    });
    // The control: an open block redacted in the JSON text takes the closing quote with it.
    const open = JSON.stringify({ file: block.slice(0, 60), next: 1 });
    expect(() => JSON.parse(open.replace(/-----BEGIN [\s\S]*/, "[REDACTED]"))).toThrow(SyntaxError);
    expect(cleared(inspectOutput({ file: block.slice(0, 60), next: 1 }, [redactAll], marking))).toEqual({
      file: `[REDACTED:private_key:${PRINT}]`,
      next: 1,
    });
  });

  test("hits that overlap become one replacement, and each is a finding", () => {
    const { secret } = pick("jwt");
    const inspection = inspectOutput(`Authorization: Bearer ${secret}@example.com ok`, [redactAll], marking);
    // The one that begins first names it.
    expect(cleared(inspection)).toBe(`Authorization: Bearer [REDACTED:jwt:${PRINT}] ok`);
    expect(inspection.findings.map(({ kind }) => kind)).toEqual(["jwt", "email"]);
  });

  test("what runs through the values under one key is cut from those, and from nothing between them", () => {
    const { secret } = pick("github_token");
    const deltas = (secret.match(/.{1,6}/g) ?? []).map((text, index) => ({
      type: "text_delta",
      index,
      delta: { text },
    }));
    const output = cleared(inspectOutput(deltas, [redactAll])) as typeof deltas;
    expect(output.map(({ type, index }) => [type, index])).toEqual(deltas.map(({ type, index }) => [type, index]));
    for (const { delta } of output) expect(delta.text).toMatch(/^\[REDACTED:github_token:[0-9a-f]{12}\]$/);
  });

  test("what is known by its name and by itself is one finding, of the kind that it is", () => {
    const { secret } = pick("github_token");
    const inspection = inspectOutput({ token: secret, api_key: `"${secret}"` }, [redactAll]);
    expect(inspection.findings.map(({ kind, path }) => [kind, path])).toEqual([
      ["github_token", "/token"],
      ["github_token", "/api_key"],
    ]);
  });

  test("a secret is known by the name of its field", () => {
    const { secret } = pick("aws_secret_access_key");
    const value = {
      SecretAccessKey: secret,
      token: secret,
      note: secret,
      headers: new Map([["authorization", "Bearer abc"]]),
    };
    expect(cleared(inspectOutput(value, [redactAll]))).toStrictEqual({
      SecretAccessKey: "[REDACTED:aws_secret_access_key]",
      token: "[REDACTED:secret_value]",
      note: secret,
      headers: new Map([["authorization", "Bearer [REDACTED:bearer_token]"]]),
    });
  });

  test("an own key `__proto__` stays data", () => {
    const value: unknown = JSON.parse(`{"__proto__":{"mail":"${address}"}}`);
    const output = cleared(inspectOutput(value, [redactAll])) as object;
    expect(JSON.stringify(output)).toBe('{"__proto__":{"mail":"[REDACTED:email]"}}');
    expect(Object.getPrototypeOf(output)).toBe(Object.prototype);
  });

  test("lone surrogates and long keys leave findings that canonical JSON can hold", () => {
    const inspection = inspectOutput({ [`\ud800${"k".repeat(400)}`]: address }, [redactAll]);
    const [finding] = inspection.findings;
    expect(finding?.path).toBe(`/\ufffd${"k".repeat(127)}...`);
  });
});

describe("a secret planted anywhere", () => {
  const places: readonly (readonly [string, (text: string) => unknown])[] = [
    ["as the whole output", (text) => text],
    ["in a value", (text) => ({ a: { b: [1, `x ${text}`] } })],
    ["in a key", (text) => ({ a: [{ [text]: 1 }] })],
    ["in a key above another value", (text) => ({ [text]: { [`next ${text}`]: text } })],
    ["in a key of a Map", (text) => new Map([[text, new Map([[`y ${text}`, text]])]])],
    ["in an object that is a key of a Map", (text) => new Map([[{ [text]: text }, 1]])],
    ["in a Set", (text) => new Set([text, `${text} `])],
    ["in a list in a Set in a Map", (text) => new Map([[1, new Set([[text]])]])],
    ["in bytes", (text) => ({ file: Buffer.from(`before ${text}`) })],
    // A URL is looked at as it is written: what percent-encoding hides is not seen.
    ["in a URL", (text) => (/[^\w.@:/=+-]/.test(text) ? text : [new URL(`https://example.com/?${text}`)])],
    ["beside what is not plain data", (text) => ({ text, hook: () => text })],
    ["in the way to what is not plain data", (text) => ({ [text]: [Symbol(text)] })],
    ["in the way through a Map to what is not plain data", (text) => new Map([[text, () => text]])],
    [
      "in the way to what is too deep",
      (text) => JSON.parse(`${`{${JSON.stringify(text)}:`.repeat(70)}1${"}".repeat(70)}`),
    ],
  ];
  const rules = [redactAll, { ...redactAll, ruleId: "both", action: "quarantine" as const }];

  test.each(places)("%s, it is in nothing that an inspection shows", (_, plant) => {
    for (const { secret, text } of ALL) {
      for (const rule of rules) {
        const inspection = inspectOutput(plant(text), [rule]);
        expectNoTrace(inspection, secret);
      }
    }
  });

  test("and where a value is plain it is always found (property)", () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom(...ALL),
        fc.constantFrom(...places.slice(0, 8)),
        (around, { secret, kind, text }, [, plant]) => {
          const inspection = inspectOutput([around, { deep: plant(text) }], [redactAll]);
          expect(inspection.findings.some((finding) => finding.kind === kind)).toBe(true);
          expect(inspection.verdict).toBe("clear");
          expectNoTrace(inspection, secret);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("a naive redactor fails the same check (control)", () => {
    const naive = (value: unknown): string =>
      JSON.stringify(value, (_, item) => (typeof item === "string" ? item.replaceAll(address, "[REDACTED]") : item));
    expect(naive({ a: address })).not.toContain(address);
    expect(naive({ [address]: 1 })).toContain(address);
    expect(naive({ toJSON: () => ({ [address]: 1 }) })).toContain(address);
    expect(naive(new Map([[1, "kept"]]))).toBe("{}");
  });
});

describe("quarantine", () => {
  test("a hit under a quarantine rule withholds the whole output and holds it for the vault", () => {
    const { text, secret } = pick("stripe_key");
    const value = { note: address, list: ["fine", text] };
    const inspection = inspectOutput(value, [redactAll, withholdSecrets], marking);
    expect(inspection).toEqual({
      verdict: "quarantine",
      findings: [
        {
          kind: "email",
          path: "/note",
          length: address.length,
          fingerprint: PRINT,
          ruleId: "clean",
          action: "redact",
        },
        {
          kind: "stripe_key",
          path: "/list/1",
          length: secret.length,
          fingerprint: PRINT,
          ruleId: "hold",
          action: "quarantine",
        },
      ],
      message: "output rule `hold` withheld the output: stripe_key at `/list/1`",
      held: encodeOutput(value),
    });
  });

  test("a hit in bytes withholds the output, since bytes cannot be redacted", () => {
    const value = { file: Buffer.from(`\u00ff${pick("npm_token").text}`, "latin1") };
    expect(inspectOutput(value, [redactAll], marking)).toEqual({
      verdict: "quarantine",
      findings: [
        { kind: "npm_token", path: "/file", length: 40, fingerprint: PRINT, ruleId: "clean", action: "quarantine" },
      ],
      message: "output rule `clean` withheld the output: npm_token at `/file`",
      held: encodeOutput({ file: new Uint8Array(value.file) }),
    });
    expect(cleared(inspectOutput(Buffer.from("harmless"), [redactAll]))).toEqual(
      new Uint8Array(Buffer.from("harmless")),
    );
  });

  test("a hit in a URL withholds the output", () => {
    const inspection = inspectOutput([new URL(`https://example.com/?to=${address}`)], [redactAll]);
    expect(inspection).toMatchObject({
      verdict: "quarantine",
      message: "output rule `clean` withheld the output: email at `/0`",
    });
  });

  test("what is not plain data is withheld with the way to it, keys redacted", () => {
    expect(inspectOutput({ [address]: [{ "a/b~c": () => 1 }] }, [redactAll])).toEqual({
      verdict: "quarantine",
      findings: [],
      message: "the output is not plain data: a function at `/[REDACTED:email]/0/a~1b~0c`",
      held: null,
    });
    expect(inspectOutput(Promise.resolve(1), [])).toMatchObject({
      message: "the output is not plain data: a Promise",
      held: null,
    });
  });

  test("what is over a cap is withheld, rather than scanned in part", () => {
    expect(inspectOutput(`${"x".repeat(8 * 1024 * 1024)}${address}`, [redactAll])).toEqual({
      verdict: "quarantine",
      findings: [],
      message: "the output is over a limit: more than 8388608 characters and bytes of content",
      held: null,
    });
  });

  test("1,000 findings are redacted and one more withholds the output", () => {
    const many = Array.from({ length: 1_000 }, (_, index) => `user${index}@example.com`);
    expect(cleared(inspectOutput(many, [redactAll]))).toEqual(many.map(() => "[REDACTED:email]"));
    for (const value of [[...many, address], [...many, address].join(" ")]) {
      const inspection = inspectOutput(value, [redactAll]);
      expect(inspection).toMatchObject({
        verdict: "quarantine",
        message: "the output is over a limit: more than 1000 findings",
        held: encodeOutput(value),
      });
      expect(shown(inspection)).not.toContain("example.com");
    }
  });

  test("a detector that fails withholds the output", () => {
    const broken = { ruleId: "new", detect: ["streams" as never], action: "redact" } as const;
    expect(inspectOutput({ a: 1 }, [redactAll, broken])).toEqual({
      verdict: "quarantine",
      findings: [],
      message: "a detector failed, so the output was not inspected",
      held: '{"a":1}',
    });
    expect(inspectOutput({ a: () => 1 }, [broken])).toMatchObject({
      message: "the output is not plain data: a function at `a place that cannot be shown`",
    });
  });

  test("where two rules look for the same, the one that withholds acts, in either order", () => {
    const redactSecrets: OutputRule = { ...redactAll, detect: ["secrets"] };
    for (const rules of [
      [redactSecrets, withholdSecrets],
      [withholdSecrets, redactSecrets],
    ]) {
      const inspection = inspectOutput(pick("npm_token").text, rules);
      expect(inspection).toMatchObject({ verdict: "quarantine", findings: [{ ruleId: "hold" }] });
    }
  });

  test("every kind of secret is withheld whole", () => {
    for (const { kind, text } of SECRETS) {
      const inspection = inspectOutput({ text }, [withholdSecrets]);
      expect(inspection.verdict, kind).toBe("quarantine");
      expect(inspection.findings.map((finding) => finding.kind)).toContain(kind);
    }
  });
});

describe("whatever is returned, nothing of it runs and nothing is thrown", () => {
  const TRAPS = Object.getOwnPropertyNames(Reflect);

  /** Everything that could run, each noting that it did. */
  function hostile(calls: string[]): readonly (readonly [string, string | null, unknown])[] {
    const note = (name: string, answer?: unknown) => (): unknown => {
      calls.push(name);
      if (answer === undefined) throw new Error(`${name} ran with ${address}`);
      return answer;
    };
    const traps = Object.fromEntries(TRAPS.map((name) => [name, note(`trap ${name}`)]));
    const getter = Object.defineProperty({}, "read", { enumerable: true, get: note("getter") });
    const setter = Object.defineProperty({}, "write", { enumerable: true, set: note("setter") });
    const lazy = Object.defineProperty([1], 1, { enumerable: true, get: note("getter of a list") });
    const thenable = { ...{}, [["th", "en"].join("")]: note("then") };
    const round: unknown[] = [];
    round.push({ round });
    const map = new Map();
    map.set("self", map);
    class Own {
      readonly value = address;
      toJSON = note("toJSON");
      [Symbol.toPrimitive] = note("toPrimitive");
    }
    class OwnList extends Array<unknown> {}
    class OwnMap extends Map<unknown, unknown> {
      override get = note("get") as never;
    }
    let deep: unknown = address;
    for (let level = 0; level < 100; level += 1) deep = level % 2 === 0 ? [deep] : { deep };
    const detached = new ArrayBuffer(8);
    const view = new Uint8Array(detached);
    structuredClone(detached, { transfer: [detached] });
    return [
      ["a circle", "a value that contains itself", round],
      ["a circle through a Map", "a value that contains itself", { map }],
      ["a getter", "a getter or setter", getter],
      ["a setter", "a getter or setter", [setter]],
      ["a getter in a list", "a getter or setter", lazy],
      ["a property that is hidden", "not enumerable", Object.defineProperty({}, "hidden", { value: address })],
      ["a symbol key", "a symbol key", { [Symbol(address)]: address }],
      ["a symbol", "a symbol", [Symbol(address)]],
      ["a function", "a function", { run: note("function") }],
      ["a promise", "a Promise", { later: Promise.resolve(address) }],
      ["what may be awaited", "a function", thenable],
      [
        "a generator",
        "a generator",
        (function* () {
          yield note("generator")();
        })(),
      ],
      ["an instance of a class", "an instance of a class", new Own()],
      ["a list of a class", "an instance of a class", OwnList.of(address)],
      ["a Map of a class", "an instance of a class", new OwnMap([[address, 1]])],
      ["an error", "an Error", [new Error(address)]],
      ["an expression", "a RegExp", /a/],
      ["a boxed text", "a boxed primitive", Object(address)],
      ["a list of 16-bit numbers", "a typed array other than Uint8Array", new Uint16Array(4)],
      ["a buffer without its memory", null, { view }],
      ["bare memory", "an ArrayBuffer", new ArrayBuffer(8)],
      ["a weak collection", "a weak collection", new WeakMap()],
      ["a proxy of an object", "a proxy", new Proxy({}, traps)],
      ["a proxy of a list", "a proxy", [new Proxy([address], traps)]],
      ["a proxy of a function", "a function", { run: new Proxy(note("function"), traps) }],
      ["a proxy as a key of a Map", "a proxy", new Map([[new Proxy({}, traps), 1]])],
      ["a proxy in a Set", "a proxy", new Set([new Proxy(new Set(), traps)])],
      ["an object under a proxy", "an instance of a class", Object.create(new Proxy({}, traps))],
      ["a list under a proxy", "an instance of a class", Object.setPrototypeOf([address], new Proxy([], traps))],
      ["a revoked proxy", "a proxy", revoked()],
      ["a hundred levels", "more than 64 levels", deep],
      ["a list with holes", "a list with holes", Array(3)],
      ["a list with a property", "a list with properties of its own", Object.assign([1], { extra: address })],
      ["a date that is none", "an invalid Date", new Date(Number.NaN)],
      ["a huge bigint", "a bigint of more than 8192 bits", 7n ** 100_000n],
    ];
  }

  function revoked(): object {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  }

  test.each(hostile([]).map(([name], index) => [name, index] as const))("%s", (_, index) => {
    const calls: string[] = [];
    const [, wanted, value] = hostile(calls)[index] ?? [];
    // Where it stands alone, and amid what is plain.
    for (const output of [value, { before: address, inside: [value], after: address }]) {
      const inspection = inspectOutput(output, [redactAll]);
      expect(inspection).toMatchObject({ verdict: "quarantine", findings: [], held: null });
      if (inspection.verdict === "quarantine" && wanted !== null) expect(inspection.message).toContain(wanted);
      expect(shown(inspection)).not.toContain(address);
    }
    expect(calls).toEqual([]);
  });

  test("and the usual ways to look at the same would run it (control)", () => {
    const calls: string[] = [];
    for (const [, , value] of hostile(calls)) {
      try {
        JSON.stringify(value);
      } catch {
        // As the getters and traps do.
      }
    }
    expect(calls).toEqual(expect.arrayContaining(["getter", "getter of a list", "toJSON", "trap get"]));
  });

  test("invalid UTF-16 is looked at, redacted and recorded", () => {
    const value = { "\ud800": `\udc00 ${address} \ud800`, list: [`a\ud83d ${address}`, "\ud83d", "\ude00"] };
    const inspection = inspectOutput(value, [redactAll]);
    expect(cleared(inspection)).toStrictEqual({
      "\ud800": "\udc00 [REDACTED:email] \ud800",
      list: ["a\ud83d [REDACTED:email]", "\ud83d", "\ude00"],
    });
    expect(inspection.findings.map(({ path }) => path)).toEqual(["/\ufffd", "/list/0"]);
  });

  test("bytes are looked at as UTF-8, as single bytes, and never changed", () => {
    const random = Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 167 + 13) % 256));
    expect(cleared(inspectOutput(random, [redactAll]))).toEqual(new Uint8Array(random));
    for (const file of [
      Buffer.concat([random, Buffer.from(` ${address} `), random]),
      Buffer.from(`j\u00fcrgen ${address}`),
      Buffer.from(address, "utf16le"),
    ]) {
      expect(inspectOutput({ file }, [redactAll]).verdict).toBe("quarantine");
    }
    const part = new Uint8Array(Buffer.from(`${address} and the rest of it`).buffer, 0, 0);
    expect(inspectOutput(part, [redactAll]).verdict).toBe("clear");
  });

  test("8 MiB of text are looked at whole, to the last character", () => {
    const most = "word ".repeat((8 * 1024 * 1024) / 5 - 8);
    expect(cleared(inspectOutput(`${most}${address}`, [redactAll]))).toBe(`${most}[REDACTED:email]`);
    expect(inspectOutput(`${most}${"x".repeat(64)}`, [redactAll])).toMatchObject({ verdict: "quarantine", held: null });
  });

  test("64 levels are looked at, to the deepest", () => {
    let deep: unknown = address;
    for (let level = 0; level < 64; level += 1) deep = level % 2 === 0 ? [deep] : { deep };
    expect(JSON.stringify(cleared(inspectOutput(deep, [redactAll])))).toContain('["[REDACTED:email]"]');
  });

  test("what anybody may return never throws, and what is clear holds no secret (property)", () => {
    const [secret] = SECRETS.filter(({ kind }) => kind === "github_token").map((planted) => planted.secret);
    if (secret === undefined) throw new Error("github_token");
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: true,
      withObjectString: true,
      values: [fc.constant(secret), fc.string(), fc.double(), fc.constant(address), fc.bigInt()],
    });
    fc.assert(
      fc.property(anything, (value) => {
        const inspection = inspectOutput(value, [redactAll]);
        expect(shown(inspection)).not.toContain(secret);
        expect(shown(inspection)).not.toContain(address);
      }),
      { numRuns: 500 },
    );
  });

  test("the most UTF-8 bytes of an output are counted in its recorded form", () => {
    const value = { text: "\u00fc".repeat(10) };
    const size = Buffer.byteLength(encodeOutput(value));
    expect(inspectOutput(value, [redactAll], { maxBytes: size }).verdict).toBe("clear");
    expect(inspectOutput(value, [redactAll], { maxBytes: size - 1 })).toEqual({
      verdict: "quarantine",
      findings: [],
      message: `the output is larger than ${size - 1} bytes`,
      held: encodeOutput(value),
    });
    expect(inspectOutput(undefined, [redactAll], { maxBytes: 0 }).verdict).toBe("clear");
  });
});
