import { createHash, sign } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readBase64, writeBase64 } from "../../src/evidence/base64.js";
import { formatCheckpoint, openCheckpoint, readCheckpoint, readCount } from "../../src/evidence/checkpoint.js";
import {
  formatKey,
  formatNote,
  isKeyName,
  keyIdOf,
  type NoteKey,
  openNote,
  parseKey,
  parseNote,
  signatureOf,
} from "../../src/evidence/note.js";
import { edit, withSpareBit } from "./edit.js";
import { keyOf, type LogSigner, signNote } from "./log-folder.js";
import { signerOf } from "./signers.js";

const SIGNER = signerOf("example.com/gate");
const ROTATED = signerOf("example.com/gate");
const WITNESS = signerOf("witness.example");
const KEY = keyOf(SIGNER);
const TEXT = "a text\n\nwith an empty line\n";

/** Which of these are taken for what they are not. */
const taken = (read: (text: string) => unknown, texts: readonly string[]): readonly string[] =>
  texts.filter((text) => read(text) !== null);

describe("base64", () => {
  test("is read back as the bytes that were written (property)", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(Buffer.compare(readBase64(writeBase64(bytes)) ?? Buffer.from("none"), bytes)).toBe(0);
      }),
    );
  });

  test("is refused unless it is the one text of its bytes", () => {
    const spare = ["AB==", "AAB=", "AP==", "AAP="];
    const padding = ["AA", "AA=", "AAA", "AA===", "AAAA=", "AAAA====", "=", "====", "A", "A==="];
    const others = [
      " AA==",
      "AA== ",
      "AA==\n",
      "AA==\r\n",
      "A A==",
      "AA==AA==",
      "AA=A",
      "-_8=",
      "AA\u0000=",
      "\u00c1A==",
    ];
    expect(taken(readBase64, [...spare, ...padding, ...others])).toEqual([]);
    expect(taken(readBase64, ["", "AA==", "AAA=", "AAAA", "+/8="])).toHaveLength(5);
    // The control: a reader that is not strict takes most of them.
    const lenient = [...spare, ...padding, ...others].filter((text) => Buffer.from(text, "base64").length > 0);
    expect(lenient.length).toBeGreaterThan(15);
  });

  test("that is taken is what would have been written (property)", () => {
    const unit = fc.constantFrom(..."ABgwP9+/=-_ \n");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 9 }), (text) => {
        const bytes = readBase64(text);
        expect(bytes === null || writeBase64(bytes) === text).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a key", () => {
  test("is named by the first bytes of a hash over name, kind and key", () => {
    const definition = createHash("sha256").update("example.com/gate\n\u0001").update(KEY.publicKey).digest();
    expect(Buffer.from(keyIdOf(KEY)).toString("hex")).toBe(definition.subarray(0, 4).toString("hex"));
  });

  test("is written and read back", () => {
    expect(parseKey(formatKey(KEY))).toEqual(KEY);
    // From the documentation of Go's `note`.
    const published = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    expect(formatKey(parseKey(published) as NoteKey)).toBe(published);
  });

  test("is refused with anything else than name, its own id, and an Ed25519 key", () => {
    const text = formatKey(KEY);
    const [name, id, encoded] = [
      KEY.name,
      Buffer.from(keyIdOf(KEY)).toString("hex"),
      text.split("+").slice(2).join("+"),
    ];
    const idOf = (bytes: Uint8Array): string =>
      createHash("sha256").update(`${name}\n`).update(bytes).digest("hex").slice(0, 8);
    const withBytes = (bytes: Uint8Array): string => `${name}+${idOf(bytes)}+${writeBase64(bytes)}`;
    expect(withBytes(Buffer.concat([Buffer.of(1), KEY.publicKey]))).toBe(text);
    expect(
      taken(parseKey, [
        "",
        "+",
        "++",
        name,
        `${name}+${id}`,
        `${name}+${id}+`,
        `${name}+00000000+${encoded}`,
        `${name}+${id.toUpperCase().replace(/^[0-9]+$/, "x")}+${encoded}`,
        `${name}+${id}0+${encoded}`,
        `+${id}+${encoded}`,
        `exa mple+${id}+${encoded}`,
        `other+${id}+${encoded}`,
        `${text}+`,
        `${text}\n`,
        ` ${text}`,
        `${text}=`,
        withBytes(Buffer.concat([Buffer.of(2), KEY.publicKey])),
        withBytes(Buffer.concat([Buffer.of(1), KEY.publicKey, Buffer.of(0)])),
        withBytes(Buffer.concat([Buffer.of(1), KEY.publicKey.subarray(1)])),
      ]),
    ).toEqual([]);
  });

  test("has a name without spaces, controls and `+`", () => {
    const refused = ["", " ", "a b", "a\tb", "a\nb", "a+b", "a\u00a0b", "a\u2003b", "a\u2028b", "a\u3000b", "a\u0000b"];
    expect(
      [...refused, "a\u200bb", "a\u202eb", "\ud800", "a".repeat(257), 7, null, undefined].filter(isKeyName),
    ).toEqual([]);
    expect(["a", "example.com/gate", "\u00e9", "\u{1f600}", "a".repeat(256)].filter(isKeyName)).toHaveLength(5);
  });
});

