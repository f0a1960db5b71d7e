import type { DispatchContext, Gate } from "dispatch-gate";
import { createFakeClock } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { ALNUM, openDraw } from "../output/draw.js";
import { head } from "../output/example.js";
import { open, STORES } from "./open.js";

const SEED = Number(process.env.SEED ?? 1);
console.info(`what no event may hold is drawn from SEED=${SEED}`);

const draw = openDraw(SEED);
const TOKEN = head("gh", "p_") + draw.text(36, ALNUM);

const POLICY = (name: string) => ({
  yaml: `version: v1
rules:
  - { id: no, match: { topics: ["no"] }, decision: deny, reason: never ${name} }
  - { id: ask, match: { topics: ["ask.*"] }, decision: require_approval, reason: "a person looks ${name}" }
  - { id: late, match: { topics: ["late"] }, decision: allow_with_constraints, constraints: { max_runtime_sec: 0.03 } }
  - { id: slow, match: { topics: ["slow"] }, decision: throttle, throttle: { limit: 1, window_sec: 60, per: ["label:team"] } }
  - { id: all, match: { topics: ["*"] }, decision: allow }
outputs:
  - { id: hold, match: { topics: ["hold"] }, detect: [secrets], action: quarantine }
  - { id: look, match: { topics: ["fail", "plain"] }, detect: [secrets], action: redact }
output_default: none
`,
});

/** Every value that no event may hold, by what it is. */
interface Values {
  readonly take: (what: string) => string;
  readonly keep: (what: string, text: string) => void;
  readonly names: () => readonly string[];
  readonly textOf: (name: string) => string;
  /** What stands in a text, in whichever spelling. */
  readonly foundIn: (text: string) => readonly string[];
}

function openValues(): Values {
  const all = new Map<string, string>();
  const keep = (what: string, text: string): void => void all.set(`${what} (${all.size})`, text);
  return {
    keep,
    take: (what) => {
      const text = `${draw.text(40, ALNUM)}"\n\u00e9`;
      keep(what, text);
      return text;
    },
    names: () => [...all.keys()],
    textOf: (name) => all.get(name) ?? "",
    foundIn: (text) =>
      [...all]
        .filter(([, value]) =>
          [value, JSON.stringify(value).slice(1, -1), value.slice(0, 40)].some((each) => text.includes(each)),
        )
        .map(([what]) => what),
  };
}

async function* inPieces(text: string): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += 7) yield text.slice(at, at + 7);
}

async function dispatchOf(values: Values, topic: string, context: DispatchContext): Promise<unknown> {
  const text = values.take(`what ${topic} gave`);
  if (topic === "fail") throw Object.assign(new Error(`${text} ${TOKEN}`, { cause: text }), { details: [text] });
  if (topic === "late") await new Promise<void>((done) => context.signal.addEventListener("abort", () => done()));
  if (topic === "stream") return inPieces(text.repeat(3));
  return { text, token: TOKEN };
}

