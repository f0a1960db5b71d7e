import { leafHash } from "../../src/evidence/merkle.js";
import { edit, withSpareBit } from "./edit.js";
import { filesOf, type LogFiles, logOf, signNote } from "./log-folder.js";
import { event, good, IMPOSTOR, lines, log, SIGNER, WITNESS } from "./sample-log.js";
import { signerOf } from "./signers.js";

/** Something that must be refused, and the words in which the tools say why. */
type Bad = readonly [title: string, text: string, reason: RegExp];

const SIGNATURE = /wrong$/;
export const UNSIGNED = /not signed by the key$/;
const NO_NOTE = /no signed note$/;
const BASE64 = /base64 that is not canonical$/;
const BASE64_OR_NO_NOTE = /base64 that is not canonical$|no signed note$/;
const COUNT = /a number that is not plain decimal$/;
export const ROOT = /^the proof does not lead to the root$/;
const LOG_ROOT = /^the events do not give the root of the checkpoint$/;

/** Checkpoints that nobody may take, whoever hands them over. */
export function badCheckpoints(): readonly Bad[] {
  const { checkpoint } = good;
  const root = checkpoint.split("\n")[2] as string;
  const text = checkpoint.slice(0, checkpoint.indexOf("\n\n") + 1);
  const signature = checkpoint.slice(checkpoint.lastIndexOf(" ") + 1, -1);
  const signed = (from: string | RegExp, to: string): string => signNote(edit(text, from, to), SIGNER);
  const impostors = signNote(text, IMPOSTOR);
  const unknown = (n: number): string => signNote(text, signerOf(`w${n}.example`)).slice(text.length + 1);
  const seventeen = checkpoint + Array.from({ length: 16 }, (_, n) => unknown(n)).join("");
  // Under our key's name and id stands what another key signed.
  const forged = Buffer.concat([
    Buffer.from(signature, "base64").subarray(0, 4),
    Buffer.from(impostors.slice(impostors.lastIndexOf(" ") + 1), "base64").subarray(4),
  ]).toString("base64");
  return [
    ["its origin edited", edit(checkpoint, "example.com/gate\n", "example.com/gatf\n"), SIGNATURE],
    ["its size edited", edit(checkpoint, "\n10000\n", "\n10001\n"), SIGNATURE],
    ["its root edited", edit(checkpoint, root, Buffer.from(log.rootAt(9)).toString("base64")), SIGNATURE],
    [
      "its signature edited",
      edit(checkpoint, signature.slice(40), `${signature[40] === "A" ? "B" : "A"}${signature.slice(41)}`),
      SIGNATURE,
    ],
    ["its signer's name edited", edit(checkpoint, "\u2014 example.com/gate ", "\u2014 example.com/gatf "), UNSIGNED],
    ["its key id edited", edit(checkpoint, signature, `AAAA${signature.slice(4)}`), UNSIGNED],
    ["signed by an impostor of the same name", impostors, UNSIGNED],
    ["an impostor's signature under our key's id", edit(checkpoint, signature, forged), SIGNATURE],
    ["a forged signature after ours", `${checkpoint}\u2014 example.com/gate ${forged}\n`, SIGNATURE],
    ["signed by a witness alone", signNote(text, WITNESS), UNSIGNED],
    ["signed by us for another log", signed("example.com/gate", "example.com/other"), /of another log$/],
    ["with an extension line", signed(/$/, "more\n"), /not three lines/],
    ["with a size of leading zeros", signed("\n10000\n", "\n010000\n"), COUNT],
    ["with a size of a sign", signed("\n10000\n", "\n+10000\n"), COUNT],
    ["with a size of other digits", signed("\n10000\n", "\n\u0661\u0660000\n"), COUNT],
    ["with a root with a spare bit", signed(root, withSpareBit(root)), BASE64],
    ["with a root without padding", signed(root, edit(root, "=", "")), BASE64],
    ["with a root of 33 bytes", signed(root, Buffer.alloc(33).toString("base64")), /not 32 bytes$/],
    ["with a root of 31 bytes", signed(root, Buffer.alloc(31).toString("base64")), /not 32 bytes$/],
    ["a spare bit in its signature", withSpareBit(checkpoint), BASE64],
    ["no padding in its signature", edit(checkpoint, /=+\n$/, "\n"), BASE64_OR_NO_NOTE],
    ["with 17 signatures", seventeen, /more than 16 signatures$/],
    ["with a hyphen for the dash", edit(checkpoint, "\u2014", "-"), NO_NOTE],
    ["with CRLF", checkpoint.replaceAll("\n", "\r\n"), NO_NOTE],
    ["with a tab in a signature line", edit(checkpoint, "\u2014 ", "\u2014\t"), NO_NOTE],
    ["with garbage at its end", `${checkpoint}x`, NO_NOTE],
    ["with an empty line at its end", `${checkpoint}\n`, NO_NOTE],
    ["without its last newline", checkpoint.slice(0, -1), NO_NOTE],
    ["without a signature", `${text}\n`, NO_NOTE],
    ["of nothing", "", NO_NOTE],
  ];
}