describe("a note", () => {
  const note = signNote(TEXT, SIGNER);
  const signature = note.slice(note.lastIndexOf(" ") + 1, -1);

  test("is read back, and its text is what was signed", () => {
    expect(openNote(note, [KEY])).toBe(TEXT);
    expect(parseNote(note)?.text).toBe(TEXT);
    expect(parseNote(note)?.signatures.map(({ name }) => name)).toEqual([KEY.name]);
  });

  test("of Go's documentation is opened with its key", () => {
    const published =
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
      "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const key = parseKey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW") as NoteKey;
    expect(openNote(published, [key])).toBe(published.slice(0, published.indexOf("\n\n") + 1));
    expect(openNote(edit(published, "answer", "Answer"), [key])).toBeNull();
  });

  test("is none unless it is exactly in the format", () => {
    const line = `\u2014 ${KEY.name} ${signature}\n`;
    expect(note).toBe(`${TEXT}\n${line}`);
    expect(
      taken(parseNote, [
        "",
        "\n",
        "\n\n",
        TEXT,
        `${TEXT}\n`,
        line,
        `\n${line}`,
        `${TEXT}${line}`,
        note.slice(0, -1),
        `${note}\n`,
        `${note}x`,
        `${note} \n`,
        `${note}garbage\n`,
        note.replaceAll("\n", "\r\n"),
        edit(note, "a text", "a\ttext"),
        edit(note, "a text", "a\u0000text"),
        edit(note, "a text", "a\u001btext"),
        edit(note, "a text", "a\ud800text"),
        edit(note, "\u2014", "-"),
        edit(note, "\u2014", "\u2013"),
        edit(note, "\u2014 ", "\u2014"),
        edit(note, "\u2014 ", "\u2014\u00a0"),
        edit(note, "\u2014 ", "\u2014  "),
        edit(note, "\u2014 ", " \u2014 "),
        edit(note, line, `\u2014 ${signature}\n`),
        edit(note, line, `\u2014 ${KEY.name}\n`),
        edit(note, KEY.name, ""),
        edit(note, KEY.name, "exa mple"),
        edit(note, KEY.name, "exa\u2003mple"),
        edit(note, KEY.name, "exa+mple"),
        edit(note, signature, withSpareBit(signature)),
        edit(note, signature, signature.replace(/=+$/, "")),
        edit(note, signature, `${signature} `),
        edit(note, signature, `${signature} more`),
        edit(note, signature, ""),
        // Four bytes name a key, and nothing is left for what it signed.
        edit(note, signature, writeBase64(keyIdOf(KEY))),
      ]),
    ).toEqual([]);
  });

  test("may carry up to 16 signatures", () => {
    const others = (count: number): readonly LogSigner[] => Array.from({ length: count }, (_, n) => signerOf(`w${n}`));
    expect(openNote(signNote(TEXT, ...others(15), SIGNER), [KEY])).toBe(TEXT);
    expect(openNote(signNote(TEXT, ...others(16), SIGNER), [KEY])).toBeNull();
    expect(openNote(signNote(TEXT, SIGNER, ...others(16)), [KEY])).toBeNull();
  });

  test("is not looked at when it is very long", () => {
    expect(parseNote(signNote(`${"x".repeat(1_000_000)}\n`, SIGNER))).toBeNull();
  });

  test("that only others signed is not opened, and what they say beside ours counts for nothing", () => {
    const keys = [KEY];
    const fake = Buffer.alloc(64, 7);
    const sameName = signatureOf(keyOf(ROTATED), fake);
    const sameId = { name: "other.example", bytes: Buffer.concat([keyIdOf(KEY), fake]) };
    const ours = signatureOf(KEY, sign(null, Buffer.from(TEXT), SIGNER.privateKey));
    expect(openNote(signNote(TEXT, WITNESS), keys)).toBeNull();
    expect(openNote(signNote(TEXT, ROTATED), keys)).toBeNull();
    expect(openNote(formatNote(TEXT, [sameName, sameId]), keys)).toBeNull();
    expect(openNote(formatNote(TEXT, [sameName, sameId, ours]), keys)).toBe(TEXT);
    expect(openNote(formatNote(TEXT, [ours, sameId, sameName]), keys)).toBe(TEXT);
    expect(openNote(formatNote(TEXT, [ours]), [])).toBeNull();
    // The control: once the other key is known, what it signed wrongly spoils the note.
    expect(openNote(formatNote(TEXT, [ours, sameName]), [KEY, keyOf(ROTATED)])).toBeNull();
  });

  test("with one wrong signature of a known key is refused as a whole", () => {
    const keys = [KEY, keyOf(WITNESS)];
    const right = signatureOf(KEY, sign(null, Buffer.from(TEXT), SIGNER.privateKey));
    const witnessed = signatureOf(keyOf(WITNESS), sign(null, Buffer.from(TEXT), WITNESS.privateKey));
    const wrong = [
      signatureOf(KEY, sign(null, Buffer.from("another text\n"), SIGNER.privateKey)),
      signatureOf(KEY, sign(null, Buffer.from(TEXT), WITNESS.privateKey)),
      signatureOf(KEY, right.bytes.subarray(4, -1)),
      signatureOf(KEY, Buffer.concat([right.bytes.subarray(4), Buffer.of(0)])),
      signatureOf(KEY, Buffer.alloc(64)),
    ];
    for (const signature of wrong) {
      for (const signatures of [[signature], [signature, right], [right, signature], [witnessed, signature]]) {
        expect(openNote(formatNote(TEXT, signatures), keys)).toBeNull();
      }
    }
    expect(openNote(formatNote(TEXT, [right, witnessed]), keys)).toBe(TEXT);
    expect(openNote(formatNote(TEXT, [right, right]), keys)).toBe(TEXT);
  });

  test("is refused, and nothing thrown, under a key that is none", () => {
    for (const publicKey of [Buffer.alloc(31), Buffer.alloc(33), Buffer.alloc(32, 0xff), Buffer.alloc(0)]) {
      const key = { name: "none.example", publicKey };
      const signed = formatNote(TEXT, [signatureOf(key, Buffer.alloc(64))]);
      expect(parseNote(signed)).not.toBeNull();
      expect(openNote(signed, [key])).toBeNull();
    }
  });
});

