import {
  compilePolicy,
  createGate,
  type Gate,
  type GateEvent,
  type Outcome,
  type Policy,
  type Store,
} from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { createFakeClock, createMemoryStore, type FakeClock } from "dispatch-gate/testing";
import { expect, test } from "vitest";
import { cases, FULL_TIME } from "../scale.js";
import { logSigner } from "../store/verify-worlds.js";
import { createModel, type ModelPolicy, SLIPS, type Slip, SPANS } from "./approval-model.js";
import { codeOf } from "./open.js";

/** Signs the log of every world. */
const log = logSigner();

const SECONDS = Object.values(SPANS).map((ms) => ms / 1_000);
const HEAD = `version: v1\nqueue: { max_requests_per_actor: { limit: 10000, window_sec: 1 } }
approvals: { expires_in_sec: ${SECONDS[0]}, use_within_sec: ${SECONDS[1]}, rejection_stands_sec: ${SECONDS[2]} }\nrules:\n`;
const rule = (id: string, decision: string, quorum = 1): string =>
  `- { id: ${id}, match: { topics: [a] }, decision: ${decision}${decision === "require_approval" ? `, approval: { quorum: ${quorum}, roles: [ops] }` : ""} }\n`;
const POLICIES: readonly (readonly [ModelPolicy, Policy])[] = (
  [
    [{ kind: "ask", quorum: 1 }, rule("r", "require_approval")],
    [
      { kind: "ask", quorum: 1 },
      `${rule("r", "require_approval")}- { id: o, match: { topics: [b] }, decision: deny }\n`,
    ],
    [{ kind: "ask", quorum: 2 }, rule("r", "require_approval", 2)],
    [{ kind: "deny", quorum: 0 }, rule("r", "deny")],
    [{ kind: "allow", quorum: 0 }, rule("r", "allow")],
  ] as const
).map(([model, rules], snapshot) => [{ ...model, snapshot }, compilePolicy({ yaml: HEAD + rules })] as const);

type Command =
  | { readonly do: "submit" | "evaluate"; readonly content: number; readonly name: string | null }
  | { readonly do: "approve"; readonly content: number; readonly by: string; readonly view: "right" | "old" | "none" }
  | { readonly do: "reject" | "revoke"; readonly content: number; readonly by: string }
  | { readonly do: "cancel" | "resume"; readonly content: number; readonly name: string }
  | { readonly do: "lift"; readonly content: number }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "reload"; readonly policy: number }
  | { readonly do: "drain" | "crash" | "reopen" };

type Draw = (below: number) => number;

/** A small generator of its own (mulberry32), so that one number repeats a sequence. */
function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const one = <T>(draw: Draw, list: readonly T[]): T => list[draw(list.length)] as T;
const PEOPLE = ["ann", "ann", "bob", "bob", "bot", "eve"];

function command(draw: Draw): Command {
  const content = draw(2);
  const name = `${content}-${draw(2)}`;
  const by = one(draw, PEOPLE);
  const kinds = [
    "submit",
    "submit",
    "submit",
    "evaluate",
    "approve",
    "approve",
    "approve",
    "reject",
    "revoke",
    "cancel",
    "lift",
    "advance",
    "advance",
    "reload",
    "reload",
    "resume",
    "resume",
    "drain",
    "crash",
    "reopen",
  ] as const;
  const kind = one(draw, kinds);
  switch (kind) {
    case "submit":
    case "evaluate":
      return { do: kind, content, name: draw(3) === 0 ? null : name };
    case "approve":
      return { do: kind, content, by, view: one(draw, ["right", "right", "old", "none"] as const) };
    case "reject":
    case "revoke":
      return { do: kind, content, by };
    case "cancel":
    case "resume":
      return { do: kind, content, name };
    case "lift":
      return { do: kind, content };
    case "advance":
      return { do: kind, ms: one(draw, [10_000, SPANS.use, SPANS.expires, SPANS.stands]) };
    case "reload":
      return { do: kind, policy: one(draw, [0, 0, 1, 2, 2, 3, 4]) };
    default:
      return { do: kind };
  }
}

