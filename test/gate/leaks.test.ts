import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  createGate,
  type DispatchContext,
  type Gate,
  type GateOptions,
  type Outcome,
  StreamError,
} from "dispatch-gate";
import { createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { ALNUM, openDraw } from "../output/draw.js";
import { head } from "../output/example.js";
import { faulty } from "./faulty-store.js";
import { freshFolder } from "./open.js";

// Drawn when the tests run: none was ever issued.
const SECRET = head("gh", "p_") + openDraw(7).text(36, ALNUM);
const WORDS = "The words before and after are many, and none of them is hidden from anybody. ".repeat(60);

/** One way in which a secret may be written, and what of it nobody may see: texts of which no piece may be found. */
interface Form {
  readonly name: string;
  readonly written: string;
  readonly carrier: string;
}

const FORMS: readonly Form[] = [
  { name: "raw", written: SECRET, carrier: SECRET },
  {
    name: "base64",
    // Three characters before and after are four of base64: what stands between is of the secret alone.
    written: Buffer.from(`is ${SECRET} so`).toString("base64"),
    carrier: Buffer.from(`is ${SECRET} so`).toString("base64").slice(4, 56),
  },
  { name: "zero-width", written: [...SECRET].join("\u200b"), carrier: [...SECRET].join("\u200b") },
];

const PIECE = 12;

/** Every piece of twelve characters, as bytes in UTF-8 that are one character each. */
function piecesOf(text: string): readonly string[] {
  const characters = [...text];
  return Array.from({ length: characters.length - PIECE + 1 }, (_, from) =>
    asBytes(characters.slice(from, from + PIECE).join("")),
  );
}

function asBytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}

const PIECES = new Map(FORMS.map(({ name, carrier }) => [name, piecesOf(carrier)]));

/** The forms of which a piece stands in a text, whose bytes are one character each. */
function foundIn(bytes: string): readonly string[] {
  return [...PIECES].filter(([, pieces]) => pieces.some((piece) => bytes.includes(piece))).map(([name]) => name);
}

const onlyText = (value: unknown): string => JSON.stringify(value, bigintsAsText) ?? "";

function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

/** What a job does with what it is to hide. */
type Way = (text: string, context: DispatchContext) => unknown;

function thrown(error: unknown): never {
  throw error;
}

const untilAborted = ({ signal }: DispatchContext): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve()));

async function* inPieces(text: string): AsyncGenerator<string> {
  yield WORDS;
  const whole = `it is ${text} `;
  for (let at = 0; at < whole.length; at += 7) yield whole.slice(at, at + 7);
  yield WORDS;
}

async function* failing(text: string): AsyncGenerator<string> {
  yield WORDS;
  throw new Error(`no more for ${text}`, { cause: { tried: [text] } });
}

const WAYS: Readonly<Record<string, Way>> = {
  result: (text) => ({ file: `it is ${text}`, rows: [[text]], [text]: true }),
  message: (text) => thrown(new Error(`it is ${text}`)),
  stack: (text) => {
    const error = new Error("the call failed");
    error.stack = `Error: the call failed\n    at connect (${text})`;
    throw error;
  },
  cause: (text) => thrown(new Error("the call failed", { cause: new TypeError(`it is ${text}`, { cause: text }) })),
  property: (text) => thrown(Object.assign(new Error("the call failed"), { config: { headers: [text] }, code: text })),
  gathered: (text) => inPieces(text),
  "gathered.error": (text) => failing(text),
  "late.result": async (text, context) => {
    await untilAborted(context);
    return { file: `it is ${text}` };
  },
  "late.error": async (text, context) => {
    await untilAborted(context);
    throw new Error(`it is ${text}`, { cause: text });
  },
  "late.gathered": async (text, context) => {
    await untilAborted(context);
    return inPieces(text);
  },
  "stream.passed": (text) => inPieces(text),
  "stream.error": (text) => failing(text),
  "stream.values": async function* (text) {
    for (let at = 0; at < WORDS.length; at += 40) yield { delta: { text: WORDS.slice(at, at + 40) } };
    for (let at = 0; at < text.length; at += 5) yield { delta: { text: text.slice(at, at + 5) } };
    for (let at = 0; at < WORDS.length; at += 40) yield { delta: { text: WORDS.slice(at, at + 40) } };
  },
  "asked.result": (text) => ({ file: `it is ${text}` }),
};

