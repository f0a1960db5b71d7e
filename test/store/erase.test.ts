import { copyFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DispatchContext, Gate } from "dispatch-gate";
import { createFakeClock } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { readCheckpoint } from "../../src/evidence/checkpoint.js";
import { append, leafHash, NO_LEAVES, rootOf } from "../../src/evidence/merkle.js";
import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";
import { freshFolder, open } from "../gate/open.js";
import { ALNUM, openDraw } from "../output/draw.js";
import { head } from "../output/example.js";

const SEED = Number(process.env.SEED ?? 1);
console.info(`what is erased is drawn from SEED=${SEED}`);

const POLICY = {
  yaml: `version: v1
rules:
  - { id: ask, match: { topics: ["ask.*"] }, decision: require_approval, reason: a person looks }
  - { id: late, match: { topics: ["late"] }, decision: allow_with_constraints, constraints: { max_runtime_sec: 0.03 } }
  - { id: no, match: { topics: ["no"] }, decision: deny, reason: never }
  - { id: all, match: { topics: ["*"] }, decision: allow }
outputs:
  - { id: hold, match: { topics: ["hold"] }, detect: [secrets], action: quarantine }
output_default: none
`,
};

/** Bytes that are looked for at once: whoever finds so many of a random value has found a part of it. */
const PIECE = 16;

/** What is looked for: every piece of every private value, by the name of the value. */
interface Wanted {
  readonly names: () => readonly string[];
  readonly add: (name: string, text: string) => void;
  /** The names of the values of which a piece stands in these bytes. */
  readonly foundIn: (bytes: Buffer) => readonly string[];
}

function openWanted(): Wanted {
  const pieces = new Map<string, string>();
  const put = (name: string, text: string): void => {
    const bytes = Buffer.from(text).toString("latin1");
    for (let at = 0; at + PIECE <= bytes.length; at += PIECE) pieces.set(bytes.slice(at, at + PIECE), name);
    pieces.set(bytes.slice(-PIECE), name);
  };
  return {
    names: () => [...new Set(pieces.values())].sort(),
    add: (name, text) => {
      put(name, text);
      put(name, JSON.stringify(text).slice(1, -1));
    },
    foundIn: (bytes) => {
      const text = bytes.toString("latin1");
      const found = new Set<string>();
      for (let at = 0; at + PIECE <= text.length; at += 1) {
        const name = pieces.get(text.slice(at, at + PIECE));
        if (name !== undefined) found.add(name);
      }
      return [...found].sort();
    },
  };
}

/** Characters that UTF-8 and JSON write in other ways than one byte each, among others that they do not. */
const CHARACTERS = [...ALNUM, '"', "\\", "\n", "\u00e9", "\u20ac", "\u{1f512}"];

/** Draws private values, each of which is looked for from then on. */
function openValues(wanted: Wanted, seed: number): (name: string, length: number) => string {
  const draw = openDraw(seed);
  return (name, length) => {
    let text = "";
    while (text.length < length) text += CHARACTERS[draw.below(CHARACTERS.length)];
    // No character is longer than two code units.
    const whole = text.slice(0, length).toWellFormed();
    wanted.add(name, whole);
    return whole;
  };
}

const TOKEN = head("gh", "p_") + openDraw(SEED).text(36, ALNUM);

/** What the function of a job does with the value that was drawn for it. */
async function dispatchOf(topic: string, text: string, { signal }: DispatchContext): Promise<unknown> {
  if (topic === "fail") throw Object.assign(new Error(text.slice(0, 2_000)), { details: text });
  if (topic === "hold") return { token: TOKEN, text };
  if (topic === "late") await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  return { text };
}

interface Filled {
  readonly gate: Gate;
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly folder: string;
  readonly file: string;
  readonly wanted: Wanted;
  readonly ids: readonly string[];
}

/** The topics whose jobs run. */
const RUN: ReadonlySet<string> = new Set(["plain", "fail", "hold", "late", "ask.used"]);

const SIZES = [20, 200, 2_000, 100_000];

