import { generateKeyPairSync, sign } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSigner, EvidenceError, type Gate, type Signer, StoreError } from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/evidence/checkpoint.js";
import { type NoteKey, parseKey } from "../../src/evidence/note.js";
import { openConsistency, openTlogProof, parseConsistency, parseTlogProof } from "../../src/evidence/tlog-proof.js";
import type { Query, QueryAnswer } from "../../src/store/port.js";
import { loadDriver } from "../../src/store/sqlite/driver.js";
import { ALLOW_ALL, ASK_ALL, freshFolder, open, STORES } from "./open.js";

const ann = { id: "ann" };

function keyOf({ audit }: Gate): NoteKey {
  const key = parseKey(audit.key);
  if (key === null) throw new TypeError("the gate tells no key");
  return key;
}

async function storeCodeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: unknown) => (error instanceof StoreError || error instanceof EvidenceError ? error.code : String(error)),
  );
}

function ed25519(): { readonly jwk: object; readonly publicKey: Uint8Array; readonly sign: Signer["sign"] } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const x = publicKey.export({ format: "jwk" }).x ?? "";
  return {
    jwk: privateKey.export({ format: "jwk" }),
    publicKey: Buffer.from(x, "base64url"),
    sign: (message) => sign(null, message, privateKey),
  };
}