const policy = (outputs: string): { readonly yaml: string } => ({
  yaml: `version: v1
rules:
  - { id: late, match: { topics: ["late.**"] }, decision: allow_with_constraints, constraints: { max_runtime_sec: 0.03 } }
  - { id: asked, match: { topics: ["asked.**"] }, decision: require_approval, reason: a person looks }
  - { id: all, match: { topics: ["result", "message", "stack", "cause", "property", "gathered.**", "gathered", "stream.**"] }, decision: allow }
${outputs}`,
});

const REDACTING = policy("");
const QUARANTINING = policy(
  `outputs:\n  - { id: hold, match: { topics: ["**"] }, detect: [secrets], action: quarantine }\n`,
);
const UNWATCHED = policy("output_default: none\n");

/** All that anybody outside the dispatch function could see of the jobs of one gate. */
interface Seen {
  /** Outcomes as answered, as told by streams, as replayed and as listed. */
  readonly outcomes: string;
  readonly statuses: Readonly<Record<string, string>>;
  readonly chunks: string;
  readonly streamErrors: string;
  readonly events: string;
  readonly told: string;
  readonly timelines: string;
  /** The bytes of all files while the gate is open, its write-ahead log among them, and once it is closed. */
  readonly files: string;
}

/** Runs every way in every form on a gate of its own, on a file, and gathers what can be seen of it. */
async function runAll(options: Partial<GateOptions>): Promise<Seen> {
  const folder = freshFolder();
  const store = join(folder, "gate.db");
  const told: unknown[] = [];
  const gate = await createGate({
    policy: REDACTING,
    ...options,
    store,
    onEvent: (event) => told.push(event),
    dispatch: (job, context) => {
      const [, name = ""] = job.id.split(":");
      return WAYS[job.topic]?.(FORMS.find((form) => form.name === name)?.written ?? "", context);
    },
  });
  const outcomes: Outcome[] = [];
  const chunks: unknown[] = [];
  const streamErrors: unknown[] = [];
  const statuses: Record<string, string> = {};
  for (const topic of Object.keys(WAYS)) {
    for (const { name } of FORMS) {
      const job = { id: `${topic}:${name}`, traceId: `${topic}:${name}`, topic };
      const stream = topic.startsWith("stream.");
      const first = await gate.evaluateAndDispatch(job, undefined, { stream });
      outcomes.push(first);
      const last = await lastOf(gate, first, chunks, streamErrors);
      outcomes.push(last, await gate.evaluateAndDispatch(job));
      statuses[job.id] = last.status;
    }
  }
  // What comes late is recorded by then.
  await lateRecords(gate, 3 * FORMS.length);
  const events: string[] = [];
  const timelines: string[] = [];
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<Gate["audit"]["events"]>> = await gate.audit.events({
      limit: 1_000,
      ...(after === null ? {} : { after }),
    });
    events.push(...page.items.map(({ text }) => text));
    after = page.next;
    if (after === null) break;
  }
  for (const id of Object.keys(statuses)) {
    const { entries } = await gate.audit.timeline(id);
    timelines.push(...entries.map(({ summary, note }) => `${summary} ${note}`));
  }
  outcomes.push(...(await gate.jobs.list({ limit: 1_000 })).items);
  const open = bytesIn(folder);
  expect(existsSync(`${store}-wal`)).toBe(true);
  await gate.close();
  return {
    outcomes: asBytes(onlyText(outcomes)),
    statuses,
    chunks: asBytes(chunks.map((chunk) => (typeof chunk === "string" ? chunk : deltaOf(chunk))).join("")),
    streamErrors: asBytes(onlyText(streamErrors)),
    events: asBytes(events.join("\n")),
    told: asBytes(onlyText(told)),
    timelines: asBytes(timelines.join("\n")),
    files: `${open}\n${bytesIn(folder)}`,
  };
}