/** A gate on a file, with jobs of every kind that keeps something private, of every size, none of them open any more. */
async function fill(sizes: readonly number[]): Promise<Filled> {
  const clock = createFakeClock();
  const folder = freshFolder();
  const file = join(folder, "gate.db");
  const wanted = openWanted();
  const value = openValues(wanted, SEED);
  const outputs = new Map<string, string>();
  const gate = await open({
    policy: POLICY,
    store: file,
    now: clock.now,
    dispatch: ({ id, topic }, context) => dispatchOf(topic, outputs.get(id) ?? "", context),
  });
  const ids: string[] = [];
  const by = { id: "ann" };
  for (const size of sizes) {
    for (const topic of ["plain", "fail", "hold", "late", "no", "ask.used", "ask.lifted", "ask.cancelled"]) {
      const id = `${topic}-${size}`;
      ids.push(id);
      if (RUN.has(topic)) outputs.set(id, value(`${id} gave`, size));
      const note = (what: string): string => value(`${id} ${what}`, Math.min(size, 4_000));
      // Of one actor only so many requests are let in.
      const actor = `bot-${size}`;
      await gate.evaluateAndDispatch({
        id,
        topic,
        actor: { id: actor, type: "agent" },
        payload: { body: value(`${id} payload`, size), rows: [[value(`${id} row`, 20)]] },
        labels: { [value(`${id} label name`, 40)]: value(`${id} label`, Math.min(size, 250)) },
        annotations: { beside: value(`${id} annotation`, Math.min(size, 4_000)) },
      });
      if (topic === "hold") {
        const { view } = (await gate.outputs.get({ jobId: id })) ?? {};
        await gate.outputs.release({ jobId: id }, { by, view: view ?? "", note: note("release note") });
      } else if (topic === "ask.used") {
        await gate.approvals.approve({ jobId: id }, { by, note: note("approving note") });
        await gate.resume(id);
      } else if (topic === "ask.lifted") {
        await gate.approvals.reject({ jobId: id }, { by, note: note("rejecting note") });
        await gate.approvals.lift({ jobId: id }, { by, note: note("lifting note") });
      } else if (topic === "ask.cancelled") {
        await gate.approvals.cancel({ jobId: id }, { by: { id: actor }, note: note("cancelling note") });
      }
    }
  }
  await lateResults(gate, sizes.length);
  const connection = await raw(file);
  const secrets = [
    ["salt", "SELECT job_id AS id, salt AS text FROM vault"],
    ["hash", "SELECT id, hash AS text FROM jobs"],
    ["approved hash", "SELECT job_id AS id, job_hash AS text FROM approvals"],
  ] as const;
  for (const [what, sql] of secrets) {
    for (const { id, text } of rowsOf(connection, sql)) wanted.add(`${id} ${what}`, text ?? "");
  }
  connection.close();
  return { gate, clock, folder, file, wanted, ids };
}

async function lateResults(gate: Gate, count: number): Promise<void> {
  while ((await gate.audit.events({ types: ["job.late"], limit: 1_000 })).items.length < count) {
    await new Promise(setImmediate);
  }
}

async function raw(path: string): Promise<Connection> {
  const Driver = await loadDriver();
  return new Driver(path, { timeout: 0, fileMustExist: true });
}

function rowsOf(connection: Connection, sql: string): readonly Readonly<Record<string, string>>[] {
  return connection.prepare(sql).all() as readonly Readonly<Record<string, string>>[];
}

/** Of which values a piece stands in any file of a folder: the database, its write-ahead log, the index of that, the key. */
function foundIn(folder: string, wanted: Wanted): Readonly<Record<string, readonly string[]>> {
  const files = readdirSync(folder).sort();
  return Object.fromEntries(files.map((file) => [file, wanted.foundIn(readFileSync(join(folder, file)))]));
}

const NOWHERE = { "gate.db": [], "gate.db-shm": [], "gate.db-wal": [], "gate.db.key": [] };

async function eventsOf(gate: Gate): Promise<readonly string[]> {
  const texts: string[] = [];
  let after: string | null = null;
  do {
    const page = await gate.audit.events({ limit: 1_000, ...(after === null ? {} : { after }) });
    texts.push(...page.items.map(({ text }) => text));
    after = page.next;
  } while (after !== null);
  return texts;
}

/** That the log still begins with these events, byte for byte, and that what is signed of it is the tree over its bytes. */
async function expectWhole(gate: Gate, before: readonly string[], erased: number): Promise<void> {
  const events = await eventsOf(gate);
  expect(events.slice(0, before.length)).toEqual(before);
  expect(events.slice(before.length).filter((text) => text.includes('"type":"job.erased"'))).toHaveLength(erased);
  const { note = "" } = (await gate.audit.checkpoint()) ?? {};
  const signed = readCheckpoint(note);
  const tree = events.reduce((grown, text) => append(grown, leafHash(text)), NO_LEAVES);
  expect(signed?.size).toBe(events.length);
  expect(Buffer.from(signed?.root ?? [])).toEqual(Buffer.from(rootOf(tree)));
}

