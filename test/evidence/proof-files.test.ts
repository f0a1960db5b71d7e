import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readBase64, writeBase64 } from "../../src/evidence/base64.js";
import { formatCheckpoint, openCheckpoint, readCheckpoint } from "../../src/evidence/checkpoint.js";
import { formatKey, parseKey } from "../../src/evidence/note.js";
import {
  formatConsistency,
  formatTlogProof,
  openConsistency,
  openTlogProof,
  parseConsistency,
  parseTlogProof,
} from "../../src/evidence/tlog-proof.js";
import { cases, FULL_TIME } from "../scale.js";
import { edit, withSpareBit } from "./edit.js";
import { keyOf, logOf, signNote } from "./log-folder.js";
import { signerOf } from "./signers.js";

const SIGNER = signerOf("example.com/gate");
const ROTATED = signerOf("example.com/gate");
const WITNESS = signerOf("witness.example");
const KEY = keyOf(SIGNER);
const log = logOf(
  Array.from({ length: 77 }, (_, n) => `event ${n}`),
  SIGNER,
);

/** Which of these are taken for what they are not. */
const taken = (read: (text: string) => unknown, texts: readonly string[]): readonly string[] =>
  texts.filter((text) => read(text) !== null);

/** What MUST have been read. */
function given<T>(read: T | null): T {
  if (read === null) throw new Error("refused");
  return read;
}

describe("a proof of inclusion as a file", () => {
  const text = log.inclusion(5);
  const entry = Buffer.from("event 5");
  const opens = (file: string, bytes: Uint8Array = entry): boolean => {
    const read = parseTlogProof(file);
    return read !== null && openTlogProof(read, bytes, [KEY]) !== null;
  };

  test("is read back with and without its extra, of no hash and of 64", () => {
    const { checkpoint } = parseTlogProof(text) ?? { checkpoint: "" };
    for (const extra of [null, Buffer.alloc(0), Buffer.from("\u0000\n\n\u00ff", "latin1")]) {
      for (const count of [0, 1, 64]) {
        const proof = Array.from({ length: count }, (_, n) => Buffer.alloc(32, n));
        const made = { index: Number.MAX_SAFE_INTEGER, proof, checkpoint, extra };
        const read = parseTlogProof(formatTlogProof(made));
        expect({ ...read, extra: read?.extra && Buffer.from(read.extra) }).toEqual(made);
      }
    }
  });

  test("gives the checkpoint for its own event alone", () => {
    expect(openTlogProof(given(parseTlogProof(text)), entry, [KEY])).toMatchObject({ size: 77, origin: KEY.name });
    expect(opens(text, Buffer.from("event 6"))).toBe(false);
    expect(opens(text, Buffer.from("event 5\n"))).toBe(false);
    expect(openTlogProof(given(parseTlogProof(text)), entry, [keyOf(ROTATED)])).toBeNull();
  });

  test("is none unless it is exactly in the format", () => {
    const hashes = text.split("\n").slice(2, 9);
    const last = hashes.at(-1) as string;
    expect(hashes.map((hash) => readBase64(hash)?.length)).toEqual(Array(7).fill(32));
    const malformed = [
      "",
      "\n\n",
      edit(text, "c2sp.org/tlog-proof@v1\n", ""),
      edit(text, "@v1", "@v2"),
      edit(text, "c2sp", " c2sp"),
      edit(text, "c2sp", "\ufeffc2sp"),
      edit(text, "index 5\n", ""),
      edit(text, "index 5", "index"),
      edit(text, "index 5", "index "),
      edit(text, "index 5", "index  5"),
      edit(text, "index 5", "index\t5"),
      edit(text, "index 5", "Index 5"),
      edit(text, "index 5", "index 05"),
      edit(text, "index 5", "index 5 "),
      edit(text, "index 5", "index -5"),
      edit(text, "index 5", "index 9007199254740992"),
      edit(text, "index 5", "index 5\nindex 5"),
      edit(text, "index 5", "index 5\nextra AAAA"),
      edit(text, "index 5", "extra AAAA\nextra AAAA\nindex 5"),
      edit(text, "index 5", "extra\nindex 5"),
      edit(text, "index 5", "extra AB==\nindex 5"),
      edit(text, "index 5", "extra AA\nindex 5"),
      edit(text, "index 5", "other AAAA\nindex 5"),
      edit(text, last, withSpareBit(last)),
      edit(text, last, last.slice(0, -1)),
      edit(text, last, `${last} `),
      edit(text, last, `${last}\r`),
      edit(text, last, writeBase64(Buffer.alloc(31))),
      edit(text, last, writeBase64(Buffer.alloc(33))),
      edit(text, hashes.join("\n"), Array(65).fill(last).join("\n")),
      text.slice(0, text.indexOf("\n\n")),
      text.slice(0, text.indexOf("\n\n") + 1),
      text.replaceAll("\n", "\r\n"),
    ];
    expect(taken(parseTlogProof, malformed)).toEqual([]);
    expect(parseTlogProof(edit(text, hashes.join("\n"), Array(64).fill(last).join("\n")))).not.toBeNull();
  });

  test("of the right format that proves nothing is read and not opened", () => {
    const hashes = text.split("\n").slice(2, 9);
    const withHashes = (list: readonly string[]): string => edit(text, hashes.join("\n"), list.join("\n"));
    const proofs = [
      edit(text, "index 5", "index 4"),
      edit(text, "index 5", "index 77"),
      edit(text, "index 5", "index 9007199254740991"),
      withHashes([...hashes, hashes[0] as string]),
      withHashes(hashes.slice(1)),
      withHashes(hashes.slice(0, -1)),
      withHashes([...hashes].reverse()),
      withHashes(Array(64).fill(hashes[0])),
      `${text}x`,
      `${text}\n`,
      edit(text, "\n77\n", "\n78\n"),
      text.slice(0, text.indexOf("\n\n") + 2),
      edit(text, "\n\n", "\n\n\n"),
    ];
    expect(proofs.filter((each) => parseTlogProof(each) === null)).toEqual([]);
    expect(proofs.filter((each) => opens(each))).toEqual([]);
    expect(opens(text)).toBe(true);
  });
});