/** Two scripts, merged in one order of the many: who comes next is drawn anew for each interleaving. */
function interleaved(scripts: readonly (readonly Command[])[], draw: Draw): readonly (readonly [number, Command])[] {
  const left = scripts.map((script) => [...script]);
  const merged: (readonly [number, Command])[] = [];
  while (left.some(({ length }) => length > 0)) {
    const who = draw(2);
    const next = left[who]?.shift();
    if (next !== undefined) merged.push([who, next]);
  }
  return merged;
}

interface World {
  readonly store: Store;
  readonly clock: FakeClock;
  readonly gates: Gate[];
  readonly dropped: Gate[];
  readonly ran: string[];
  /** Requests in the order in which they were opened: several may be within one millisecond. */
  readonly opened: string[];
  readonly binding: "snapshot" | "decision";
}

async function openWorld(store: Store, binding: World["binding"]): Promise<World> {
  const world: World = { store, clock: createFakeClock(), gates: [], dropped: [], ran: [], opened: [], binding };
  for (const who of [0, 1]) world.gates[who] = await openGate(world, POLICIES[0]?.[1]);
  return world;
}

async function openGate({ store, clock, ran, opened, binding }: World, policy?: Policy): Promise<Gate> {
  const opening = policy === undefined ? { activate: "never" as const } : { policy };
  const dispatch = ({ id }: { readonly id: string }): number => ran.push(id);
  const onEvent = ({ type, approvalId }: GateEvent): void => {
    if (type === "approval.requested") opened.push(approvalId);
  };
  return createGate({
    ...opening,
    store,
    signer: log.signer,
    now: clock.now,
    approvalBinding: binding,
    dispatch,
    onEvent,
  });
}

const jobOf = (content: number, name: string | null) => ({
  ...(name === null ? {} : { id: name }),
  topic: "a",
  actor: { id: "bot", type: "agent" } as const,
  payload: content,
});
const say = ({ status, reason }: Outcome): string => `${status} ${reason.code}`;
const done = async (call: Promise<unknown>): Promise<string> => {
  const code = await codeOf(call);
  return code === "no error" ? "ok" : code;
};

/** Runs one command by one gate, and says what came of it in the model's words. */
async function act(world: World, who: number, step: Command, known: Known): Promise<string> {
  const gate = world.gates[who] as Gate;
  const roles = (by: string) => ({ id: by, roles: by === "eve" ? [] : ["ops"] });
  const id = "content" in step ? (known.latest[step.content] ?? "none") : "";
  switch (step.do) {
    case "submit":
      return say(await gate.evaluateAndDispatch(jobOf(step.content, step.name)));
    case "evaluate": {
      const { next, reason } = await gate.evaluate(jobOf(step.content, step.name));
      return next === "dispatch" ? next : `${NEXT[next]} ${reason.code}`;
    }
    case "approve": {
      const view = step.view === "right" ? ((await gate.approvals.get(id))?.view ?? "") : "stale";
      return done(gate.approvals.approve(id, { by: roles(step.by), ...(step.view === "none" ? {} : { view }) }));
    }
    case "reject":
    case "revoke":
      return done(gate.approvals[step.do](id, { by: roles(step.by) }));
    case "cancel":
      return done(gate.approvals.cancel({ jobId: step.name }, { by: { id: "bot" } }));
    case "lift":
      return done(gate.approvals.lift(id, { by: roles("ann") }));
    case "resume":
      return say(await gate.resume(step.name));
    case "drain":
      return (await gate.drain()).map(say).join("; ");
    case "advance":
      world.clock.advance(step.ms);
      return "";
    case "reload":
      await gate.reload(POLICIES[step.policy]?.[1] as Policy);
      return "";
    case "crash":
    case "reopen":
      if (step.do === "reopen") await gate.close();
      else world.dropped.push(gate);
      world.gates[who] = await openGate(world);
      return "";
  }
}

const NEXT = { wait: "PENDING_APPROVAL", refused: "DENIED", finished: "SUCCEEDED", retry: "THROTTLED", dispatch: "" };

/** The requests that there are, in the order in which they were opened. */
interface Known {
  readonly latest: readonly (string | undefined)[];
  readonly states: string;
}

