import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineStore, type Gate, type GateOptions, type Job, OutputError } from "dispatch-gate";
import { createFakeClock, createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { describe, expect, test, vi } from "vitest";
import { commit } from "../../src/digest.js";
import { showOutput } from "../../src/gate/show-output.js";
import { readDetectors } from "../../src/output/detectors.js";
import type { Quarantine } from "../../src/store/quarantine.js";
import type { JobRow } from "../../src/store/rows.js";
import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";
import { withheldRow } from "../store/withheld-row.js";
import { ALLOW_ALL, freshFolder, held, open, rules, STORES } from "./open.js";

// Put together here, so that no complete key stands in the source.
const KEY = `AKIA${"IOSFODNN7"}${"EXAMPLE"}`;

const outputs = (detect: string): string => `outputs:
  - id: hold
    match: { topics: ["**"] }
    detect: [${detect}]
    action: quarantine
`;
const HOLD = { yaml: `${ALLOW_ALL.yaml}${outputs("secrets")}` };
const ASK_AND_HOLD = {
  yaml: `${
    rules(
      `- { id: ask, match: { topics: ["**"] }, decision: require_approval, reason: ask first, approval: { allow_self: true } }`,
    ).yaml
  }${outputs("secrets")}`,
};

const JOB: Job = {
  id: "j",
  traceId: "t",
  topic: "job.report",
  tenantId: "acme",
  actor: { id: "bot", type: "agent", onBehalfOf: "sam" },
};
const ann = { id: "ann" };
const OUTPUT = { file: `key=${KEY}`, size: 24 };

/** A gate that has withheld the output of one job, and the ids to name it by. */
async function withheld(options: GateOptions, job: Job = JOB): Promise<{ gate: Gate; id: string; view: string }> {
  const gate = await open({ dispatch: () => OUTPUT, ...options });
  const outcome = await gate.evaluateAndDispatch(job, undefined, { submitter: "portal" });
  const { quarantineId: id } = expectOutcome(outcome, { status: "QUARANTINED" });
  return { gate, id, view: (await gate.outputs.get(id))?.view ?? "" };
}

async function refusalOf(promise: Promise<unknown>): Promise<{ code: string; message: string; help: unknown }> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OutputError)) throw new Error(`no refusal: ${String(error)}`);
  const { code, message, help } = error;
  return { code, message, help };
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => (await refusalOf(promise)).code;

/** What the timeline says, with what differs between runs taken out. */
async function storyOf(gate: Gate, id: string): Promise<readonly string[]> {
  const { entries } = await gate.audit.timeline("t");
  return entries.map(({ summary, note }) => {
    const told = summary.replaceAll(id, "<id>").replace(/in \d+ ms/, "in <n> ms");
    return note === null ? told : `${told} -- ${note}`;
  });
}

/** Every byte that stands in the files of a folder. */
const bytesIn = (folder: string): string =>
  readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), "latin1"))
    .join("");

async function openFile(path: string): Promise<Connection> {
  const Database = await loadDriver();
  return new Database(path, { timeout: 1_000, fileMustExist: true });
}