describe("a proof of consistency as a file", () => {
  const text = log.consistency(33);
  const older = given(openCheckpoint(log.checkpoint(33), [KEY]));

  test("is read back, and gives the newer checkpoint", () => {
    const read = given(parseConsistency(text));
    expect(formatConsistency(read)).toBe(text);
    expect(openConsistency(read, older, [KEY])).toEqual(openCheckpoint(log.checkpoint(), [KEY]));
    const same = given(parseConsistency(log.consistency(77)));
    expect(same.proof).toEqual([]);
    expect(openConsistency(same, given(openCheckpoint(log.checkpoint(), [KEY])), [KEY])).not.toBeNull();
  });

  test("is none unless it is exactly in the format", () => {
    const hashes = text.split("\n").slice(1, text.split("\n").indexOf(""));
    const last = hashes.at(-1) as string;
    const malformed = [
      "",
      edit(text, "old 33\n", ""),
      edit(text, "old 33", "old"),
      edit(text, "old 33", "old  33"),
      edit(text, "old 33", "old 033"),
      edit(text, "old 33", "old -33"),
      edit(text, "old 33", "old 33 "),
      edit(text, "old 33", "old 33\nold 33"),
      edit(text, "old 33", "size 33"),
      edit(text, last, withSpareBit(last)),
      edit(text, last, last.slice(0, -1)),
      edit(text, last, writeBase64(Buffer.alloc(33))),
      edit(text, hashes.join("\n"), Array(65).fill(last).join("\n")),
      text.slice(0, text.indexOf("\n\n")),
      text.replaceAll("\n", "\r\n"),
    ];
    expect(taken(parseConsistency, malformed)).toEqual([]);
  });

  test("shows nothing from a log without events, nor over another older checkpoint", () => {
    const opens = (file: string, from: string): boolean => {
      const head = given(openCheckpoint(from, [KEY]));
      return openConsistency(given(parseConsistency(file)), head, [KEY]) !== null;
    };
    const empty = log.checkpoint(0);
    const newer = log.checkpoint();
    const root = newer.split("\n")[2];
    expect(opens(`old 0\n\n${newer}`, empty)).toBe(false);
    expect(opens(`old 0\n${root}\n\n${newer}`, empty)).toBe(false);
    expect(opens(`old 0\n\n${empty}`, empty)).toBe(false);
    expect(opens(text, log.checkpoint(32))).toBe(false);
    expect(opens(edit(text, "old 33", "old 32"), log.checkpoint(33))).toBe(false);
    expect(opens(`old 77\n\n${log.checkpoint(33)}`, newer)).toBe(false);
    expect(opens(text, logOf(["another", ...log.events.slice(1, 33)], SIGNER).checkpoint())).toBe(false);
    expect(opens(text, log.checkpoint(33))).toBe(true);
    // Two logs may have the same events: a proof about the one is none about the other.
    expect(openConsistency(given(parseConsistency(text)), { ...older, origin: "other" }, [KEY])).toBeNull();
  });
});