function deltaOf(chunk: unknown): string {
  return (chunk as { readonly delta: { readonly text: string } }).delta.text;
}

/** How a job ended: approved where it must be, read where its output is passed on. */
async function lastOf(gate: Gate, first: Outcome, chunks: unknown[], errors: unknown[]): Promise<Outcome> {
  if (first.status === "PENDING_APPROVAL") {
    const jobId = first.jobId ?? "";
    await gate.approvals.approve({ jobId }, { by: { id: "ann" } });
    return gate.resume(jobId);
  }
  if (first.status !== "RUNNING" || first.stream === undefined) return first;
  try {
    for await (const chunk of first.stream) chunks.push(chunk);
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    errors.push([error.code, error.message, error.stack, error.cause]);
  }
  return first.stream.outcome;
}

async function lateRecords(gate: Gate, count: number): Promise<void> {
  for (;;) {
    const { items } = await gate.audit.events({ limit: 1_000 });
    if (items.filter(({ type }) => type === "job.late").length >= count) return;
    await new Promise(setImmediate);
  }
}

/** Every byte that stands in the files of a folder. */
function bytesIn(folder: string): string {
  return readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), "latin1"))
    .join("\n");
}

const ALL_FORMS = FORMS.map(({ name }) => name);

/** Where each form is found, by place. */
function placesOf(seen: Seen): Readonly<Record<string, readonly string[]>> {
  const { outcomes, chunks, streamErrors, events, told, timelines, files } = seen;
  return Object.fromEntries(
    Object.entries({ outcomes, chunks, streamErrors, events, told, timelines, files }).map(([place, text]) => [
      place,
      foundIn(text),
    ]),
  );
}

const NOWHERE = { outcomes: [], chunks: [], streamErrors: [], events: [], told: [], timelines: [], files: [] };

/** How jobs of one way ended, in all forms. */
function statusOf({ statuses }: Seen, topic: string): readonly (string | undefined)[] {
  return [...new Set(ALL_FORMS.map((name) => statuses[`${topic}:${name}`]))];
}