describe("what is erased from a file", { timeout: 60_000 }, () => {
  test("stands nowhere in it, in its write-ahead log or in the file made anew, and the log stays whole", async () => {
    const { gate, folder, file, wanted, ids } = await fill(SIZES);
    const before = await eventsOf(gate);
    const standing = Object.values(foundIn(folder, wanted)).flat();
    // The control: all of it is found by the same search before.
    expect(wanted.names().filter((name) => !standing.includes(name))).toEqual([]);
    const answers = await Promise.all(ids.map((id) => gate.erase(id, { by: "the controller" })));
    expect(answers.filter(({ cleared, values }) => !cleared || values < 2)).toEqual([]);
    expect(foundIn(folder, wanted)).toEqual(NOWHERE);
    await expectWhole(gate, before, ids.length);
    await gate.close();
    const connection = await raw(file);
    connection.exec("VACUUM");
    connection.close();
    expect(foundIn(folder, wanted)).toEqual({ "gate.db": [], "gate.db.key": [] });
  });

  test("would stand in it after the same rows were deleted in SQLite's usual way: the control", async () => {
    const { gate, file, wanted } = await fill([200, 20_000]);
    await gate.close();
    const other = freshFolder();
    copyFileSync(file, join(other, "gate.db"));
    const connection = await raw(join(other, "gate.db"));
    connection.exec("PRAGMA secure_delete = OFF");
    connection.exec(
      "DELETE FROM vault; UPDATE jobs SET hash = ''; UPDATE approvals SET job_hash = '', key = 'erased ' || id",
    );
    expect(connection.pragma("wal_checkpoint(TRUNCATE)", { simple: true })).toBe(0);
    connection.close();
    const found = wanted.foundIn(readFileSync(join(other, "gate.db")));
    // Of every kind something stands yet, of which job is the page's affair: what is left free of one may be written over by another.
    const kinds = new Set(found.map((name) => name.slice(name.indexOf(" ") + 1)));
    expect([...kinds]).toEqual(expect.arrayContaining(["salt", "hash", "payload", "gave"]));
    expect(found.length).toBeGreaterThan(wanted.names().length / 2);
  });

  test("is nowhere while what belongs to others stands around it", async () => {
    const { gate, folder, wanted, ids } = await fill(Array.from({ length: 16 }, (_, n) => 20 + n * 13));
    const draw = openDraw(SEED);
    const erased = ids.filter(() => draw.below(2) === 0);
    for (const id of erased) await gate.erase(id);
    const standing = new Set(Object.values(foundIn(folder, wanted)).flat());
    const isErased = (name: string): boolean => erased.includes(name.split(" ")[0] ?? "");
    expect([...standing].filter(isErased)).toEqual([]);
    expect(wanted.names().filter((name) => !isErased(name) && !standing.has(name))).toEqual([]);
  });

  test("by age, of 300 jobs, is nowhere either", async () => {
    const { gate, clock, folder, wanted, ids } = await fill(Array.from({ length: 38 }, (_, n) => 30 + n * 41));
    expect(ids.length).toBeGreaterThanOrEqual(300);
    const before = await eventsOf(gate);
    clock.advance(1_000);
    const done = await gate.eraseBefore(clock.now(), { by: "retention" });
    expect(done).toMatchObject({ jobs: ids.length, kept: 0, cleared: true });
    expect(foundIn(folder, wanted)).toEqual(NOWHERE);
    await expectWhole(gate, before, ids.length);
  });

  test.each([
    ["erase", (gate: Gate) => gate.erase("plain-1000")],
    ["eraseBefore", (gate: Gate, now: number) => gate.eraseBefore(now)],
  ])("is not called cleared while somebody reads, and `%s` clears it after", async (_name, again) => {
    const { gate, clock, folder, file, wanted, ids } = await fill([1_000]);
    const reader = await raw(file);
    reader.exec("BEGIN");
    expect(rowsOf(reader, "SELECT count(*) AS n FROM vault")).toHaveLength(1);
    clock.advance(1_000);
    const done = await gate.eraseBefore(clock.now());
    expect(done).toMatchObject({ jobs: ids.length, cleared: false });
    expect(Object.values(foundIn(folder, wanted)).flat()).not.toEqual([]);
    expect((await again(gate, clock.now())).cleared).toBe(false);
    reader.exec("COMMIT");
    reader.close();
    expect(await again(gate, clock.now())).toMatchObject({ values: 0, cleared: true });
    expect(foundIn(folder, wanted)).toEqual(NOWHERE);
  });
});