describe("a count", () => {
  test("is plain decimal up to the largest exact number", () => {
    expect(["0", "1", "10", "9007199254740991"].map(readCount)).toEqual([0, 1, 10, Number.MAX_SAFE_INTEGER]);
    const refused = [
      "",
      "00",
      "01",
      "+1",
      "-1",
      "-0",
      " 1",
      "1 ",
      "1\n",
      "1.0",
      "1e3",
      "0x1",
      "1_000",
      "\u0661",
      "NaN",
    ];
    expect(taken(readCount, [...refused, "9007199254740992", "9007199254740993", "99999999999999999"])).toEqual([]);
  });
});

describe("a checkpoint", () => {
  const root = createHash("sha256").update("any").digest();
  const checkpoint = signNote(formatCheckpoint({ origin: KEY.name, size: 77, root }), SIGNER);

  test("is read back at every size", () => {
    for (const size of [0, 1, 77, Number.MAX_SAFE_INTEGER]) {
      const head = { origin: KEY.name, size, root };
      expect(openCheckpoint(signNote(formatCheckpoint(head), SIGNER), [KEY])).toEqual(head);
    }
  });

  test("is none, whoever signed it, unless it is exactly three lines of origin, size and root", () => {
    const text = formatCheckpoint({ origin: KEY.name, size: 77, root });
    const encoded = writeBase64(root);
    const malformed = [
      edit(text, KEY.name, ""),
      edit(text, `${KEY.name}\n`, ""),
      edit(text, "77\n", ""),
      edit(text, `${encoded}\n`, ""),
      edit(text, encoded, ""),
      `${text}an extension\n`,
      `${text}\n`,
      `\n${text}`,
      edit(text, "\n77", "\n\n77"),
      edit(text, "77", "077"),
      edit(text, "77", "+77"),
      edit(text, "77", "77 "),
      edit(text, "77", "7.7e1"),
      edit(text, "77", "9007199254740992"),
      edit(text, encoded, withSpareBit(encoded)),
      edit(text, encoded, encoded.slice(0, -1)),
      edit(text, encoded, ` ${encoded}`),
      edit(text, encoded, writeBase64(root.subarray(1))),
      edit(text, encoded, writeBase64(Buffer.concat([root, Buffer.of(0)]))),
      edit(text, encoded, encoded.replace(/^./, "_")),
    ];
    const read = (each: string): unknown => openCheckpoint(signNote(each, SIGNER), [KEY]);
    expect(taken(read, malformed)).toEqual([]);
    expect(taken((each) => readCheckpoint(signNote(each, SIGNER)), malformed)).toEqual([]);
    // The control: the signature is right in each of them.
    expect(taken((each) => openNote(signNote(each, SIGNER), [KEY]), malformed)).toHaveLength(malformed.length);
    expect(read(text)).not.toBeNull();
  });

  test("counts only by a key of its own origin", () => {
    const keys = [KEY, keyOf(WITNESS)];
    const text = formatCheckpoint({ origin: KEY.name, size: 77, root });
    expect(openCheckpoint(signNote(text, WITNESS), keys)).toBeNull();
    expect(openCheckpoint(signNote(text, WITNESS, SIGNER), keys)).not.toBeNull();
    expect(openCheckpoint(signNote(edit(text, KEY.name, "witness.example"), SIGNER), keys)).toBeNull();
    expect(openCheckpoint(signNote(edit(text, KEY.name, "other.example"), SIGNER, WITNESS), keys)).toBeNull();
    // The control: as a note both would be good.
    expect(openNote(signNote(text, WITNESS), keys)).toBe(text);
  });

  test("is opened by an old key or a new one of the same name", () => {
    const text = formatCheckpoint({ origin: KEY.name, size: 77, root });
    const keys = [KEY, keyOf(ROTATED)];
    for (const signers of [[SIGNER], [ROTATED], [SIGNER, ROTATED]]) {
      expect(openCheckpoint(signNote(text, ...signers), keys)).not.toBeNull();
    }
  });

  test("is read without its signature only where that is asked for", () => {
    const unsigned = edit(checkpoint, "\n77\n", "\n78\n");
    expect(readCheckpoint(unsigned)?.size).toBe(78);
    expect(openCheckpoint(unsigned, [KEY])).toBeNull();
  });
});
