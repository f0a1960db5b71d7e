import { spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/evidence/checkpoint.js";
import { formatKey, parseNote } from "../../src/evidence/note.js";
import { openConsistency, openTlogProof, parseConsistency, parseTlogProof } from "../../src/evidence/tlog-proof.js";
import { evidenced } from "../gate/evidenced.js";
import { cases } from "../scale.js";
import { edit, withSpareBit } from "./edit.js";
import { badCheckpoints, badConsistencies, badLogs, badProofs, ROOT, UNSIGNED } from "./forgeries.js";
import { filesOf, keyOf, type LogSigner, logOf, signNote, writeKey, writeLogFolder } from "./log-folder.js";
import { event, good, IMPOSTOR, lines, log, SIGNER, SIZE, WITNESS } from "./sample-log.js";
import { goTool, judge, nameOf, pythonTool, type Question, type Tool, type Verdicts } from "./verify-tools.js";

const scratch = mkdtempSync(join(tmpdir(), "dispatch-gate-strangers-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const KEY = writeKey(join(scratch, "key"), SIGNER);

const ask = (tool: Tool, verb: Question["verb"], asked: Question["asked"], key = KEY): Verdicts =>
  judge(tool, { verb, asked, key });

let files = 0;
function writeFile(name: string, text: string | Uint8Array): string {
  const folder = join(scratch, `files-${files++}`);
  mkdirSync(folder);
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** What is asked of every tool: a title, and the check. */
const CHECKS: readonly (readonly [title: string, check: (tool: Tool) => void])[] = [
  [
    "accepts the log with its checkpoints, without any, of one event and of none",
    (tool) => {
      const folders = [
        writeLogFolder(join(scratch, tool.title, "whole"), good),
        writeLogFolder(join(scratch, tool.title, "alone"), { ...good, earlier: {} }),
        ...[0, 1, 2, 3].map((size) =>
          writeLogFolder(join(scratch, tool.title, `${size}`), filesOf(logOf(lines.slice(0, size), SIGNER), [size])),
        ),
        // Others may sign too, up to 16 in all.
        writeLogFolder(join(scratch, tool.title, "witnessed"), {
          ...good,
          checkpoint: signNote(
            good.checkpoint.slice(0, good.checkpoint.indexOf("\n\n") + 1),
            ...Array.from({ length: 14 }, () => WITNESS),
            IMPOSTOR,
            SIGNER,
          ),
        }),
      ];
      const { code, accepted, refused } = ask(
        tool,
        "log",
        folders.map((folder) => [folder]),
      );
      expect({ code, accepted, refused }).toEqual({ code: 0, accepted: folders.map(nameOf), refused: {} });
    },
  ],
  [
    "refuses a log that is not what was signed, and says why",
    (tool) => {
      const bad = badLogs();
      const asked = bad.map(([title, written]) => [writeLogFolder(join(scratch, tool.title, "bad", title), written)]);
      const { code, accepted, refused } = ask(tool, "log", asked);
      expect({ code, accepted }).toEqual({ code: 1, accepted: [] });
      expect(refused).toEqual(
        Object.fromEntries(bad.map(([title, , reason]) => [title, expect.stringMatching(reason)])),
      );
    },
  ],
  [
    "the control: an edited log that the key's owner signs again is accepted, as long as nobody kept an older checkpoint",
    (tool) => {
      const forged = logOf(lines.toSpliced(5_000, 1, "another event"), SIGNER);
      const silent = writeLogFolder(join(scratch, tool.title, "silent"), filesOf(forged));
      const kept = writeLogFolder(join(scratch, tool.title, "kept"), { ...filesOf(forged), earlier: good.earlier });
      const { accepted, refused } = ask(tool, "log", [[silent], [kept]]);
      expect({ accepted, refused }).toEqual({
        accepted: ["silent"],
        refused: { kept: expect.stringMatching(/^the first \d+ events do not give the root of \d+$/) },
      });
    },
  ],
  [
    "accepts proofs of inclusion, from every kind of place in logs of every kind of size",
    (tool) => {
      const asked = PLACES.map(([index, size], n) => [
        writeFile(`${n}`, log.inclusion(index, size, n % 2 === 0)),
        n % 2 === 0 ? "-" : writeFile("event", lines[index] as string),
      ]);
      const { code, accepted, refused } = ask(tool, "proof", asked);
      expect({ code, refused }).toEqual({ code: 0, refused: {} });
      expect(accepted).toHaveLength(PLACES.length);
    },
  ],
  [
    "refuses what is no proof of inclusion, and says why",
    (tool) => {
      const bad = badProofs();
      const right = writeFile("event", lines[4_321] as string);
      const asked = bad.map(([title, proof, , entry]) => [
        writeFile(title, proof),
        entry === undefined ? right : writeFile("event", entry),
      ]);
      const carriesNone = [writeFile("carries none", log.inclusion(4_321)), "-"];
      const carriesOther = [
        writeFile("carries another", edit(log.inclusion(4_321), "index", "extra AAAA\nindex")),
        "-",
      ];
      const { code, accepted, refused } = ask(tool, "proof", [...asked, carriesNone, carriesOther]);
      expect({ code, accepted }).toEqual({ code: 1, accepted: [] });
      expect(refused).toEqual({
        ...Object.fromEntries(bad.map(([title, , reason]) => [title, expect.stringMatching(reason)])),
        "carries none": "the proof does not carry its event",
        "carries another": expect.stringMatching(ROOT),
      });
    },
  ],
  [
    "accepts proofs of consistency between every kind of size",
    (tool) => {
      const asked = SPANS.map(([from, to], n) => [
        writeFile(`${n}`, log.consistency(from, to)),
        writeFile("older", log.checkpoint(from)),
      ]);
      const { code, accepted, refused } = ask(tool, "consistency", asked);
      expect({ code, refused }).toEqual({ code: 0, refused: {} });
      expect(accepted).toHaveLength(SPANS.length);
    },
  ],
  [
    "refuses what is no proof of consistency, and says why",
    (tool) => {
      const bad = badConsistencies();
      const right = writeFile("older", log.checkpoint(4_321));
      const asked = bad.map(([title, proof, , older]) => [
        writeFile(title, proof),
        older === undefined ? right : writeFile("older", older),
      ]);
      const { code, accepted, refused } = ask(tool, "consistency", asked);
      expect({ code, accepted }).toEqual({ code: 1, accepted: [] });
      expect(refused).toEqual(
        Object.fromEntries(bad.map(([title, , reason]) => [title, expect.stringMatching(reason)])),
      );
    },
  ],
  [
    "refuses a key that is not exactly one, and files that are not there",
    (tool) => {
      const folder = writeLogFolder(join(scratch, tool.title, "keyed"), filesOf(logOf([event(0)], SIGNER)));
      const [key, impostor] = [SIGNER, IMPOSTOR].map((signer) => `${formatKey(keyOf(signer))}\n`);
      const encoded = (key as string).replace(/^[^+]*\+[^+]*\+/, "").trim();
      const keys: readonly (readonly [string, RegExp])[] = [
        [
          edit(key as string, encoded, withSpareBit(Buffer.from(encoded, "base64").subarray(0, 32).toString("base64"))),
          /canonical$/,
        ],
        [edit(key as string, /\+[0-9a-f]{8}\+/, "+00000000+"), /id|hash/],
        [edit(key as string, "example", "exa mple"), /key/],
        [`${key}\n`, /not one line/],
        [edit(key as string, "\n", "\r\n"), /not one line|canonical$/],
        [edit(key as string, /\+[0-9a-f]{8}/, "+ABCDEF00"), /not one line/],
        [impostor as string, UNSIGNED],
        ["", /not one line/],
      ];
      for (const [text, reason] of keys) {
        const { code, refused } = ask(tool, "log", [[folder]], writeFile("key", text));
        expect({ code, refused }).toEqual({ code: 1, refused: { keyed: expect.stringMatching(reason) } });
      }
      const nowhere = join(scratch, "nowhere");
      expect(ask(tool, "log", [[nowhere], [folder]])).toEqual({
        code: 1,
        accepted: ["keyed"],
        refused: { nowhere: expect.stringMatching(/^`.*` cannot be read$/) },
      });
    },
  ],
  [
    "says how it is to be asked, and exits 2",
    ({ command: [program, ...first] }) => {
      for (const args of [
        [],
        ["log"],
        ["log", KEY],
        ["proof", "a", KEY],
        ["consistency", "a", "b", "c", KEY],
        ["else", "a", KEY],
      ]) {
        const { status, stdout, stderr } = spawnSync(program as string, [...first, ...args], { encoding: "utf8" });
        expect({ status, stdout, stderr }).toEqual({
          status: 2,
          stdout: "",
          stderr: expect.stringMatching(/^usage: .*\n$/),
        });
      }
    },
  ],
];

const EDGES = [1, 2, 3, 4, 5, 7, 8, 9, 1_023, 1_024, 1_025, 8_191, 8_192, 8_193, 9_999, SIZE];
const anySpan = fc.tuple(fc.integer({ min: 1, max: SIZE }), fc.integer({ min: 1, max: SIZE }));
const DRAWN = fc
  .sample(anySpan, cases("proofs that strangers judge", 100, 2_000))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const SPANS = [
  ...EDGES.flatMap((to) => EDGES.filter((from) => from <= to).map((from) => [from, to] as const)),
  ...DRAWN,
];
const PLACES = SPANS.map(([from, to]) => [from - 1, to] as const);

for (const tool of [pythonTool(), goTool(scratch)]) {
  if (tool.missing !== null) console.warn(`SKIPPED: ${CHECKS.length + 1} checks, because ${tool.missing}`);
  describe.skipIf(tool.missing !== null)(tool.title, () => {
    for (const [title, check] of CHECKS) test(title, () => check(tool), 60_000);

    test("accepts what a gate hands out: its log, its receipts, and that it goes on from what was signed before", async () => {
      const { gate, approved } = await evidenced();
      const [older] = (await gate.audit.checkpoints({ limit: 1 })).items;
      if (older === undefined) throw new TypeError("nothing was signed");
      await gate.erase(approved);
      const folder = join(scratch, tool.title, "exported");
      const { size } = await gate.audit.export(folder);
      const key = join(folder, "key");
      expect(judge(tool, { verb: "log", asked: [[folder]], key })).toMatchObject({ code: 0, accepted: ["exported"] });

      const receipts: string[] = [];
      for (let seq = 1; seq <= size; seq += 1) {
        receipts.push(writeFile(`${seq}.tlog-proof`, (await gate.audit.receipt(seq)).proof));
      }
      const proved = judge(tool, { verb: "proof", asked: receipts.map((file) => [file, "-"]), key });
      expect([proved.code, proved.accepted.length]).toEqual([0, size]);

      const grown = writeFile("grown", await gate.audit.consistency(older.size));
      const asked = [[grown, writeFile("older", older.note)]];
      expect(judge(tool, { verb: "consistency", asked, key })).toMatchObject({ code: 0, accepted: ["grown"] });
      // Control: the log of another gate, with all its own in order, is not this one's.
      const stranger = await evidenced();
      const other = join(scratch, tool.title, "other");
      await stranger.gate.audit.export(other);
      expect(judge(tool, { verb: "log", asked: [[other]], key }).code).toBe(1);
    }, 60_000);
  });
}

describe("our own modules", () => {
  const keys = [keyOf(SIGNER)];
  const isProof = (text: string, entry: string | Uint8Array = ""): boolean => {
    const proof = parseTlogProof(text);
    return proof !== null && openTlogProof(proof, Buffer.from(entry as string), keys) !== null;
  };
  const isConsistency = (text: string, older: string): boolean => {
    const [proof, from] = [parseConsistency(text), openCheckpoint(older, keys)];
    return proof !== null && from !== null && openConsistency(proof, from, keys) !== null;
  };

  test("refuse whatever the strangers refuse, and accept what they accept", () => {
    expect(badCheckpoints().filter(([, text]) => openCheckpoint(text, keys) !== null)).toEqual([]);
    expect(badProofs().filter(([, text, , entry]) => isProof(text, entry ?? lines[4_321]))).toEqual([]);
    const from = log.checkpoint(4_321);
    expect(badConsistencies().filter(([, text, , older]) => isConsistency(text, older ?? from))).toEqual([]);
    expect(openCheckpoint(good.checkpoint, keys)).toEqual({ origin: SIGNER.name, size: SIZE, root: log.rootAt(SIZE) });
    expect(PLACES.filter(([index, size]) => !isProof(log.inclusion(index, size), lines[index]))).toEqual([]);
    expect(SPANS.filter(([old, to]) => !isConsistency(log.consistency(old, to), log.checkpoint(old)))).toEqual([]);
  });
});

const HAS_OPENSSL =
  spawnSync("openssl", ["pkeyutl", "-help"], { encoding: "utf8" }).stderr?.includes("-rawin") === true;
if (!HAS_OPENSSL) console.warn("SKIPPED: 2 checks, because there is no openssl with `pkeyutl -rawin`");

describe.skipIf(!HAS_OPENSSL)("openssl", () => {
  const pem = (signer: LogSigner): string =>
    createPublicKey(signer.privateKey).export({ format: "pem", type: "spki" }).toString();
  function verifies(text: string, signature: Uint8Array, signer = SIGNER): boolean {
    const signed = join(scratch, `signature-${files++}`);
    writeFileSync(signed, signature);
    const args = ["-inkey", writeFile("pem", pem(signer)), "-in", writeFile("text", text), "-sigfile", signed];
    return spawnSync("openssl", ["pkeyutl", "-verify", "-pubin", "-rawin", ...args]).status === 0;
  }
  const note = parseNote(good.checkpoint);
  const text = note?.text ?? "";
  const signature = note?.signatures[0]?.bytes.subarray(4) ?? Buffer.alloc(0);

  test("accepts the signature of a checkpoint: Ed25519 over the note's text, after four bytes of key id", () => {
    expect(signature).toHaveLength(64);
    expect(verifies(text, signature)).toBe(true);
  });

  test("refuses it for another text, from another key, or changed", () => {
    expect(verifies(edit(text, "\n10000\n", "\n10001\n"), signature)).toBe(false);
    expect(verifies(text.slice(0, -1), signature)).toBe(false);
    expect(verifies(text, signature, IMPOSTOR)).toBe(false);
    expect(
      verifies(
        text,
        signature.map((byte, at) => (at === 9 ? byte ^ 1 : byte)),
      ),
    ).toBe(false);
  });
});