describe.each(STORES)("the log, %s", (_name, openStore) => {
  test("is signed as it stands, once, and each checkpoint goes on from the one before", async () => {
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => "done" });
    await gate.evaluateAndDispatch({ topic: "a.b" });
    const first = await gate.audit.checkpoint();
    expect(await gate.audit.checkpoint()).toEqual(first);
    for (let n = 0; n < 40; n += 1) await gate.evaluateAndDispatch({ topic: "a.b", payload: n });
    const second = await gate.audit.checkpoint();
    const older = openCheckpoint(first?.note ?? "", [keyOf(gate)]);
    expect(older).toMatchObject({ origin: keyOf(gate).name, size: first?.size });
    const proof = parseConsistency(await gate.audit.consistency(first?.size ?? 0));
    if (older === null || proof === null) throw new TypeError("no checkpoint, or no proof");
    expect(openConsistency(proof, older, [keyOf(gate)])?.size).toBe(second?.size);
    expect((await gate.audit.checkpoints()).items.map(({ size }) => size)).toEqual(
      expect.arrayContaining([first?.size, second?.size]),
    );
    // Control: another log's proof, of the same sizes, is none of this one's.
    const stranger = await open({ policy: ALLOW_ALL, store: createMemoryStore(), dispatch: () => "done" });
    for (let n = 0; n < 41; n += 1) await stranger.evaluateAndDispatch({ topic: "a.b", payload: -n });
    const other = parseConsistency(await stranger.audit.consistency(older.size));
    if (other === null) throw new TypeError("no proof");
    expect(openConsistency({ ...proof, proof: other.proof }, older, [keyOf(gate)])).toBeNull();
  });

  test("proves each event to who has its public key alone, and no other event by that proof", async () => {
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => "done" });
    for (let n = 0; n < 7; n += 1) await gate.evaluateAndDispatch({ topic: "a.b", traceId: `t-${n}` });
    const { items } = await gate.audit.events({ limit: 1_000 });
    for (const { seq, text } of items) {
      const receipt = await gate.audit.receipt(seq);
      expect(receipt.event).toBe(text);
      const proof = parseTlogProof(receipt.proof);
      if (proof === null) throw new TypeError("no proof");
      expect(Buffer.from(proof.extra ?? []).toString()).toBe(text);
      expect(openTlogProof(proof, Buffer.from(text), [keyOf(gate)])?.size).toBeGreaterThanOrEqual(seq);
      const [other] = items.filter((event) => event.seq !== seq);
      expect(openTlogProof(proof, Buffer.from(other?.text ?? ""), [keyOf(gate)])).toBeNull();
      expect(openTlogProof({ ...proof, index: proof.index + 1 }, Buffer.from(text), [keyOf(gate)])).toBeNull();
    }
    expect(await storeCodeOf(gate.audit.receipt(10_000))).toBe("event_unknown");
    expect(await storeCodeOf(gate.audit.consistency(10_000))).toBe("checkpoint_unknown");
    await expect(gate.audit.receipt(0)).rejects.toThrow("an event is named by its place in the log, from 1");
    await expect(gate.audit.consistency(0)).rejects.toThrow("a checkpoint is named by its size, from 1");
  });

  test("is signed at once when approval is asked for and given, and the request shows what covers it", async () => {
    const gate = await open({
      policy: ASK_ALL,
      store: await openStore(),
      dispatch: () => "done",
      checkpoints: { everySec: 86_400 },
    });
    const held = await gate.evaluateAndDispatch({ topic: "a.b" });
    const approvalId = held.approval?.id ?? "";
    const shown = await until(async () => (await gate.approvals.get(approvalId))?.checkpoint);
    const asked = openCheckpoint(shown ?? "", [keyOf(gate)]);
    const { items } = await gate.audit.events({ types: ["approval.requested"] });
    expect(asked?.size).toBeGreaterThanOrEqual(items[0]?.seq ?? Number.NaN);
    await gate.approvals.approve(approvalId, { by: ann });
    const sizes = async (): Promise<number> => (await gate.audit.checkpoints()).items.at(-1)?.size ?? 0;
    const [voted] = (await gate.audit.events({ types: ["approval.voted"] })).items;
    expect(await until(async () => ((await sizes()) >= (voted?.seq ?? 0) ? "signed" : undefined))).toBe("signed");
    // What covers the request stays what it was: who noted it down finds it again.
    expect((await gate.approvals.get(approvalId))?.checkpoint).toBe(shown);
    expect((await gate.approvals.get(approvalId))?.text).toContain(`of ${asked?.size} events`);
  });

  test("is signed after so many events, and when the gate is closed", async () => {
    const store = await openStore();
    const gate = await open({
      policy: ALLOW_ALL,
      store,
      dispatch: () => "done",
      checkpoints: { everyEvents: 10, everySec: 86_400 },
    });
    const count = async (): Promise<number> => (await gate.audit.checkpoints()).items.length;
    expect(await count()).toBe(0);
    for (let n = 0; n < 4; n += 1) await gate.evaluateAndDispatch({ topic: "a.b" });
    expect(await count()).toBe(0);
    for (let n = 0; n < 4; n += 1) await gate.evaluateAndDispatch({ topic: "a.b" });
    expect(await until(async () => ((await count()) === 1 ? 1 : undefined))).toBe(1);
    await gate.close();
    const { tree } = await store.read({ kind: "tree" });
    const { checkpoint } = await store.read({ kind: "checkpoint", size: null });
    expect(checkpoint?.size).toBe(tree?.size);
  });
});