describe("one character changed", () => {
  const witnessed = signNote(formatCheckpoint({ origin: KEY.name, size: 77, root: log.rootAt(77) }), SIGNER, WITNESS);
  const older = given(openCheckpoint(log.checkpoint(33), [KEY]));
  const inclusion = edit(log.inclusion(5, 77, true), log.checkpoint(), witnessed);
  const consistency = edit(log.consistency(33), log.checkpoint(), witnessed);
  /** What is known after a file was read: nothing, or the checkpoint that it vouches for. */
  const readers: readonly (readonly [title: string, text: string, open: (text: string) => unknown])[] = [
    ["a checkpoint", witnessed, (text) => openCheckpoint(text, [KEY])],
    [
      "a proof of inclusion that carries its event",
      inclusion,
      (text) => {
        const read = parseTlogProof(text);
        return read && openTlogProof(read, read.extra ?? Buffer.from(""), [KEY]);
      },
    ],
    [
      "a proof of consistency",
      consistency,
      (text) => {
        const read = parseConsistency(text);
        return read && openConsistency(read, older, [KEY]);
      },
    ],
    ["a key", formatKey(KEY), parseKey],
  ];
  const characters = [..."\n\r\t\0 =+/-_ABab09.\u2014\u00a0\u0661\ufeff\u{1f600}", "\ud800", ""];
  const most = cases("one-character changes", 4_000, 200_000);

  /** A file with the character at a place replaced, or another put before it; a text without either is a deletion. */
  const changeOf = (text: string): fc.Arbitrary<readonly [at: number, changed: string]> =>
    fc
      .tuple(
        fc.nat(text.length),
        fc.oneof(fc.constantFrom(...characters), fc.string({ minLength: 1, maxLength: 1 })),
        fc.boolean(),
      )
      .map(([at, to, isPut]) => [at, text.slice(0, at) + to + text.slice(isPut ? at : at + 1)] as const)
      .filter(([, changed]) => changed !== text);

  test.each(readers)(
    "in %s is refused, or stands in what others signed and changes nothing (property)",
    (_, text, open) => {
      const others = text.indexOf("\u2014 witness.example");
      const harmlessFrom = others < 0 ? Number.POSITIVE_INFINITY : others;
      const whole = open(text);
      expect(whole).not.toBeNull();
      const check = ([at, changed]: readonly [number, string]): void => {
        const opened = open(changed);
        if (opened === null) return;
        expect(at).toBeGreaterThanOrEqual(harmlessFrom);
        expect(opened).toEqual(whole);
      };
      for (let at = 0; at < text.length; at += 1) check([at, text.slice(0, at) + text.slice(at + 1)]);
      fc.assert(fc.property(changeOf(text), check), { numRuns: Math.ceil(most / readers.length) });
    },
    FULL_TIME,
  );

  test("the control: read without looking at the signature, changed checkpoints would be taken", () => {
    const changed = fc
      .sample(changeOf(witnessed), 500)
      .filter(([at, text]) => at < 20 && readCheckpoint(text) !== null);
    expect(changed.length).toBeGreaterThan(0);
  });
});