/** Folders whose events, or whose history, are not what was signed. */
export function badLogs(): readonly (readonly [title: string, files: LogFiles, reason: RegExp])[] {
  const events = (changed: readonly string[]): LogFiles => ({
    ...good,
    events: changed.map((line) => `${line}\n`).join(""),
  });
  const [before, at, next, after] = [
    lines.slice(0, 5_000),
    lines[5_000] as string,
    lines[5_001] as string,
    lines.slice(5_002),
  ];
  const edited = edit(at, '"at":5000', '"at":5001');
  const shorter = logOf(lines.slice(0, 9_900), SIGNER);
  const other = logOf(before.toSpliced(77, 1, "another event"), SIGNER);
  return [
    ["an event edited", events([...before, edited, next, ...after]), LOG_ROOT],
    ["an event edited in its spaces", events([...before, `${at} `, next, ...after]), LOG_ROOT],
    ["an event deleted", events([...before, next, ...after]), /^the log has 9999 events, its checkpoint 10000$/],
    ["an event inserted", events([...before, edited, at, next, ...after]), /^the log has 10001 events/],
    ["one deleted and another put in", events([edited, ...before, next, ...after]), LOG_ROOT],
    ["two swapped", events([...before, next, at, ...after]), LOG_ROOT],
    ["the last hundred cut off", events(lines.slice(0, 9_900)), /^the log has 9900 events, its checkpoint 10000$/],
    ["its last newline cut off", { ...good, events: good.events.slice(0, -1) }, /does not end in a newline$/],
    ["two events on one line", { ...good, events: edit(good.events, "\n", " ") }, /^the log has 9999 events/],
    ["an empty line", { ...good, events: edit(good.events, "\n", "\n\n") }, /^the log has 10001 events/],
    ["CRLF", { ...good, events: good.events.replaceAll("\n", "\r\n") }, LOG_ROOT],
    ["a byte order mark", { ...good, events: `\ufeff${good.events}` }, LOG_ROOT],
    ["no events", { ...good, events: "" }, /^the log has 0 events/],
    [
      "cut off and signed so",
      { ...filesOf(shorter), earlier: good.earlier },
      /^10000 has 10000 events, the log only 9900$/,
    ],
    [
      "begun otherwise than it was",
      { ...good, earlier: { ...good.earlier, x: other.checkpoint() } },
      /first 5000 events do not give the root of x$/,
    ],
    [
      "an earlier checkpoint edited",
      { ...good, earlier: { ...good.earlier, "1": edit(good.earlier["1"] as string, "\n1\n", "\n2\n") } },
      SIGNATURE,
    ],
    [
      "an earlier checkpoint of an impostor",
      { ...good, earlier: { x: logOf([event(0)], IMPOSTOR).checkpoint() } },
      UNSIGNED,
    ],
    ...badCheckpoints().map(
      ([title, checkpoint, reason]) => [`checkpoint ${title}`, { ...good, checkpoint }, reason] as const,
    ),
  ];
}

