import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OutputRule } from "../../src/outcome.js";
import { inspectChunks, inspectOutput } from "../../src/output/inspect.js";
import { decodedView } from "../../src/output/view/decoded.js";
import { foldedView } from "../../src/output/view/folded.js";
import { joinedView, unwrappedView } from "../../src/output/view/joined.js";
import { unescapedView } from "../../src/output/view/unescaped.js";
import { placeOf, plainView, type View } from "../../src/output/view.js";
import { SECRETS } from "./planted.js";

const rules: readonly OutputRule[] = [{ ruleId: "clean", detect: ["secrets", "pii"], action: "redact" }];
const PRINT = "0123456789ab";

function redacted(value: unknown): unknown {
  const inspection = inspectOutput(value, rules, { fingerprint: () => PRINT });
  if (inspection.verdict !== "clear") throw new Error(inspection.message);
  return inspection.output.value;
}

const token = SECRETS.find(({ kind }) => kind === "github_token")?.secret ?? "";
const marker = `[REDACTED:github_token:${PRINT}]`;
const address = "dana@example.com";

const fullWidth = (text: string): string =>
  text.replace(/[\u0021-\u007e]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0));

const hexOf = (text: string): string => Buffer.from(text).toString("hex");

type Spell = (secret: string) => string;

/** In each of these spellings exactly the secret's own characters go. */
const exact: readonly (readonly [string, Spell])[] = [
  ["plain", (secret) => secret],
  ["full-width", fullWidth],
  ["mathematical", (secret) => secret.replace(/[a-z]/g, (c) => String.fromCodePoint(0x1d41a + c.charCodeAt(0) - 97))],
  ["with zero-width spaces", (secret) => [...secret].join("\u200b")],
  ["with soft hyphens", (secret) => secret.replace(/.{5}(?=.)/g, "$&\u00ad")],
  ["with combining marks", (secret) => [...secret].join("\u0301")],
  ["with controls", (secret) => [...secret].join("\u0007")],
  ["with tags beyond the BMP", (secret) => [...secret].join("\u{e0020}")],
  ["over two lines", (secret) => `${secret.slice(0, 20)}\n${secret.slice(20)}`],
  ["over indented lines", (secret) => secret.replace(/.{12}(?=.)/g, "$&\r\n    ")],
  ["in groups", (secret) => secret.replace(/.{10}(?=.)/g, "$& ")],
  ["full-width over two lines", (secret) => fullWidth(`${secret.slice(0, 20)}\n${secret.slice(20)}`)],
  ["hex", hexOf],
  ["hex in capitals", (secret) => hexOf(secret).toUpperCase()],
  ["hex over two lines", (secret) => hexOf(secret).replace(/.{32}/g, "$&\n").trim()],
  ["full-width hex", (secret) => fullWidth(hexOf(secret))],
  ["percent", (secret) => hexOf(secret).replace(/../g, "%$&")],
  ["some of it percent", (secret) => secret.replace(/[a-f]/g, (c) => `%${hexOf(c)}`)],
  ["escapes of bytes", (secret) => hexOf(secret).replace(/../g, "\\x$&")],
  ["escapes of JSON", (secret) => hexOf(secret).replace(/../g, "\\u00$&")],
  ["decimal entities", (secret) => [...secret].map((c) => `&#${c.charCodeAt(0)};`).join("")],
  ["hexadecimal entities", (secret) => hexOf(secret).replace(/../g, "&#x$&;")],
];

/** What may stand around: some of it is another text in each view. */
const surroundings: readonly (readonly [string, string])[] = [
  ["the token is ", " and it must stay here."],
  ["caf\u00e9 e\u0301 \ufb01ne \u2460 \ud83d\ude00 \u0130 is ", " \ufb01n\u200b\u00ad \ud83d\ude00\u0301"],
  ["one\n  two\r\n\r\nthree is ", "\n\n  four\tfive\r\n"],
  ["100% of %20 \\u0041 &#66; \\x43 is ", " %7E &#126; 50% \\n \\u00e9"],
  ["lone \ud800 is ", " \udc00 \udfff"],
  ["nul \0 is ", " \0 \0"],
  [`${Buffer.from("nothing to be seen here").toString("base64")} is `, ` ${hexOf("nor in this one, at all")}`],
];