describe.each(STORES)("an output that was withheld, %s", (_name, openStore) => {
  test("is released in one story: asked for, approved, run, withheld, refused to whoever may not, delivered once", async () => {
    const store = await openStore();
    const clock = createFakeClock();
    const gate = await open({ policy: ASK_AND_HOLD, store, now: clock.now, dispatch: () => OUTPUT });
    await gate.evaluateAndDispatch(JOB, undefined, { submitter: "portal" });
    await gate.approvals.approve({ jobId: "j" }, { by: ann, note: "once" });
    const { quarantineId: id } = expectOutcome(await gate.resume("j"), { status: "QUARANTINED" });

    clock.advance(5_000);
    const shown = await gate.outputs.get({ jobId: "j", tenantId: "acme" });
    expect(shown).toEqual(await gate.outputs.get(id));
    expect(shown).toMatchObject({
      quarantineId: id,
      jobId: "j",
      tenantId: "acme",
      traceId: "t",
      dispatcher: "default",
    });
    expect(shown).toMatchObject({ kept: true, released: null, at: clock.now() - 5_000 });
    const view = shown?.view ?? "";
    expect(view).toMatch(/^[0-9a-f]{64}$/);

    // The policy lets who asks approve the job; what the job gave back is another matter.
    for (const asker of ["bot", "sam", "portal"]) {
      expect(await codeOf(gate.outputs.release(id, { by: { id: asker }, view }))).toBe("output_is_requester");
    }
    const robot = { id: "scanner", kind: "service" } as const;
    expect(await codeOf(gate.outputs.release(id, { by: robot, view }))).toBe("output_not_eligible");
    expect(await codeOf(gate.outputs.release(id, { by: ann, view: "0".repeat(64) }))).toBe("output_view_mismatch");

    clock.advance(1_000);
    const done = await gate.outputs.release(id, { by: ann, view, note: "a key of the test account" });
    expect(done).toEqual({
      output: OUTPUT,
      quarantineId: id,
      jobId: "j",
      tenantId: "acme",
      traceId: "t",
      by: "ann",
      at: clock.now(),
    });
    expect(await codeOf(gate.outputs.release(id, { by: { id: "cid" }, view }))).toBe("output_released");

    const after = await gate.outputs.get(id);
    expect(after).toEqual({ ...shown, released: { by: "ann", at: clock.now() } });
    const again = expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "QUARANTINED", replayed: true });
    expect(again).toEqual(await gate.jobs.get("j"));
    expect(JSON.stringify(again)).not.toContain(KEY);

    const kind = shown?.findings[0]?.kind ?? "";
    expect(await storyOf(gate, id)).toEqual([
      "REQUIRE_APPROVAL by ask; approval asked for job.report",
      "ann voted to approve; the request is approved -- once",
      "REQUIRE_APPROVAL by ask; claimed with its approval, dispatching job.report under max_runtime_sec 900",
      `QUARANTINED after 1 attempt in <n> ms; found 1 (${kind}); withheld as <id>: output rule \`hold\` withheld the output: ${kind} at \`/file\``,
      "bot was refused to release the output withheld as <id>: output_is_requester",
      "sam was refused to release the output withheld as <id>: output_is_requester",
      "portal was refused to release the output withheld as <id>: output_is_requester",
      "scanner was refused to release the output withheld as <id>: output_not_eligible",
      "ann was refused to release the output withheld as <id>: output_view_mismatch",
      "ann (human, assurance host) released the output withheld as <id> -- a key of the test account",
      "cid was refused to release the output withheld as <id>: output_released",
    ]);
  });

  test("is refused with a code and a message each, one event each, and stays as it was", async () => {
    const { gate, id, view } = await withheld({ policy: HOLD, store: await openStore() });
    await gate.evaluateAndDispatch({ ...JOB, tenantId: "other" });
    await gate.evaluateAndDispatch({ id: "clean", topic: "a" }, () => 1);
    const { release } = gate.outputs;
    const by = (more: object): { by: never; view: string } => ({ by: { ...ann, ...more } as never, view });
    const ref = { jobId: "j", tenantId: "acme" };
    const calls: readonly (readonly [() => Promise<unknown>, string, string])[] = [
      [() => release("none", by({})), "output_unknown", "there is no such output"],
      [() => release({ jobId: "none" }, by({})), "output_unknown", "there is no such output"],
      [() => release({ jobId: "j" }, by({})), "job_id_ambiguous", "several tenants have a job of that id"],
      [() => release({ jobId: "clean" }, by({})), "output_not_quarantined", "no output of the job was withheld"],
      [
        () => release(ref, { ...by({}), view: "" }),
        "output_view_mismatch",
        "the view is not that of the output as recorded",
      ],
      [
        () => release(ref, by({ id: "Ｐｏｒｔａｌ" })),
        "output_is_requester",
        "who asked for a job may not release its output",
      ],
      [
        () => release(ref, by({ tenants: ["other"] })),
        "output_tenant_mismatch",
        "the approver may not decide for this tenant",
      ],
      [() => release(ref, by({ kind: "service" })), "output_not_eligible", "only a person may release an output"],
      [() => release(ref, by({ kind: "agent" })), "approver_invalid", "an approver is human or service"],
      [
        () => release(ref, by({ id: " \u200b" })),
        "approver_invalid",
        "an identity must be 1 to 256 characters that can be seen",
      ],
    ];
    const before = await gate.outputs.get(id);
    for (const [call, code, message] of calls) {
      expect(await refusalOf(call())).toMatchObject({ code, message });
      expect(await gate.outputs.get(id)).toEqual(before);
    }
    const { items } = await gate.audit.events({ limit: 1_000 });
    const refused = items.filter(({ type }) => type === "output.refused");
    expect(refused.map(({ body }) => body.code)).toEqual(calls.map(([, code]) => code));
    expect(refused.slice(0, 3).map(({ body }) => [body.ref, body.call])).toEqual([
      ["none", "release"],
      ["none", "release"],
      ["j", "release"],
    ]);
    expect(refused.at(-1)?.body).toMatchObject({ quarantine_id: id, job_id: "j", tenant_id: "acme", trace_id: "t" });
    expect(items.some(({ type }) => type === "output.released")).toBe(false);
    // The control: the same call by one who may.
    expect((await release(ref, by({ tenants: ["acme"] }))).output).toEqual(OUTPUT);
  });

  test("is what was asked for when the call was made, and what a refused call names takes little room", async () => {
    const { gate, id, view } = await withheld({ policy: HOLD, store: await openStore() });
    const by = { id: "bot" };
    const asked = gate.outputs.release(id, { by, view });
    by.id = "ann";
    expect(await codeOf(asked)).toBe("output_is_requester");
    const inherited = Object.create({ id: "ann" }) as { id: string };
    expect(await codeOf(gate.outputs.release(id, { by: inherited, view }))).toBe("approver_invalid");
    const long = { id: "\u0001".repeat(256) };
    expect(await codeOf(gate.outputs.release("\u0002".repeat(100_000), { by: long, view }))).toBe("output_unknown");
    const { items } = await gate.audit.events({ limit: 1_000 });
    expect(items.at(-1)?.text.length).toBeLessThan(2_500);
  });

  test("wrong arguments are a TypeError and no event", async () => {
    const { gate, id, view } = await withheld({ policy: HOLD, store: await openStore() });
    const wrong: readonly (readonly [unknown, string])[] = [
      [{ by: ann }, "`release` needs `view`: that of the output that was shown"],
      [{ by: ann, view: 7 }, "`release` needs `view`: that of the output that was shown"],
      [{ view }, "`release` needs `by`: who decides"],
      [undefined, "`release` needs `by`: who decides"],
      [{ by: ann, view, nite: "x" }, "outputs.release has no option `nite`: did you mean `note`?"],
      [{ by: ann, view, note: 7 }, "a note must be a string of at most 4096 characters"],
    ];
    for (const [options, message] of wrong) {
      await expect(gate.outputs.release(id, options as never)).rejects.toThrow(new TypeError(message));
    }
    const named = "an output that was withheld is named by its id, or by `{ jobId, tenantId }`";
    for (const ref of [null, 7, {}, { jobId: 7 }]) {
      await expect(gate.outputs.get(ref as never)).rejects.toThrow(new TypeError(named));
      await expect(gate.outputs.release(ref as never, { by: ann, view })).rejects.toThrow(new TypeError(named));
    }
    expect((await gate.audit.timeline("t")).entries).toHaveLength(2);
    await gate.close();
    for (const call of [gate.outputs.get(id), gate.outputs.release(id, { by: ann, view })]) {
      await expect(call).rejects.toMatchObject({ name: "StoreError", code: "store_closed" });
    }
  });

  test("is nothing for a job whose output was not withheld, and for none", async () => {
    const gate = await open({ policy: ALLOW_ALL, store: await openStore(), dispatch: () => OUTPUT });
    await gate.evaluateAndDispatch(JOB);
    for (const ref of ["none", "j", { jobId: "none" }, { jobId: "j" }, { jobId: "j", tenantId: "other" }]) {
      expect(await gate.outputs.get(ref)).toBeNull();
    }
  });

  test("is not kept where the host says so, and then is not released", async () => {
    const { gate, id, view } = await withheld({ policy: HOLD, store: await openStore(), quarantined: "discard" });
    expect(await gate.outputs.get(id)).toMatchObject({ kept: false, preview: null });
    expect(await refusalOf(gate.outputs.release(id, { by: ann, view }))).toEqual({
      code: "output_not_kept",
      message: "nothing of the output is kept, so it cannot be released",
      help: "it was discarded, erased, too large to keep, or nothing that could be kept",
    });
    const { entries } = await gate.audit.timeline("t");
    expect(entries[1]?.summary).toContain(`withheld as ${id}, and not kept: output rule`);
    // What it was stands in the log all the same, for nobody to read and for nobody to deny.
    expect(entries[1]?.body).toMatchObject({ kept: false, output: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  test("is not kept where it is too large or no plain data", async () => {
    const store = await openStore();
    const dispatch = (job: { readonly topic: string }): unknown =>
      job.topic === "large" ? "x".repeat(262_143) : job.topic === "fits" ? "x".repeat(262_142) : { read: () => 1 };
    const gate = await open({ policy: held("max_output_bytes: 10"), store, dispatch });
    for (const topic of ["large", "other"]) {
      const { quarantineId: id } = expectOutcome(await gate.evaluateAndDispatch({ topic }), { status: "QUARANTINED" });
      const { kept, preview, view } = (await gate.outputs.get(id)) ?? {};
      expect([kept, preview]).toEqual([false, null]);
      expect(await codeOf(gate.outputs.release(id, { by: ann, view: view ?? "" }))).toBe("output_not_kept");
    }
    const fits = expectOutcome(await gate.evaluateAndDispatch({ topic: "fits" }), { status: "QUARANTINED" });
    const { view = "" } = (await gate.outputs.get(fits.quarantineId)) ?? {};
    expect((await gate.outputs.release(fits.quarantineId, { by: ann, view })).output).toBe("x".repeat(262_142));
  });

  test.each(["keep", "discard"] as const)(
    "of a late one too nothing is kept but with `keep`: %s",
    async (quarantined) => {
      const store = await openStore();
      let end = (_output: unknown): void => undefined;
      const late = new Promise<unknown>((resolve) => {
        end = resolve;
      });
      const policy = { yaml: `${held("max_runtime_sec: 0.05").yaml}${outputs("secrets")}` };
      const gate = await open({ policy, store, quarantined, dispatch: () => late });
      expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "TIMED_OUT" });
      end(OUTPUT);
      await vi.waitFor(async () => expect((await gate.audit.timeline("t")).entries.at(-1)?.type).toBe("job.late"));
      const { jobs = [] } = await store.read({ kind: "job", id: "j", tenantId: "acme" });
      expect(jobs[0]?.vault.get("late:1")?.includes(KEY)).toBe(quarantined === "keep" ? true : undefined);
      expect((await gate.audit.timeline("t")).entries.at(-1)?.body).toMatchObject({
        ended: "QUARANTINED",
        output: expect.any(String),
      });
      expect(await gate.outputs.get({ jobId: "j" })).toBeNull();
    },
  );
});

