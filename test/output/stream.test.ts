import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import type { Finding, OutputRule } from "../../src/outcome.js";
import { inspectChunks, inspectOutput } from "../../src/output/inspect.js";
import { fingerprintUnder } from "../../src/output/mark.js";
import { inspectStream, type StreamLooking } from "../../src/output/stream.js";
import { cpu } from "../cpu.js";
import { cases, FULL_TIME } from "../scale.js";
import { ALNUM, BASE64, DIGIT, type Draw, openDraw, UPPER, WORDY } from "./draw.js";
import { head } from "./example.js";
import { survives } from "./found.js";
import { keyBlock, type Planted, SECRETS, secretsFrom } from "./planted.js";

const SEED = Number(process.env.SEED);

const REDACT: readonly OutputRule[] = Object.freeze([
  { ruleId: "r", detect: ["secrets", "pii"], action: "redact" } as const,
]);
const QUARANTINE: readonly OutputRule[] = Object.freeze([
  { ruleId: "q", detect: ["secrets"], action: "quarantine" } as const,
]);

interface PassedOn {
  readonly left: readonly unknown[];
  /** The chunks that are texts, joined. */
  readonly text: string;
  /** Why it ended before its end; null where it did not. */
  readonly message: string | null;
  readonly findings: readonly Finding[];
}

/** All that an inspector lets through of a stream. */
function passOn(chunks: Iterable<unknown>, looking: Partial<StreamLooking> = {}): PassedOn {
  const inspector = inspectStream({ rules: () => REDACT, ...looking });
  const left: unknown[] = [];
  const result = (message: string | null): PassedOn => ({
    left,
    text: left.filter((chunk) => typeof chunk === "string").join(""),
    message,
    findings: inspector.findings,
  });
  for (const chunk of chunks) {
    const passed = inspector.push(chunk);
    if (!passed.ok) return result(passed.message);
    left.push(...passed.chunks);
  }
  const last = inspector.end();
  if (!last.ok) return result(last.message);
  left.push(...last.chunks);
  return result(null);
}

/** Markers that stand together as one, of no kind: where several finders know one thing, each may name it. */
function unnamed(text: string): string {
  return text.replace(/(?:\[REDACTED:[^\]]*\])+/g, "[REDACTED]");
}

/** What somebody would write who looks at each chunk by itself: the control of what must be held over chunks. */
function passOnAlone(chunks: readonly unknown[]): string {
  return chunks
    .map((chunk) => {
      const inspection = inspectOutput(chunk, REDACT);
      return inspection.verdict === "clear" ? String(inspection.output.value) : "";
    })
    .join("");
}

/** The text in pieces of one size. */
function inPieces(text: string, size: number): readonly string[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  );
}