describe("a hit in a view goes from the text that it was found through, and nothing beside it", () => {
  describe.each(exact)("%s", (_, spell) => {
    test.each(surroundings)("after %j and before %j", (before, after) => {
      expect(redacted(before + spell(token) + after)).toBe(before + marker + after);
    });
  });

  test("the same holds for what is guessable", () => {
    for (const [name, spell] of exact.filter(([name]) => !/line|group/.test(name))) {
      expect(redacted(`write to (${spell(address)}) soon`), name).toBe("write to ([REDACTED:email]) soon");
    }
  });

  test("base64 may take the rest of a group of four on each side", () => {
    for (const encoding of ["base64", "base64url"] as const) {
      for (let shift = 0; shift < 8; shift += 1) {
        const before = `${"~".repeat(shift)}left of it `;
        const whole = Buffer.from(`${before}${token} right of it`).toString(encoding);
        const start = Math.floor(before.length / 3) * 4;
        const end = Math.ceil((before.length + token.length) / 3) * 4;
        expect(redacted(`a payload ${whole} of one part`), `${encoding}, ${shift}`).toBe(
          `a payload ${whole.slice(0, start)}${marker}${whole.slice(end)} of one part`,
        );
      }
    }
  });

  test("base64 of two bytes a character, and base64 in lines, too", () => {
    const wide = Buffer.from(`left ${token} right`, "utf16le").toString("base64");
    const output = redacted(`a payload ${wide} of one part`);
    const start = Math.floor((5 * 2) / 3) * 4;
    expect(output).toMatch(
      /^a payload [A-Za-z0-9+/=]*\[REDACTED:github_token:0123456789ab\][A-Za-z0-9+/=]* of one part$/,
    );
    expect(String(output).startsWith(`a payload ${wide.slice(0, start)}`)).toBe(true);
    const lines = Buffer.from(`${"left ".repeat(20)}${token}${" right".repeat(20)}`)
      .toString("base64")
      .replace(/.{76}/g, "$&\r\n");
    const kept = String(redacted(lines)).split(marker);
    expect(kept).toHaveLength(2);
    expect(lines.startsWith(kept[0] ?? "?")).toBe(true);
    expect(lines.endsWith(kept[1] ?? "?")).toBe(true);
    expect(Buffer.from(kept[0] ?? "", "base64").toString()).toMatch(/^(?:left ){19}lef?t? ?$/);
  });

  test("what was cut into several values goes from each, and what stands around it stays", () => {
    for (let at = 1; at < token.length; at += 1) {
      expect(redacted([`so ${token.slice(0, at)}`, `${token.slice(at)} it is`]), String(at)).toEqual([
        `so ${marker}`,
        `${marker} it is`,
      ]);
    }
    expect(redacted({ first: `so ${token.slice(0, 15)}`, next: { last: `${token.slice(15)} it is` } })).toEqual({
      first: `so ${marker}`,
      next: { last: `${marker} it is` },
    });
  });

  test("chunks of one text hold its marker once", () => {
    const chunks = ["so ", token.slice(0, 9), token.slice(9, 30), `${token.slice(30)} it`, " is"];
    const inspection = inspectChunks(chunks, rules, { fingerprint: () => PRINT });
    expect(inspection).toMatchObject({ verdict: "clear", findings: [{ path: "/1", length: token.length }] });
    if (inspection.verdict === "clear") expect(inspection.output.value).toEqual(["so ", marker, "", " it", " is"]);
  });

  test("several in several spellings go one by one", () => {
    const parts = exact.map(([, spell]) => spell(token));
    expect(redacted(parts.join(" ; "))).toBe(parts.map(() => marker).join(" ; "));
  });

  test("offsets of the view in the text itself cut elsewhere (control)", () => {
    const text = `\ufb01ne: ${hexOf(token)}`;
    const view = decodedView(plainView(text));
    const start = view?.text.indexOf(token) ?? -1;
    expect(start).toBeGreaterThanOrEqual(0);
    expect(text.slice(start, start + token.length)).not.toBe(hexOf(token));
    expect(view === null ? null : placeOf(view, { start, end: start + token.length })).toEqual({
      start: 5,
      end: text.length,
    });
  });
});

const views: readonly (readonly [string, (before: View) => View | null])[] = [
  ["folded", (before) => foldedView(before)?.whole ?? null],
  ["changed parts, folded", (before) => foldedView(before)?.changed ?? null],
  ["unwrapped", unwrappedView],
  ["joined", joinedView],
  ["decoded", decodedView],
  ["unescaped", unescapedView],
];

const chars = fc.constantFrom(
  ..."aZ0 =+/-_%&;#x\\u\n\r\t\0\u00a0\u00e9\u0301\u200b\ufb01\uff21\ud800\udc00\u3000\u0130",
  "\ud83d\ude00",
  "%41",
  "&#65;",
  "\\u0041",
  hexOf("some text here"),
  Buffer.from("some text here").toString("base64"),
);
const texts = fc.array(chars, { maxLength: 40 }).map((parts) => parts.join(""));

describe("a view", () => {
  test.each(views)("%s: every place lies in the text, in order (property)", (_, make) => {
    fc.assert(
      fc.property(texts, (text) => {
        const view = make(plainView(text));
        if (view === null) return;
        for (let at = 0; at < view.text.length; at += 1) {
          const { start, end } = placeOf(view, { start: at, end: at + 1 });
          const isParting = view.text[at] === "\0";
          if (!isParting) expect(0 <= start && start < end && end <= text.length).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["unwrapped", unwrappedView],
    ["joined", joinedView],
  ])("%s: each character is that of its place (property)", (_, make) => {
    fc.assert(
      fc.property(texts, (text) => {
        const view = make(plainView(text));
        if (view === null) return;
        const shown = [...view.text.split("").keys()].map((at) => {
          const { start } = placeOf(view, { start: at, end: at + 1 });
          return text[start];
        });
        expect(shown.join("")).toBe(view.text);
      }),
      { numRuns: 500 },
    );
  });

  test.each<readonly [string, (before: View) => unknown, string, string]>([
    ["folded", foldedView, "plain words, \t tabs\r\nand lines\0", "caf\u00e9 \ufb01"],
    ["unwrapped", unwrappedView, "one line\twith tabs", "two\nlines"],
    ["joined", joinedView, "word", "two words"],
    ["decoded", decodedView, "words and 0123456789abcdef0123", Buffer.from("some text here").toString("base64")],
    ["unescaped", unescapedView, "100% & more \\ \\u12 %4 &amp", "%41"],
  ])("%s: there is none where it would be the text itself", (_, make, same, other) => {
    expect(make(plainView(same))).toBeNull();
    expect(make(plainView(other))).not.toBeNull();
  });

  test("white space is what expressions take for it", () => {
    const spaces = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter((c) => /\s/.test(c));
    expect(joinedView(plainView(`a${spaces.join("b")}c`))?.text).toBe(`a${"b".repeat(spaces.length - 1)}c`);
  });

  test("an escape for a NUL, which would part a value, is none", () => {
    expect(unescapedView(plainView("a%00b&#0;c\\x00d\\u0000e&#99999;"))?.text).not.toContain("\0");
  });
});