/** A job of which `"Eve was here"` was withheld, as a store has it. */
const eveRow = (kept: Partial<Quarantine>): JobRow =>
  withheldRow({ quarantineId: "q", findings: [], held: commit("s", '"Eve was here"'), requesters: [], ...kept });

describe("the preview of an output", () => {
  const previewOf = async (output: unknown, options: Partial<GateOptions> = {}): Promise<string | null> => {
    const dispatch = (): unknown => output;
    const { gate, id } = await withheld({ policy: HOLD, store: createMemoryStore(), dispatch, ...options });
    const shown = await gate.outputs.get(id);
    expect(Object.isFrozen(shown) && Object.isFrozen(shown?.findings)).toBe(true);
    expect(JSON.stringify(shown)).not.toContain(KEY);
    return shown?.preview ?? null;
  };

  test("shows what is kept with everything redacted that any rule or the gate looks for, and nothing hidden", async () => {
    const text = await previewOf({ key: KEY, from: "ann@example.com", say: "a\u202eb\u001b[2J", n: 7 });
    expect(text).toMatch(/^\{\n {2}"from": "\[REDACTED:[^"]+",\n {2}"key": "\[REDACTED:[^"]+",\n {2}"n": 7,\n/);
    expect(text).toContain('"say": "a\\u{202e}b\\u{1b}[2J"');
    expect(text).not.toContain("ann@example.com");
  });

  test("redacts what a rule found that came into force while the job ran, and is gone since", async () => {
    const store = createMemoryStore();
    const live = { yaml: `${ALLOW_ALL.yaml}${outputs('{ name: acme_id, pattern: "ACME-[0-9]{6}" }')}` };
    const gate: Gate = await open({
      policy: ALLOW_ALL,
      store,
      dispatch: async () => {
        await gate.reload(live);
        return { account: "ACME-123456", other: "ACME-12" };
      },
    });
    const { quarantineId: id } = expectOutcome(await gate.evaluateAndDispatch(JOB), { status: "QUARANTINED" });
    await gate.reload(ALLOW_ALL);
    expect((await gate.outputs.get(id))?.preview).toMatch(
      /^\{ "account": "\[REDACTED:acme_id[^"]*\]", "other": "ACME-12" \}$/,
    );
  });

  test("says that it cannot be shown where not all can be redacted", async () => {
    expect(await previewOf({ key: KEY, raw: Buffer.from(KEY) })).toMatch(/^cannot be shown: /);
    // A sentence of the output's own stands in quotes.
    expect(await previewOf(`cannot be shown: ${KEY}`)).toMatch(/^"cannot be shown: \[REDACTED:/);
  });

  test("says so too in a gate that has not the host's detector that found it", () => {
    const find = (text: string) => [{ start: 0, end: text.indexOf(" ") }];
    const detectors = readDetectors([{ name: "names", find }]);
    const row = eveRow({ rules: [{ ruleId: "hold", detect: [{ detector: "names" }], action: "quarantine" }] });
    const stored = { row, approval: null, kept: { salt: "s", value: '"Eve was here"' } };
    expect(showOutput(stored, detectors)?.preview).toMatch(/^"\[REDACTED:names[^"]*\] was here"$/);
    expect(showOutput(stored, readDetectors([]))?.preview).toMatch(/^cannot be shown: /);
  });

  test("is bounded, in rows, and says how many more there are", async () => {
    const text = await previewOf({ key: KEY, lines: Array.from({ length: 5_000 }, (_, n) => `line ${n}`) });
    expect(text?.length).toBeLessThanOrEqual(16_384);
    expect(text?.length).toBeGreaterThan(16_000);
    expect(text?.split("\n").at(-1)).toMatch(/^\.\.\. and \d+ more rows$/);
    const long = await previewOf([KEY, "ab".repeat(60_000)]);
    expect(long?.length).toBeLessThanOrEqual(16_384);
    expect(long?.split("\n").every((row) => row.length <= 78)).toBe(true);
  });
});

describe("an output that was withheld, on one file", () => {
  test("is released by a gate that was opened later, and by one of two at once", async () => {
    const path = join(freshFolder(), "gate.db");
    const { gate, id, view } = await withheld({ policy: HOLD, store: path });
    await gate.close();
    const [one, two] = [await open({ policy: HOLD, store: path }), await open({ policy: HOLD, store: path })];
    const calls = [one, two].flatMap((each) =>
      Array.from({ length: 5 }, (_, n) => each.outputs.release(id, { by: { id: `p-${n}` }, view })),
    );
    const ended = await Promise.allSettled(calls);
    const delivered = ended.filter(({ status }) => status === "fulfilled");
    expect(delivered).toMatchObject([{ value: { output: OUTPUT } }]);
    const reasons = ended.flatMap((each) => (each.status === "rejected" ? [(each.reason as OutputError).code] : []));
    expect(reasons).toEqual(Array.from({ length: 9 }, () => "output_released"));
    expect(await codeOf(two.outputs.release(id, { by: ann, view }))).toBe("output_released");
  });

  test("stands in no event, whatever became of it", async () => {
    const path = join(freshFolder(), "gate.db");
    const { gate, id, view } = await withheld({ policy: HOLD, store: path });
    const note = "the note says tangerine";
    expect(await codeOf(gate.outputs.release(id, { by: { id: "bot" }, view }))).toBe("output_is_requester");
    await gate.outputs.release(id, { by: ann, view, note });
    await gate.close();
    const file = await openFile(path);
    const events = file.prepare("SELECT CAST(bytes AS TEXT) AS text FROM events").all();
    const [values] = [file.prepare("SELECT value FROM vault").all()];
    const jobs = file.prepare("SELECT * FROM jobs").all();
    file.close();
    expect(events.length).toBeGreaterThan(5);
    for (const secret of [KEY, "tangerine", OUTPUT.file]) {
      expect(JSON.stringify(events)).not.toContain(secret);
      expect(JSON.stringify(jobs)).not.toContain(secret);
      // The control: beside the log it stands, and a search like this one finds it.
      expect(JSON.stringify(values)).toContain(secret);
    }
  });

  test.each(["keep", "discard"] as const)("reaches the disk only with `keep`: %s", async (quarantined) => {
    const folder = freshFolder();
    const { gate } = await withheld({ policy: HOLD, store: join(folder, "gate.db"), quarantined });
    expect(bytesIn(folder).includes(KEY)).toBe(quarantined === "keep");
    await gate.close();
    expect(bytesIn(folder).includes(KEY)).toBe(quarantined === "keep");
  });

  test("that somebody changed on disk is not shown and not released, and its delivery is not used up", async () => {
    const path = join(freshFolder(), "gate.db");
    const { gate, id, view } = await withheld({ policy: HOLD, store: path });
    const file = await openFile(path);
    const [kept] = file.prepare("SELECT value FROM vault WHERE kind = 'held'").all();
    const put = (value: string) => file.prepare("UPDATE vault SET value = ? WHERE kind = 'held'").run(value);
    for (const value of ['{"file":"harmless"}', '{"file":', ""]) {
      put(value);
      expect((await gate.outputs.get(id))?.preview).toBe(
        "cannot be shown: what is kept is not the output that was withheld",
      );
      expect(await refusalOf(gate.outputs.release(id, { by: ann, view }))).toEqual({
        code: "output_damaged",
        message: "what is kept is not the output that was withheld",
        help: "look for whoever changed the store beside the gate",
      });
    }
    put(String(kept?.value));
    expect((await gate.outputs.release(id, { by: ann, view })).output).toEqual(OUTPUT);
    file.close();
  });

  test("that cannot be read whole is not delivered in part", async () => {
    const store = createMemoryStore();
    // What the gate itself would never write, under a commitment that is right.
    const value = '{"file":"half of it","when":{"$gate.date":"no date"}}';
    const settle: typeof store.settle = (request) => {
      const result = JSON.stringify({ ...(JSON.parse(request.result ?? "{}") as object), held: commit("s", value) });
      const vault = request.vault.map((row) => ({ ...row, salt: "s", value }));
      return store.settle({ ...request, result, vault });
    };
    const { gate, id, view } = await withheld({ policy: HOLD, store: defineStore({ ...store, settle }) });
    expect((await gate.outputs.get(id))?.preview).toBe("cannot be shown: what is kept is damaged");
    expect(await codeOf(gate.outputs.release(id, { by: ann, view }))).toBe("output_damaged");
  });

  test("that was erased is not kept", async () => {
    const path = join(freshFolder(), "gate.db");
    const { gate, id, view } = await withheld({ policy: HOLD, store: path });
    const file = await openFile(path);
    file.prepare("DELETE FROM vault WHERE kind = 'held'").run();
    file.close();
    expect(await gate.outputs.get(id)).toMatchObject({ kept: false, preview: null });
    expect(await codeOf(gate.outputs.release(id, { by: ann, view }))).toBe("output_not_kept");
  });
});

test("`quarantined` is one of two words", async () => {
  const options = { policy: HOLD, store: createMemoryStore(), quarantined: "drop" as never };
  await expect(open(options)).rejects.toThrow(new TypeError('`quarantined` must be one of "keep", "discard"'));
});
