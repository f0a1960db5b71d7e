import { describe, expect, test } from "vitest";
import { detectorSet } from "../../src/output/detectors.js";
import type { Hit } from "../../src/output/hit.js";
import { ADDRESSES, keyBlock, PRIVATE_KEY_LABELS, SECRETS } from "./planted.js";

function found(name: "secrets" | "pii", text: string): readonly string[] {
  const hits: Hit[] = [];
  detectorSet(name).find(text, (hit) => hits.push(hit));
  return hits.map(({ kind, start, end }) => `${kind}: ${text.slice(start, end)}`);
}

const everything = [
  ...SECRETS.map((planted) => ({ set: "secrets" as const, ...planted })),
  ...ADDRESSES.map((planted) => ({ set: "pii" as const, ...planted })),
];

describe("detectors", () => {
  test.each(everything.map((planted, index) => ({ index, ...planted })))(
    "$index: $kind is found whole, alone and amid other text",
    ({ set, kind, secret, text }) => {
      expect(found(set, text)).toContain(`${kind}: ${secret}`);
      expect(found(set, `first line\n> ${text}\nlast line`)).toContain(`${kind}: ${secret}`);
      expect(found(set, `"${text}"`)).toContain(`${kind}: ${secret}`);
    },
  );

  test.each(everything)("a text with $kind has a clue, before and after JSON encoding", ({ set, text }) => {
    const { clues } = detectorSet(set);
    expect(clues.some((clue) => clue.test(text))).toBe(true);
    expect(clues.some((clue) => clue.test(JSON.stringify({ a: [text] })))).toBe(true);
  });

  test("clues keep no state between texts", () => {
    for (const clue of [...detectorSet("secrets").clues, ...detectorSet("pii").clues]) expect(clue.global).toBe(false);
  });

  test.each(PRIVATE_KEY_LABELS)("an unterminated %s block reaches to the end of the text", (label) => {
    const open = keyBlock(label).split("\n").slice(0, 2).join("\n");
    expect(found("secrets", `before ${open}\nand more`)).toEqual([`private_key: ${open}\nand more`]);
  });

  test("what stands between two key blocks stays, and both are found", () => {
    const block = keyBlock("PRIVATE KEY");
    expect(found("secrets", `${block} between ${block}`)).toEqual([`private_key: ${block}`, `private_key: ${block}`]);
  });

  test("two tokens with nothing between them are both found", () => {
    for (const { kind, secret, text } of SECRETS.filter((planted) => planted.secret === planted.text)) {
      const hits = found("secrets", text + text);
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

  test("a detector that does not exist throws", () => {
    expect(() => detectorSet("toString" as never)).toThrow("there is no detector set `toString`");
  });
});