describe("a secret that a job gives back, in whatever way and form", () => {
  const whole = { timeout: 60_000 };

  test("leaves no piece of twelve characters anywhere where it is redacted", whole, async () => {
    const seen = await runAll({ policy: REDACTING, quarantined: "discard" });
    expect(placesOf(seen)).toEqual(NOWHERE);
    for (const topic of ["result", "gathered", "stream.passed", "stream.values", "asked.result"]) {
      expect(statusOf(seen, topic), topic).toEqual(["SUCCEEDED"]);
    }
    for (const topic of ["message", "stack", "cause", "property", "gathered.error", "stream.error"]) {
      expect(statusOf(seen, topic), topic).toEqual(["FAILED"]);
    }
    expect(statusOf(seen, "late.result")).toEqual(["TIMED_OUT"]);
    expectPlaces(seen);
    expect(seen.chunks).toContain("[REDACTED:github_token:");
    expect(seen.streamErrors).toContain("no more for [REDACTED:github_token:");
    expect(seen.files).toContain("[REDACTED:github_token:");
  });

  test("nor where it is withheld and not kept", whole, async () => {
    const seen = await runAll({ policy: QUARANTINING, quarantined: "discard" });
    expect(placesOf(seen)).toEqual(NOWHERE);
    for (const topic of ["result", "gathered", "stream.passed", "stream.values", "asked.result"]) {
      expect(statusOf(seen, topic), topic).toEqual(["QUARANTINED"]);
    }
    // An error is withheld, and the failure told.
    for (const topic of ["message", "stack", "cause", "property", "gathered.error", "stream.error"]) {
      expect(statusOf(seen, topic), topic).toEqual(["FAILED"]);
    }
    expectPlaces(seen);
    expect(seen.streamErrors).toContain("output rule `hold` ended the stream: github_token at ");
    expect(seen.streamErrors).toContain("the error was withheld");
  });

  test("what is withheld and kept stands beside the log, and nowhere else", whole, async () => {
    const seen = await runAll({ policy: QUARANTINING });
    expect(placesOf(seen)).toEqual({ ...NOWHERE, files: ALL_FORMS });
    expectPlaces(seen);
  });

  test("the control: where nothing is looked for, the same search finds it in all of these places", whole, async () => {
    const seen = await runAll({ policy: UNWATCHED });
    expect(placesOf(seen)).toEqual({
      ...NOWHERE,
      outcomes: ALL_FORMS,
      chunks: ALL_FORMS,
      streamErrors: ALL_FORMS,
      files: ALL_FORMS,
    });
    expectPlaces(seen);
  });

  test("the control of the search: a single piece is found, by the form it is of", () => {
    for (const { name, carrier } of FORMS) {
      const piece = [...carrier].slice(5, 5 + PIECE).join("");
      expect(foundIn(asBytes(`before ${piece} after`))).toContain(name);
      expect(foundIn(asBytes(`before ${piece.slice(0, -1)} after`))).not.toContain(name);
    }
    expect(foundIn(asBytes(WORDS))).toEqual([]);
  });
});

/** Every place was looked at, and holds what it should: an empty one would prove nothing. */
function expectPlaces(seen: Seen): void {
  for (const place of ["chunks", "told", "timelines"] as const) expect(seen[place].length).toBeGreaterThan(500);
  expect(seen.events).toContain('"type":"job.late"');
  expect(seen.events).toContain('"stream":{"chunks":');
  expect(seen.told).toContain("approval");
  expect(seen.files).toContain("SQLite format 3");
  expect(Object.keys(seen.statuses).length).toBe(Object.keys(WAYS).length * FORMS.length);
}

/** Runs every way in every form while the store is away, and answers the bytes of the spool. */
async function spooledBytes(source: { readonly yaml: string }): Promise<string> {
  const folder = freshFolder();
  const made = faulty(createMemoryStore());
  const gate = await createGate({
    policy: source,
    store: made.store,
    failMode: "open",
    spool: { path: join(folder, "gate.spool") },
    dispatch: (job, context) => {
      const form = FORMS.find(({ name }) => name === (job.payload as { readonly form: string }).form);
      return WAYS[job.topic]?.(form?.written ?? "", context);
    },
  });
  made.fault = "down";
  let degraded = 0;
  for (const topic of Object.keys(WAYS)) {
    for (const { name: form } of FORMS) {
      const outcome = await gate.evaluateAndDispatch({ topic, payload: { form } });
      if (outcome.degraded) degraded += 1;
    }
  }
  // All but those that need an approval.
  expect(degraded).toBe((Object.keys(WAYS).length - 1) * FORMS.length);
  // What comes late is recorded by then.
  await expect.poll(() => bytesIn(folder).split('"type":"job.late"').length - 1).toBe(3 * FORMS.length);
  const bytes = bytesIn(folder);
  made.fault = "none";
  await gate.close();
  return bytes;
}

describe("what a gate writes down while its store is away", () => {
  test("holds nothing of a secret, whatever way it came", { timeout: 60_000 }, async () => {
    expect(foundIn(await spooledBytes(REDACTING))).toEqual([]);
  });

  test("control: where outputs are not looked at it holds all of it", { timeout: 60_000 }, async () => {
    expect(foundIn(await spooledBytes(UNWATCHED))).toEqual(FORMS.map(({ name }) => name));
  });
});