/** Proofs that the event at 4,321 is in the log, none of which is one; and by what else than that event, if so. */
export function badProofs(): readonly (readonly [...Bad, entry?: string | Uint8Array])[] {
  const proof = log.inclusion(4_321);
  const hashes = proof.split("\n").slice(2, proof.split("\n").indexOf(""));
  const [first, second, last] = [hashes[0] as string, hashes[1] as string, hashes.at(-1) as string];
  const another = Buffer.from(leafHash("another")).toString("base64");
  const withHashes = (list: readonly string[]): string => edit(proof, hashes.join("\n"), list.join("\n"));
  const index = (text: string): string => edit(proof, "index 4321", text);
  const inner = Buffer.concat([leafHash(lines[4_320] as string), leafHash(lines[4_321] as string)]);
  return [
    ["a hash more at its end", withHashes([...hashes, another]), ROOT],
    ["a hash more at its start", withHashes([another, ...hashes]), ROOT],
    ["without its first hash", withHashes(hashes.slice(1)), ROOT],
    ["without its last hash", withHashes(hashes.slice(0, -1)), ROOT],
    ["without hashes", edit(proof, `${hashes.join("\n")}\n`, ""), ROOT],
    ["a hash changed", edit(proof, second, another), ROOT],
    ["two hashes swapped", withHashes([second, first, ...hashes.slice(2)]), ROOT],
    ["the index before", index("index 4320"), ROOT],
    ["the index after", index("index 4322"), ROOT],
    ["an index past the end", index("index 10000"), /^a log of 10000 events has none at 10000$/],
    ["an index with a leading zero", index("index 04321"), COUNT],
    ["an index with a sign", index("index -4321"), COUNT],
    ["an index in two spaces", index("index  4321"), COUNT],
    ["no index", edit(proof, "index 4321\n", ""), /no line `index`/],
    ["two of them", index("index 4321\nindex 4321"), BASE64],
    ["another header", edit(proof, "@v1", "@v2"), /unknown kind$/],
    ["a space after the header", edit(proof, "@v1", "@v1 "), /unknown kind$/],
    [
      "CRLF in its lines",
      proof.replace(/^[\s\S]*?\n\n/, (head) => head.replaceAll("\n", "\r\n")),
      /unknown kind$|has no checkpoint$/,
    ],
    ["a spare bit in a hash", edit(proof, last, withSpareBit(last)), BASE64],
    ["a hash without padding", edit(proof, last, edit(last, "=", "")), BASE64],
    ["a hash of 33 bytes", edit(proof, last, Buffer.alloc(33).toString("base64")), /not 32 bytes$/],
    ["a hash in base64 for URLs", edit(proof, last, "_".repeat(43).concat("=")), BASE64],
    ["a space after a hash", edit(proof, last, `${last} `), BASE64],
    ["65 hashes", withHashes(Array.from({ length: 65 }, () => another)), /more hashes than a tree has levels$/],
    ["an empty line too early", edit(proof, last, `\n${last}`), SIGNATURE],
    ["an extra that is not canonical", edit(proof, "index", "extra AB==\nindex"), BASE64],
    ["an extra after the index", index("index 4321\nextra AA=="), BASE64],
    ["no checkpoint", proof.slice(0, proof.indexOf("\n\n")), /has no checkpoint$/],
    [
      "the checkpoint of another size",
      log.inclusion(4_321, 9_999).replace(/\n\n[\s\S]*/, `\n\n${good.checkpoint}`),
      ROOT,
    ],
    ["another event", proof, ROOT, lines[4_320] as string],
    ["the event and a newline", proof, ROOT, `${lines[4_321]}\n`],
    ["an inner node as an event", edit(withHashes(hashes.slice(1)), "4321", "2160"), ROOT, inner],
    ...badCheckpoints().map(
      ([title, checkpoint, reason]) =>
        [`checkpoint ${title}`, proof.replace(/\n\n[\s\S]*/, `\n\n${checkpoint}`), reason] as const,
    ),
  ];
}