/** Everything that can happen to a job. Answers the texts of all events. */
async function live(gate: Gate, values: Values): Promise<readonly string[]> {
  const by = { id: "ann" };
  const note = (): string => values.take("a note");
  const submit = async (id: string, topic: string, more: object = {}): ReturnType<Gate["evaluateAndDispatch"]> => {
    const outcome = await gate.evaluateAndDispatch({
      id,
      topic,
      actor: { id: "bot", type: "agent" },
      payload: { body: values.take("a payload") },
      labels: { team: values.take("a label"), [values.take("the name of a label")]: "x" },
      annotations: { beside: values.take("an annotation") },
      ...more,
    } as never);
    if (outcome.jobHash !== null) values.keep("a job hash", outcome.jobHash);
    if (outcome.jobHash !== null) values.keep("an approval key", `${outcome.jobHash} default default`);
    return outcome;
  };
  for (const topic of ["no", "plain", "fail", "hold", "late", "slow"]) await submit(topic, topic);
  const same = { payload: values.take("a payload"), labels: { team: values.take("a label") } };
  await submit("slow-1", "slow", same);
  await submit("slow-2", "slow", same);
  await submit("one", "ask.same", same);
  await submit("two", "ask.same", { ...same, actor: { id: "bot", type: "agent" } });
  await submit("plain", "plain");
  await submit("", "plain", { id: "bad id", riskTags: [values.take("a tag that is none")] });
  await gate.approvals.reject("nobody", { by, note: note() }).catch(() => undefined);
  await gate.reload(POLICY("another"));
  await gate.approvals.approve({ jobId: "one" }, { by, note: note() }).catch(() => undefined);
  await gate.approvals.approve({ jobId: "one" }, { by, note: note() });
  await gate.approvals.cancel({ jobId: "two" }, { by: { id: "bot" }, note: note() });
  await gate.resume("one");
  await submit("no-1", "ask.no");
  await gate.approvals.reject({ jobId: "no-1" }, { by, note: note() });
  await gate.approvals.lift({ jobId: "no-1" }, { by, note: note() });
  await submit("taken", "ask.back");
  await gate.approvals.approve({ jobId: "taken" }, { by, note: note() });
  await gate.approvals.revoke({ jobId: "taken" }, { by, note: note() });
  const { view = "" } = (await gate.outputs.get({ jobId: "hold" })) ?? {};
  await gate.outputs.release({ jobId: "hold" }, { by, view: "another", note: note() }).catch(() => undefined);
  await gate.outputs.release({ jobId: "hold" }, { by, view, note: note() });
  const streamed = await gate.evaluateAndDispatch({ id: "s", topic: "stream" }, undefined, { stream: true });
  if (streamed.status === "RUNNING" && streamed.stream !== undefined) {
    for await (const chunk of streamed.stream) void chunk;
    await streamed.stream.outcome;
  }
  const twice = { id: "twice", topic: "plain", payload: values.take("a payload") };
  const { jobHash } = await gate.evaluate(twice);
  values.keep("a job hash", jobHash ?? "");
  await gate.evaluateAndDispatch(twice);
  await gate.evaluateAndDispatch(twice, undefined, { submitter: "eve" });
  const check = { audience: "worker" };
  await gate.permits.verify(values.take("what is no permit"), twice, check).catch(() => undefined);
  await gate.permits.verify("a.b.c", { ...twice, payload: values.take("a payload") }, check).catch(() => undefined);
  await gate.reload({ yaml: values.take("what is no policy") }).catch(() => undefined);
  while ((await gate.audit.events({ types: ["job.late"] })).items.length === 0) await new Promise(setImmediate);
  for (const id of ["no", "plain", "fail", "hold", "one", "no-1"])
    await gate.erase(id, { by: "the controller" }).catch(() => 0);
  return (await gate.audit.events({ limit: 1_000 })).items.map(({ text }) => text);
}

describe.each(STORES)("the log of a gate's whole life, %s", (_name, openStore) => {
  test("holds no payload, label, annotation, note or output, no plain job hash and no approval key", async () => {
    const values = openValues();
    const gate = await open({
      policy: POLICY("first"),
      store: await openStore(),
      now: createFakeClock().now,
      dispatch: ({ topic }, context) => dispatchOf(values, topic, context),
    });
    const events = await live(gate, values);
    values.keep("a secret", TOKEN);
    const types = new Set(events.map((text) => (JSON.parse(text) as { type: string }).type));
    expect([...types].sort()).toEqual([
      ...["approval.detached", "approval.joined", "approval.lifted", "approval.refused", "approval.requested"],
      ...["approval.resolved", "approval.voted", "gate.opened", "job.dispatching", "job.erased", "job.evaluated"],
      ...["job.joined", "job.late", "job.refused", "job.settled", "output.refused", "output.released"],
      ...["permit.refused", "policy.activated", "policy.rejected"],
    ]);
    expect(values.names().length).toBeGreaterThan(60);
    expect(events.filter((text) => values.foundIn(text).length > 0)).toEqual([]);
    // The control: in an event that held one of them it would be found, whichever it is.
    const blind = values.names().filter((name) => {
      const held = events.map((text) => JSON.stringify({ ...JSON.parse(text), note: values.textOf(name) }));
      return !held.every((text) => values.foundIn(text).includes(name));
    });
    expect(blind).toEqual([]);
  });
});