/** The text in pieces of drawn sizes, most of them small. */
function inDrawnPieces(text: string, { below }: Draw): readonly string[] {
  const most = [8, 64, 600, 3_000][below(4)] ?? 8;
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const size = 1 + below(most);
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

const SENTENCE = "The words before and after are many, and none of them is hidden from anybody. ";

/** Words of so many characters together, the last a space: what comes next is no part of them. */
const filler = (length: number): string =>
  length === 0 ? "" : `${SENTENCE.repeat(Math.ceil(length / SENTENCE.length)).slice(0, length - 1)} `;

/** Equal texts; of long ones that are not, only where they part is told. */
function expectSame(text: string, wanted: string, label = ""): void {
  if (text === wanted) return;
  let at = 0;
  while (text[at] === wanted[at]) at += 1;
  const around = (of: string): string => of.slice(Math.max(0, at - 40), at + 120);
  expect(around(text), `${label}, from ${at}`).toBe(around(wanted));
  expect(text.length, label).toBe(wanted.length);
}

const FILLER = filler(4_000);

function inspectWhole(text: string): string {
  const inspection = inspectOutput(text, REDACT);
  if (inspection.verdict !== "clear") throw new Error(inspection.message);
  return String(inspection.output.value);
}

function onePerKind(secrets: readonly Planted[]): readonly Planted[] {
  return [...new Map(secrets.map((planted) => [planted.kind, planted])).values()];
}

const draw = openDraw(20_261);
const TOKEN = head("gh", "p_") + draw.text(36, ALNUM);
const KEY_ID = head("AK", "IA") + draw.text(16, UPPER);

/** A JWT of some length, of which nothing but its three parts tells what it is. */
function jwtOf(length: number, { text }: Draw = draw): string {
  const start = head("ey", "J");
  return `${start}${text(37, WORDY)}.${start}${text(length - 88, WORDY)}.${text(43, WORDY)}`;
}

describe("a stream of texts", () => {
  test("a clean one leaves as it came, cut anew and with nothing in it changed", () => {
    for (const size of [1, 7, 1_000, 5_000]) {
      const passed = passOn(inPieces(filler(20_000), size));
      expect(passed.text).toBe(filler(20_000));
      expect(passed.message).toBeNull();
      expect(passed.findings).toEqual([]);
      expect(passed.left.length).toBeGreaterThan(1);
    }
    expect(passOn([]).left).toEqual([]);
    expect(passOn(["", "a", "", "b"]).text).toBe("ab");
  });

  test("what it was held back for leaves with its end, and the beginning before that", () => {
    const inspector = inspectStream({ rules: () => REDACT });
    expect(inspector.push(filler(2_000))).toEqual({ ok: true, chunks: [] });
    const first = inspector.push(filler(2_000));
    const text = first.ok ? first.chunks.join("") : "";
    expect(text.length).toBeGreaterThan(2_000);
    expect(4_000 - text.length).toBeGreaterThanOrEqual(1_024);
    const last = inspector.end();
    expect(text + (last.ok ? last.chunks.join("") : "")).toBe(filler(2_000) + filler(2_000));
  });

  test("a secret of every kind, split at every position amid much text, never leaves by a third of its length", () => {
    const alone = { asked: 0, through: 0 };
    for (const { kind, secret, text } of onePerKind(SECRETS)) {
      const whole = inspectWhole(`${FILLER}${text} ${FILLER}`);
      for (let at = 0; at <= text.length; at += 1) {
        const chunks = [FILLER, text.slice(0, at), `${text.slice(at)} ${FILLER}`];
        const passed = passOn(chunks);
        if (survives(secret, passed.text)) expect.fail(`${kind}, split at ${at}: ${passed.text.slice(3_990, -4_000)}`);
        expectSame(unnamed(passed.text), unnamed(whole), kind);
        if (at % 4 > 0) continue;
        alone.asked += 1;
        if (survives(secret, passOnAlone(chunks))) alone.through += 1;
      }
    }
    // The control: whoever looks at each chunk by itself lets many of them through.
    expect(alone.asked).toBeGreaterThan(400);
    expect(alone.through).toBeGreaterThan(alone.asked / 3);
  });

  test("in pieces of any sizes it is what inspecting the whole text would give", { timeout: FULL_TIME }, () => {
    const runs = cases("secrets in streams of drawn pieces", 120, 5_000);
    let alone = 0;
    for (let run = 0; run < runs; run += 1) {
      const own = openDraw(SEED + run);
      const secrets = secretsFrom(own.text);
      const planted = [0, 1].map(() => secrets[own.below(secrets.length)] ?? SECRETS[0]);
      const parts = planted.flatMap((one) => [filler(own.below(6_000)), ` ${one?.text}\n`]);
      const text = [...parts, filler(own.below(6_000))].join("");
      const chunks = inDrawnPieces(text, own);
      const passed = passOn(chunks);
      const label = `SEED=${SEED} run ${run}: ${planted.map((one) => one?.kind).join(", ")}`;
      expect(passed.message, label).toBeNull();
      for (const one of planted) {
        expect(survives(one?.secret ?? "", passed.text), label).toBe(false);
        if (survives(one?.secret ?? "", passOnAlone(chunks))) alone += 1;
      }
      expectSame(unnamed(passed.text), unnamed(inspectWhole(text)), label);
    }
    expect(alone).toBeGreaterThan(runs / 4);
  });

  test("encoded or spelled so that nobody sees it, it does not leave either", () => {
    const long = `${filler(3_000)} ${TOKEN} ${filler(3_000)}`;
    const carriers: readonly (readonly [string, string])[] = [
      [Buffer.from(`token is ${TOKEN} so`).toString("base64"), "base64"],
      [Buffer.from(long).toString("base64").replace(/.{76}/g, "$&\n"), "base64 in lines"],
      [Buffer.from(TOKEN).toString("hex"), "hex"],
      [[...TOKEN].join("\u200b"), "zero-width"],
      [`${TOKEN.slice(0, 20)}\n  ${TOKEN.slice(20)}`, "line-broken"],
    ];
    for (const [carrier, label] of carriers) {
      const text = `${FILLER}${carrier} ${FILLER}`;
      for (const size of [1, 37, 512, 3_000]) {
        const passed = passOn(inPieces(text, size));
        const shown = [0, 1, 2, 3].map((from) =>
          Buffer.from(passed.text.replaceAll("\n", "").slice(from), "base64").toString("latin1"),
        );
        const folded = passed.text.replaceAll("\u200b", "").replace(/\n\s*/g, "");
        const bytes = Buffer.from(passed.text.replace(/[^0-9a-f]/g, ""), "hex").toString("latin1");
        for (const seen of [...shown, folded, bytes]) expect(survives(TOKEN, seen), `${label}, ${size}`).toBe(false);
        expectSame(passed.text, inspectWhole(text), label);
      }
    }
  });

  test("a name in one chunk makes a secret of what stands in the next, also far from the end", () => {
    const secret = head("hunter", "2xx");
    const chunks = [FILLER, "password: ", `${secret}\n`, FILLER, FILLER];
    const passed = passOn(chunks);
    expectSame(passed.text, `${FILLER}password: [REDACTED:password]\n${FILLER}${FILLER}`);
    expect(passed.findings).toEqual([
      {
        kind: "password",
        path: "/2",
        length: secret.length,
        fingerprint: "000000000000",
        ruleId: "r",
        action: "redact",
      },
    ]);
    expect(passOnAlone(chunks)).toContain(secret);
  });

  test("a name that has left already still tells what comes next", () => {
    const secret = head("hunter", "2xx");
    const inspector = inspectStream({ rules: () => REDACT });
    // As much white space as a name reaches over, after so much text that the name itself can leave before.
    let text = "";
    for (const chunk of [FILLER, "\npassword:", " ", `${secret}\n`, FILLER]) {
      const passed = inspector.push(chunk);
      if (passed.ok) text += passed.chunks.join("");
    }
    const last = inspector.end();
    text += last.ok ? last.chunks.join("") : "";
    expectSame(text, `${FILLER}\npassword: [REDACTED:password]\n${FILLER}`);
  });

  test("a private key's block over twenty chunks is one marker", () => {
    const block = keyBlock(head("RSA PRIVATE", " KEY"), inPieces(draw.text(1_600, BASE64), 64).join("\n"));
    const chunks = [FILLER, ...inPieces(block, Math.ceil(block.length / 20)), `\n${FILLER}`, FILLER];
    expect(chunks.length).toBe(23);
    const passed = passOn(chunks, { fingerprint: fingerprintUnder("a key", "") });
    const [marker = ""] = /\[REDACTED:private_key:(?!000000000000)[0-9a-f]{12}\]/.exec(passed.text) ?? [];
    expectSame(passed.text, `${FILLER}${marker}\n${FILLER}${FILLER}`);
    expect(passed.findings).toMatchObject([{ kind: "private_key", path: "/1", length: block.length }]);
    expect(survives(block, passOnAlone(chunks))).toBe(true);
  });

  test("a private key that never ends ends the stream, and nothing of it leaves", () => {
    const begin = `${"-".repeat(5)}BEGIN ${head("PRIVATE", " KEY")}${"-".repeat(5)}\n`;
    function* endless(): Generator<string> {
      yield FILLER;
      yield begin;
      for (let line = 0; line < 100_000; line += 1) yield `${openDraw(line).text(64, BASE64)}\n`;
    }
    const passed = passOn(endless());
    expect(passed.message).toBe("a private_key goes on for too long");
    expect(FILLER.startsWith(passed.text)).toBe(true);
    expect(passed.text.length).toBeGreaterThan(2_000);
  });

  test("a JWT of 5 KB amid words leaves as its marker", () => {
    const jwt = jwtOf(5_000);
    const text = `${FILLER}${jwt} ${FILLER}`;
    for (const size of [3, 100, 1_024, 4_096]) {
      const passed = passOn(inPieces(text, size));
      expectSame(passed.text, `${FILLER}[REDACTED:jwt:000000000000] ${FILLER}`);
      expect(passed.findings).toMatchObject([{ kind: "jwt", length: 5_000 }]);
    }
  });

  test("a JWT of 5 KB in JSON without white space, wherever it stands, does not leave by a third of its length", {
    timeout: 120_000,
  }, () => {
    const json = JSON.stringify(Array.from({ length: 3_000 }, (_, id) => ({ id, name: `n${id}`, on: true })));
    expect(json.length).toBeGreaterThan(65_536);
    const places = cases("places of a long JWT in JSON without white space", 12, 44);
    for (let pad = 0; pad < 66_000; pad += 66_000 / places) {
      const jwt = jwtOf(5_000);
      const text = `${json.slice(0, -1)},{"pad":"${"x".repeat(pad)}","session":"${jwt}"},${json.slice(1)}`;
      const passed = passOn(inPieces(text, 512));
      expect(survives(jwt, passed.text), `after ${pad} more`).toBe(false);
    }
  });

  test("a pattern of the policy's own is found over two chunks", () => {
    const rules: readonly OutputRule[] = [
      { ruleId: "tickets", detect: [{ name: "ticket", pattern: "TKT-[0-9]{8}" }], action: "redact" },
    ];
    for (let at = 0; at <= 12; at += 1) {
      const ticket = "TKT-20261234";
      const passed = passOn([FILLER, ticket.slice(0, at), ticket.slice(at), ` ${FILLER}`], { rules: () => rules });
      expectSame(passed.text, `${FILLER}[REDACTED:ticket] ${FILLER}`);
      expect(passed.findings).toMatchObject([{ kind: "ticket", ruleId: "tickets", length: 12 }]);
    }
  });

  test("the paths of findings count the chunks that came, however they were cut anew", () => {
    const chunks = [FILLER, `one ${TOKEN} `, FILLER, "two ", `${KEY_ID} and ${TOKEN} `, FILLER, `three ${KEY_ID}`];
    const { findings, text } = passOn(chunks);
    expect(findings.map(({ kind, path }) => [kind, path])).toEqual([
      ["github_token", "/1"],
      ["aws_access_key_id", "/4"],
      ["github_token", "/4"],
      ["aws_access_key_id", "/6"],
    ]);
    const whole = inspectChunks(chunks, REDACT);
    expect(findings).toEqual(whole.findings);
    expect(text).toBe(inspectWhole(chunks.join("")));
  });

  test("equal secrets have equal fingerprints all along the stream", () => {
    const fingerprint = fingerprintUnder("a key", "acme");
    const { findings } = passOn([`${TOKEN} `, FILLER, FILLER, `${TOKEN} `, FILLER], { fingerprint });
    expect(findings.map((finding) => finding.fingerprint)).toEqual([
      fingerprint("github_token", TOKEN),
      fingerprint("github_token", TOKEN),
    ]);
  });
});

describe("rules of a stream", () => {
  test("one that quarantines ends it, with what stood before and nothing of what was found", () => {
    for (let at = 0; at <= TOKEN.length; at += 1) {
      const chunks = [FILLER, TOKEN.slice(0, at), `${TOKEN.slice(at)} ${FILLER}`, FILLER];
      const passed = passOn(chunks, { rules: () => QUARANTINE });
      expect(passed.message).toMatch(/^output rule `q` ended the stream: github_token at `\/[12]`$/);
      expectSame(passed.text, FILLER.slice(0, passed.text.length));
      expect(passed.findings).toMatchObject([{ kind: "github_token", ruleId: "q", action: "quarantine" }]);
    }
  });

  test("once it has ended nothing more leaves, whatever comes", () => {
    const inspector = inspectStream({ rules: () => QUARANTINE });
    inspector.push(`${TOKEN} `);
    const stopped = inspector.push(FILLER);
    expect(stopped).toEqual({ ok: false, message: "output rule `q` ended the stream: github_token at `/0`" });
    expect(inspector.push("clean")).toBe(stopped);
    expect(inspector.end()).toBe(stopped);
  });

  test("those in force when a chunk is looked at count, also for what came before them", () => {
    let rules: readonly OutputRule[] = [];
    const looking = { rules: () => rules };
    const inspector = inspectStream(looking);
    const texts: string[] = [];
    const push = (chunk: string): void => {
      const passed = inspector.push(chunk);
      texts.push(passed.ok ? passed.chunks.join("") : passed.message);
    };
    push(`${TOKEN} ${FILLER}`);
    push(`${FILLER}${KEY_ID} `);
    rules = REDACT;
    push(FILLER);
    rules = QUARANTINE;
    push(`${TOKEN} ${FILLER}`);
    // Nobody asked for the first when it left; the second was still held back.
    const message = "output rule `q` ended the stream: github_token at `/3`";
    expect(texts.pop()).toBe(message);
    const text = texts.join("");
    const all = `${TOKEN} ${FILLER}${FILLER}[REDACTED:aws_access_key_id:000000000000] ${FILLER}`;
    expectSame(text, all.slice(0, text.length));
    expect(text.length).toBeGreaterThan(all.length - FILLER.length);
  });

  test("a detector that fails, and rules that cannot be told, end it with words that hold nothing of it", () => {
    const failing = new Map([
      [
        "badge",
        {
          kinds: ["badge"],
          breaks: "never" as const,
          guessable: true,
          find: (text: string) => {
            throw new Error(`no ${text}`);
          },
        },
      ],
    ]);
    const rules: readonly OutputRule[] = [{ ruleId: "b", detect: [{ detector: "badge" }], action: "redact" }];
    const message = "a detector failed, so the stream was not inspected";
    expect(passOn([`${TOKEN} ${FILLER}`], { rules: () => rules, detectors: failing })).toMatchObject({
      message,
      left: [],
    });
    const throwing = (): never => {
      throw new Error(TOKEN);
    };
    expect(passOn([`${TOKEN} ${FILLER}`], { rules: throwing })).toMatchObject({ message, left: [] });
    expect(passOn([`${TOKEN} ${FILLER}${FILLER}`], { timer: () => () => true })).toMatchObject({
      message: "the stream is over a limit: the time to inspect it",
      left: [],
    });
  });

  test("`maxBytes` counts the recorded form of all chunks, and one byte more ends it", () => {
    const chunks = ["ab ", { n: 1 }, "é"];
    // Each with its quotes or braces: 5 + 7 + 4.
    expect(passOn(chunks, { maxBytes: 16 })).toMatchObject({ message: null, left: ["ab ", { n: 1 }, "é"] });
    expect(passOn(chunks, { maxBytes: 15 })).toMatchObject({
      message: "the output is larger than 15 bytes",
      left: [],
    });
    const long = passOn([FILLER, FILLER], { maxBytes: 6_000 });
    expect(long.message).toBe("the output is larger than 6000 bytes");
    expect(long.text).toBe(FILLER.slice(0, long.text.length));
  });
});

/** A piece of an answer as clients of model services give it. */
const delta = (text: string): unknown => ({
  type: "content_block_delta",
  index: 0,
  delta: { type: "text_delta", text },
});

const textOf = (chunks: readonly unknown[]): string =>
  chunks.map((chunk) => (chunk as { readonly delta: { readonly text: string } }).delta.text).join("");

describe("a stream of values", () => {
  test("a clean one leaves as it came, each chunk whole", () => {
    const chunks = [
      ...inPieces(FILLER, 40).map(delta),
      { list: [1, null, true, { deep: "words" }] },
      new Map([["a", 1n]]),
      new Date(0),
      new URL("https://a.example/"),
      new Uint8Array([104, 105]),
      undefined,
      null,
      7,
      "text",
      delta("end"),
    ];
    const passed = passOn(chunks);
    expect(passed.message).toBeNull();
    expect(passed.left).toEqual(chunks);
    expect(passed.left[0]).not.toBe(chunks[0]);
  });

  test("a token split over twelve deltas of an answer is redacted in each of them", () => {
    const before = inPieces(FILLER, 40).map(delta);
    const pieces = Array.from({ length: 12 }, (_, index) =>
      TOKEN.slice(Math.floor((index * TOKEN.length) / 12), Math.floor(((index + 1) * TOKEN.length) / 12)),
    );
    expect(pieces.join("")).toBe(TOKEN);
    const all = [...before, ...pieces.map(delta), delta(" "), ...before, ...before];
    const passed = passOn(all);
    expect(passed.message).toBeNull();
    const marker = "[REDACTED:github_token:000000000000]";
    expectSame(textOf(passed.left), `${FILLER}${marker.repeat(12)} ${FILLER}${FILLER}`);
    const whole = inspectChunks(all, REDACT);
    expect(whole.verdict === "clear" && whole.output.value).toEqual(passed.left);
    expect(passed.findings).toEqual(whole.findings);
    expect(passed.findings).toMatchObject([{ kind: "github_token", path: `/${before.length}/delta/text` }]);
    // The control: each by itself holds nothing that anybody could know.
    expect(all.every((chunk) => inspectOutput(chunk, REDACT).findings.length === 0)).toBe(true);
  });

  test("the same under a rule that quarantines ends the stream before any of it", () => {
    const before = inPieces(FILLER, 40).map(delta);
    const all = [...before, ...before, ...inPieces(TOKEN, 4).map(delta), delta(" "), ...before, ...before];
    const passed = passOn(all, { rules: () => QUARANTINE });
    expect(passed.message).toBe(
      `output rule \`q\` ended the stream: github_token at \`/${before.length * 2}/delta/text\``,
    );
    expect((FILLER + FILLER).startsWith(textOf(passed.left))).toBe(true);
  });

  test.each([300, 800, 1_600, 3_000])(
    "a JWT of %d characters in deltas of four does not leave by a third",
    (length) => {
      const jwt = jwtOf(length);
      const words = inPieces(FILLER, 4).map(delta);
      const chunks = [...words, ...inPieces(`${jwt} `, 4).map(delta), ...words, ...words];
      const whole = inspectChunks(chunks, REDACT);
      expect(whole.findings.map(({ kind }) => kind)).toContain("jwt");
      const passed = passOn(chunks);
      expect(survives(jwt, textOf(passed.left))).toBe(false);
    },
  );

  test.each([
    ["anthropic_key", head("sk-", "ant-", "api03-") + draw.text(93, ALNUM)],
    ["github_token", `${head("github", "_pat_")}${draw.text(22, ALNUM)}_${draw.text(59, ALNUM)}`],
    ["openai_key", head("sk", "-proj-") + draw.text(120, ALNUM)],
    ["slack_token", `${head("xo", "xb-")}${draw.text(12, DIGIT)}-${draw.text(12, DIGIT)}-${draw.text(24, ALNUM)}`],
  ])("a long %s in deltas does not leave by a third, and what follows it does", (kind, secret) => {
    const words = inPieces(FILLER, 4).map(delta);
    for (const size of [3, 4, 8, 20]) {
      const chunks = [...words, ...inPieces(`${secret} for now. `, size).map(delta), ...words, ...words];
      const passed = passOn(chunks);
      expect(survives(secret, textOf(passed.left)), `in pieces of ${size}`).toBe(false);
      expect(textOf(passed.left)).toContain(" for now. ");
      expect(passed.findings.map((finding) => finding.kind)).toContain(kind);
    }
  });

  test("a private key in deltas of four characters does not leave", () => {
    const block = keyBlock(head("PRIVATE", " KEY"), inPieces(draw.text(1_600, BASE64), 64).join("\n"));
    const words = inPieces(FILLER, 4).map(delta);
    const passed = passOn([...words, ...inPieces(block, 4).map(delta), ...words]);
    expect(survives(block, textOf(passed.left))).toBe(false);
  });

  test("chunks without any text leave while the stream goes on", () => {
    for (const chunk of [7, null, true, new Date(0), ""]) {
      const inspector = inspectStream({ rules: () => REDACT });
      let left = 0;
      for (let count = 0; count < 100_000; count += 1) {
        const passed = inspector.push(chunk);
        if (passed.ok) left += passed.chunks.length;
      }
      const last = inspector.end();
      // An empty text is nothing, and is not kept either.
      if (chunk === "") expect(last).toEqual({ ok: true, chunks: [] });
      else expect(left, String(chunk)).toBeGreaterThan(80_000);
    }
  });

  test("wherever the cut falls among chunks without text, it falls into nothing that was found", () => {
    for (let pad = 0; pad < 400; pad += 7) {
      const chunks = [
        ...Array.from({ length: 100 }, () => new Map([[1, 2]])),
        `${"word ".repeat(1_600)}${KEY_ID} ${"word ".repeat(1_620)}${" ".repeat(pad)}`,
        "words ".repeat(9_000),
      ];
      const passed = passOn(chunks);
      expect(survives(KEY_ID, passed.text), `${pad}`).toBe(false);
      expect(passed.findings.length).toBe(1);
    }
  });

  test("bytes that hold a secret end it, whole or split over two chunks: they cannot be redacted", () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const clean = passOn([bytes(FILLER), bytes(FILLER)]);
    expect(clean.left).toEqual([bytes(FILLER), bytes(FILLER)]);
    for (let at = 0; at <= TOKEN.length; at += 1) {
      const chunks = [bytes(FILLER), bytes(`a ${TOKEN.slice(0, at)}`), bytes(`${TOKEN.slice(at)} b`), bytes(FILLER)];
      const passed = passOn(chunks);
      expect(passed.message).toMatch(/^output rule `r` ended the stream: github_token at `\/[12]`$/);
      const text = Buffer.concat(passed.left as readonly Uint8Array[]).toString();
      expect(FILLER.startsWith(text)).toBe(true);
    }
  });

  test("a chunk that is no plain data ends it, and none of its code runs", () => {
    let ran = 0;
    const trap = (): never => {
      ran += 1;
      throw new Error(TOKEN);
    };
    const circular: unknown[] = [];
    circular.push(circular);
    const getter = Object.defineProperty({}, "text", { get: trap, enumerable: true });
    const proxy = new Proxy({}, { get: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap });
    const chunks: readonly (readonly [unknown, string])[] = [
      [getter, "a getter or setter"],
      [proxy, "a proxy"],
      [{ toJSON: trap }, "a function"],
      [circular, "a value that contains itself"],
      [new (class Answer {})(), "an instance of a class"],
      [Symbol("s"), "a symbol"],
      [Promise.resolve("late"), "a Promise"],
    ];
    for (const [chunk, what] of chunks) {
      const passed = passOn([FILLER, chunk, FILLER]);
      expect(passed.message).toBe(`a chunk is not plain data: ${what}`);
      expect(FILLER.startsWith(passed.text)).toBe(true);
    }
    expect(ran).toBe(0);
  });

  test("what its owner does to a chunk afterwards changes nothing of what leaves", () => {
    const inspector = inspectStream({ rules: () => REDACT });
    const chunk = { text: "clean" };
    inspector.push(chunk);
    chunk.text = TOKEN;
    expect(inspector.end()).toEqual({ ok: true, chunks: [{ text: "clean" }] });
  });
});