async function look(world: World): Promise<Known> {
  const { items } = await (world.gates[0] as Gate).approvals.list({ includeResolved: true, limit: 1_000 });
  const opened = [...items].sort((a, b) => world.opened.indexOf(a.id) - world.opened.indexOf(b.id));
  const latest = [0, 1].map((content) => opened.findLast(({ job }) => job?.payload === content)?.id);
  return { latest, states: opened.map(({ state }) => state).join(" ") };
}

/** The same command by the model. */
function expected(model: ReturnType<typeof createModel>, step: Command): string {
  switch (step.do) {
    case "submit":
    case "evaluate":
      return model.submit(step.content, step.name, step.do === "submit");
    case "approve":
      return model.vote(step.content, step.by, "approve", step.view === "old");
    case "reject":
    case "revoke":
      return model.vote(step.content, step.by, step.do);
    case "cancel":
      return model.cancel(step.name);
    case "lift":
      return model.lift(step.content);
    case "resume":
      return model.names.has(step.name) ? model.submit(step.content, step.name, true, false) : "DENIED job_unknown";
    case "drain":
      return model.drain();
    case "advance":
      model.advance(step.ms);
      return "";
    case "reload":
      model.reload(POLICIES[step.policy]?.[0] as ModelPolicy);
      return "";
    default:
      return "";
  }
}

/** Runs one order of commands in both worlds. Answers where they part, or null where they never do. */
interface Walk {
  readonly order: readonly (readonly [number, Command])[];
  readonly store: Store;
  readonly binding: World["binding"];
  readonly slip: Slip | undefined;
  /** Whether the log is verified at the end. */
  readonly verified: boolean;
}

async function parting({ order, store, binding, slip, verified }: Walk): Promise<string | null> {
  const world = await openWorld(store, binding);
  const model = createModel(binding, POLICIES[0]?.[0] as ModelPolicy, slip);
  let known: Known = { latest: [], states: "" };
  const told: string[] = [];
  try {
    for (const [who, step] of order) {
      world.clock.advance(1);
      model.advance(1);
      const is = await act(world, who, step, known);
      const should = expected(model, step);
      known = await look(world);
      told.push(`gate ${who} ${JSON.stringify(step)}: ${is} | ${known.states} | ran ${world.ran.length}`);
      const same = is === should && known.states === model.states() && world.ran.length === model.runs.length;
      if (!same) return `${told.join("\n")}\nmodel: ${should} | ${model.states()} | ran ${model.runs.length}`;
    }
    if (!verified) return null;
    // And all of it stands in the log: what that comes to is what the tables hold.
    const { problems } = await store.verify({ keys: [log.key], state: true });
    return problems.length === 0 ? null : `${told.join("\n")}\n${JSON.stringify(problems, null, 1)}`;
  } finally {
    for (const gate of [...world.gates, ...world.dropped]) await gate.close();
    await store.close();
  }
}

async function partings(count: number, open: () => Store | Promise<Store>, slip?: Slip): Promise<readonly string[]> {
  const seed = Number(process.env.SEED);
  for (let n = 0; n < count; n += 1) {
    const draw = drawFrom(seed + n * 7_919);
    const length = 4 + draw(6);
    const scripts = [0, 1].map(() => Array.from({ length }, () => command(draw)));
    const binding = one(draw, ["snapshot", "decision"] as const);
    for (const turn of [1, 2]) {
      const order = interleaved(scripts, drawFrom(seed + n * 7_919 + turn));
      const found = await parting({ order, store: await open(), binding, slip, verified: n % 4 === 0 });
      if (found !== null) return [`SEED=${seed}, sequence ${n}, ${binding}, interleaving ${turn}:\n${found}`];
    }
  }
  return [];
}

test(
  "random commands of two gates on one store do what the model says, in memory",
  async () => {
    expect(await partings(cases("approval model, in memory", 150, 100_000), createMemoryStore)).toEqual([]);
  },
  FULL_TIME * 2,
);

test(
  "random commands of two gates on one store do what the model says, on SQLite",
  async () => {
    const count = cases("approval model, on SQLite", 20, 2_000);
    expect(await partings(count, () => openSqliteStore(":memory:"))).toEqual([]);
  },
  FULL_TIME,
);

test.each(SLIPS)("control: a model that slips (%s) is told apart", { timeout: FULL_TIME }, async (slip) => {
  expect(await partings(500, createMemoryStore, slip)).toHaveLength(1);
});