/** Proofs that the log begins with its first 4,321 events, none of which is one; and from which older checkpoint, if another. */
export function badConsistencies(): readonly (readonly [...Bad, older?: string])[] {
  const proof = log.consistency(4_321);
  const older = log.checkpoint(4_321);
  const hashes = proof.split("\n").slice(1, proof.split("\n").indexOf(""));
  const [first, last] = [hashes[0] as string, hashes.at(-1) as string];
  const another = Buffer.from(leafHash("another")).toString("base64");
  const withHashes = (list: readonly string[]): string => edit(proof, hashes.join("\n"), list.join("\n"));
  const newer = proof.slice(proof.indexOf("\n\n") + 2);
  const other = logOf(lines.slice(0, 4_321).toSpliced(77, 1, "another event"), SIGNER).checkpoint();
  return [
    ["from a log without events", `old 0\n\n${newer}`, /^nothing can be shown/, log.checkpoint(0)],
    ["from one, by the root", `old 0\n${newer.split("\n")[2]}\n\n${newer}`, /^nothing can be shown/, log.checkpoint(0)],
    ["from no events to none", `old 0\n\n${log.checkpoint(0)}`, /^nothing can be shown/, log.checkpoint(0)],
    ["from zero, over an older one", edit(proof, "old 4321", "old 0"), /^the proof is from 0 events, .* 4321$/],
    ["from another size", edit(proof, "old 4321", "old 4320"), /^the proof is from 4320 events, .* 4321$/],
    ["over another checkpoint", proof, /^the proof is from 4321 events, .* 4322$/, log.checkpoint(4_322)],
    ["over a log that began otherwise", proof, ROOT, other],
    ["over an older one edited", proof, SIGNATURE, edit(older, "\n4321\n", "\n4322\n")],
    [
      "over an older one of an impostor",
      proof,
      UNSIGNED,
      signNote(older.slice(0, older.indexOf("\n\n") + 1), IMPOSTOR),
    ],
    [
      "backwards",
      `old 10000\n\n${older}`,
      /^the older checkpoint has 10000 events, the newer only 4321$/,
      good.checkpoint,
    ],
    ["of no hashes", `old 4321\n\n${newer}`, ROOT],
    ["of a hash between equals", `old 10000\n${another}\n\n${newer}`, ROOT, good.checkpoint],
    ["a hash more at its end", withHashes([...hashes, another]), ROOT],
    ["a hash more at its start", withHashes([another, ...hashes]), ROOT],
    ["without its first hash", withHashes(hashes.slice(1)), ROOT],
    ["without its last hash", withHashes(hashes.slice(0, -1)), ROOT],
    ["a hash changed", edit(proof, first, another), ROOT],
    ["65 hashes", withHashes(Array.from({ length: 65 }, () => another)), /more hashes than a tree has levels$/],
    ["a leading zero", edit(proof, "old 4321", "old 04321"), COUNT],
    ["no size", edit(proof, "old 4321\n", ""), /no line `old`/],
    ["a spare bit in a hash", edit(proof, last, withSpareBit(last)), BASE64],
    ["a hash without padding", edit(proof, last, edit(last, "=", "")), BASE64],
    ["a hash of 33 bytes", edit(proof, last, Buffer.alloc(33).toString("base64")), /not 32 bytes$/],
    ["no checkpoint", proof.slice(0, proof.indexOf("\n\n")), /has no checkpoint$/],
    ...badCheckpoints().map(
      ([title, checkpoint, reason]) =>
        [`checkpoint ${title}`, proof.replace(/\n\n[\s\S]*/, `\n\n${checkpoint}`), reason] as const,
    ),
  ];
}