/** What comes to be, looked for between turns for a while. */
async function until<Found>(look: () => Promise<Found | null | undefined>): Promise<Found | undefined> {
  for (let tries = 0; tries < 500; tries += 1) {
    const found = await look();
    if (found !== null && found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  return undefined;
}

describe("the key that signs", () => {
  test("is made beside the database for its owner alone, and is the same for every gate on it", async () => {
    const path = join(freshFolder(), "gate.db");
    const gates = await Promise.all([1, 2, 3].map(() => open({ policy: ALLOW_ALL, store: path, dispatch: () => "x" })));
    expect(new Set(gates.map(({ audit }) => audit.key)).size).toBe(1);
    expect(statSync(`${path}.key`).mode & 0o777).toBe(0o600);
    const text = readFileSync(`${path}.key`, "utf8");
    expect(text).toMatch(/^PRIVATE\+KEY\+dispatch-gate\.local\/[0-9a-f]{16}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}\n$/);
    for (const gate of gates) await gate.close();
    const again = await open({ policy: ALLOW_ALL, store: path, dispatch: () => "x" });
    expect(again.audit.key).toBe(gates[0]?.audit.key);
  });

  test("has the name that the host gives the log", async () => {
    const path = join(freshFolder(), "gate.db");
    const gate = await open({ policy: ALLOW_ALL, store: path, origin: "example.com/gate", dispatch: () => "x" });
    expect(gate.audit.key).toMatch(/^example\.com\/gate\+/);
    const other = { policy: ALLOW_ALL, store: path, origin: "example.com/other", dispatch: () => "x" };
    expect(await storeCodeOf(open(other))).toBe("store_key_unusable");
    await expect(open({ ...other, store: join(freshFolder(), "b.db"), origin: "a b" })).rejects.toThrow(
      "`origin` must be",
    );
  });

  test("is refused where others may read it, or where the file holds something else", async () => {
    const path = join(freshFolder(), "gate.db");
    const options = { policy: ALLOW_ALL, store: path, dispatch: () => "x" };
    await (await open(options)).close();
    const whole = readFileSync(`${path}.key`, "utf8");
    chmodSync(`${path}.key`, 0o640);
    expect(await storeCodeOf(open(options))).toBe("store_key_unusable");
    chmodSync(`${path}.key`, 0o600);
    for (const text of [
      "",
      "x",
      whole.slice(0, -9),
      whole.replace("+", "-"),
      `${whole}\n`,
      whole.replace(/\+[0-9a-f]{8}\+/, "+00000000+"),
    ]) {
      writeFileSync(`${path}.key`, text);
      expect([text, await storeCodeOf(open(options))]).toEqual([text, "store_key_unusable"]);
    }
    writeFileSync(`${path}.key`, whole);
    await (await open(options)).close();
  });

  test("that signed last must be there, or be named: a log does not go on under a key that nobody knows", async () => {
    const path = join(freshFolder(), "gate.db");
    const options = { policy: ALLOW_ALL, store: path, dispatch: () => "x" };
    const first = await open(options);
    await first.evaluateAndDispatch({ topic: "a.b" });
    await first.close();
    rmSync(`${path}.key`);
    expect(await storeCodeOf(open(options))).toBe("store_key_unusable");
    const second = await open({ ...options, formerKeys: [first.audit.key] });
    expect(second.audit.key).not.toBe(first.audit.key);
    const last = await second.audit.checkpoint();
    expect(openCheckpoint(last?.note ?? "", [keyOf(second)])?.size).toBe(last?.size);
    await expect(open({ ...options, formerKeys: ["no key"] })).rejects.toThrow("`formerKeys` must hold verifier keys");
  });

  test("may be kept elsewhere: a signer is asked, and what it answers is checked", async () => {
    const { jwk, publicKey, sign: signWith } = ed25519();
    const name = "example.com/kms";
    const asked: string[] = [];
    const remote: Signer = {
      name,
      publicKey,
      sign: async (message) => {
        asked.push(Buffer.from(message).toString());
        return signWith(message);
      },
    };
    const path = join(freshFolder(), "gate.db");
    const gate = await open({ policy: ALLOW_ALL, store: path, signer: remote, dispatch: () => "x" });
    const signed = await gate.audit.checkpoint();
    expect(asked).toEqual([signed?.note.split("\n\n")[0]?.concat("\n")]);
    expect(existsSync(`${path}.key`)).toBe(false);
    await gate.close();
    // The same key, given whole.
    const own = await open({
      policy: ALLOW_ALL,
      store: path,
      signer: createSigner({ name, key: jwk }),
      dispatch: () => "x",
    });
    expect(own.audit.key).toBe(gate.audit.key);

    for (const wrong of [
      { ...remote, sign: () => new Uint8Array(64) },
      { ...remote, sign: () => "text" as unknown as Uint8Array },
      {
        ...remote,
        sign: () => {
          throw new Error("the key store is away");
        },
      },
    ]) {
      const broken = await open({ policy: ALLOW_ALL, store: createMemoryStore(), signer: wrong, dispatch: () => "x" });
      await expect(broken.audit.checkpoint()).rejects.toThrow(/signature|away/);
      expect((await broken.audit.checkpoints()).items).toEqual([]);
    }
    for (const [wrong, message] of [
      [{ ...remote, name: "a b" }, "a signer needs a `name`"],
      [{ ...remote, publicKey: new Uint8Array(31) }, "a signer needs a `publicKey` of 32 bytes"],
      [{ ...remote, sign: "x" as unknown as Signer["sign"] }, "a signer needs a function `sign`"],
    ] as const) {
      await expect(open({ policy: ALLOW_ALL, store: createMemoryStore(), signer: wrong })).rejects.toThrow(message);
    }
  });

  test("that is away holds up no job; the log says so once, and is signed when it is back", async () => {
    const { publicKey, sign: signWith } = ed25519();
    let away = true;
    const signer: Signer = {
      name: "example.com/kms",
      publicKey,
      sign: (message) => {
        if (away) throw new Error("the key store is away");
        return signWith(message);
      },
    };
    const checkpoints = { everyEvents: 1 };
    const gate = await open({
      policy: ALLOW_ALL,
      store: createMemoryStore(),
      signer,
      checkpoints,
      dispatch: () => "x",
    });
    for (let n = 0; n < 5; n += 1) {
      expect((await gate.evaluateAndDispatch({ topic: "a.b" })).status).toBe("SUCCEEDED");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const failed = await gate.audit.events({ types: ["checkpoint.failed"] });
    expect(failed.items.map(({ body }) => body.message)).toEqual(["the key store is away"]);
    away = false;
    await gate.evaluateAndDispatch({ topic: "a.b" });
    expect(await until(async () => (await gate.audit.checkpoints()).items.at(-1)?.size)).toBeGreaterThan(5);
  });

  test("signs nothing that contradicts what was signed before", async () => {
    const folder = freshFolder();
    const [path, backup] = [join(folder, "gate.db"), join(folder, "backup.db")];
    const options = { policy: ALLOW_ALL, dispatch: () => "x", checkpoints: { everySec: 86_400 } };
    const first = await open({ ...options, store: path });
    await first.evaluateAndDispatch({ topic: "a.b", traceId: "one" });
    await first.close();
    copyFileSync(path, backup);
    copyFileSync(`${path}.key`, `${backup}.key`);
    const second = await open({ ...options, store: path });
    for (let n = 0; n < 3; n += 1) await second.evaluateAndDispatch({ topic: "a.b", traceId: "two" });
    await second.close();
    const { checkpoint } = await read(path, { kind: "checkpoint", size: null });

    // A backup goes on otherwise; then what the log was signed as is put beside it.
    const third = await open({ ...options, store: backup });
    const put = async (): Promise<void> => {
      const Database = await loadDriver();
      const connection = new Database(backup, { timeout: 1_000, fileMustExist: true });
      const insert = connection.prepare("INSERT INTO checkpoints (size, at, note) VALUES (?, ?, ?)");
      insert.run(checkpoint?.size ?? 0, checkpoint?.at ?? 0, checkpoint?.note ?? "");
      connection.close();
    };
    // Control: without it the backup is signed as it stands.
    expect((await third.audit.checkpoint())?.size).toBeLessThan(checkpoint?.size ?? 0);
    await put();
    expect(await storeCodeOf(third.audit.checkpoint())).toBe("store_head_changed");
    for (let n = 0; n < 9; n += 1) await third.evaluateAndDispatch({ topic: "a.b", traceId: "three" });
    expect(await storeCodeOf(third.audit.checkpoint())).toBe("store_head_changed");
    expect(await storeCodeOf(open({ ...options, store: backup }))).toBe("store_head_changed");
    expect(await storeCodeOf(third.audit.receipt(2 + (checkpoint?.size ?? 0)))).toBe("store_head_changed");
  });
});

async function read(path: string, query: Query): Promise<QueryAnswer> {
  const store = await openSqliteStore(path);
  try {
    return await store.read(query);
  } finally {
    await store.close();
  }
}