/** Bytes on the heap that are still needed. */
function heapInUse(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

const MB = 1024 * 1024;
const CHUNK = 64 * 1024;

/** Reads so many chunks of 64 KB, which `make` makes anew; answers processor milliseconds of each eighth, and how the heap grew. */
function runLong(chunks: number, make: (index: number) => string, onLeft: (chunk: unknown) => void) {
  const inspector = inspectStream({ rules: () => REDACT });
  let characters = 0;
  const push = (index: number): void => {
    const passed = inspector.push(make(index));
    if (!passed.ok) throw new Error(passed.message);
    for (const chunk of passed.chunks) {
      characters += String(chunk).length;
      onLeft(chunk);
    }
  };
  const eighth = Math.floor(chunks / 8);
  for (let index = 0; index < eighth; index += 1) push(index);
  const before = heapInUse();
  const costs = Array.from({ length: 7 }, (_, part) =>
    cpu(() => {
      for (let index = 0; index < eighth; index += 1) push((part + 1) * eighth + index);
    }),
  );
  const grown = heapInUse() - before;
  const last = inspector.end();
  if (!last.ok) throw new Error(last.message);
  for (const chunk of last.chunks) characters += String(chunk).length;
  return { costs, grown, characters, came: eighth * 8 * CHUNK };
}

const least = (costs: readonly number[]): number => Math.min(...costs);

describe("a long stream", () => {
  const WORDS = filler(CHUNK - 8);
  const words = (index: number): string => `${String(index).padStart(7, "n")} ${WORDS}`;

  test("takes no more memory, and no more time a chunk, the longer it goes on", { timeout: FULL_TIME }, () => {
    const size = cases("MB of a long stream", 32, 1_024);
    const run = runLong((size * MB) / CHUNK, words, () => undefined);
    expect(run.characters).toBe(run.came);
    expect(run.grown).toBeLessThan(16 * MB);
    expect(least(run.costs.slice(-3))).toBeLessThan(least(run.costs.slice(0, 3)) * 2 + 50);
  });

  test("the control: what is kept is seen to grow", () => {
    const all: unknown[] = [];
    const run = runLong((32 * MB) / CHUNK, words, (chunk) => all.push(chunk));
    expect(run.grown).toBeGreaterThan(24 * MB);
    expect(all.length).toBeGreaterThan(0);
  });

  test("without any white space neither", { timeout: FULL_TIME }, () => {
    const size = cases("MB of a stream without white space", 2, 32);
    const texts = Array.from({ length: 16 }, (_, index) => openDraw(index).text(CHUNK, BASE64));
    const run = runLong(
      (size * MB) / CHUNK,
      (index) => texts[index % texts.length] ?? "",
      () => undefined,
    );
    expect(run.characters).toBe(run.came);
    expect(run.grown).toBeLessThan(16 * MB);
    expect(least(run.costs.slice(-3))).toBeLessThan(least(run.costs.slice(0, 3)) * 2 + 50);
  });

  test("in chunks of one character costs no more than a few times what it does in large ones", () => {
    const text = filler(200_000);
    const read = (size: number): number => cpu(() => expect(passOn(inPieces(text, size)).text).toBe(text));
    const large = Math.min(read(4_096), read(4_096), read(4_096));
    expect(Math.min(read(1), read(1))).toBeLessThan(large * 20 + 500);
  });
});
