import { generateKeyPairSync } from "node:crypto";
import {
  compilePolicy,
  createGate,
  createSigner,
  type Gate,
  type GateEvent,
  type Outcome,
  type Policy,
  type Signer,
  type Store,
} from "dispatch-gate";
import { createFakeClock, type FakeClock } from "dispatch-gate/testing";
import { formatCheckpoint } from "../../src/evidence/checkpoint.js";
import { formatKey } from "../../src/evidence/note.js";
import { signNote } from "../../src/signer.js";
import { readHash } from "../../src/store/prove.js";

/** A small generator of its own (mulberry32), so that one number repeats a sequence. */
export function drawFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const HEAD = `version: v1
queue: { max_pending: 4 }
approvals: { expires_in_sec: 100, use_within_sec: 50, rejection_stands_sec: 200 }
outputs:
  - { id: withheld, match: { topics: [secret] }, detect: [secrets], action: quarantine }
rules:
`;

const ask = (quorum: number, more = ""): string =>
  `  - { id: ask, match: { topics: [a, secret] }, decision: require_approval, approval: { quorum: ${quorum}, roles: [ops] }${more} }\n`;

const OPEN = `  - { id: open, match: { topics: [b] }, decision: allow }
  - { id: short, match: { topics: [late] }, decision: allow_with_constraints, constraints: { max_runtime_sec: 0.01 } }
`;

/** Policies that differ in what they ask of one topic. */
const POLICIES: readonly Policy[] = [
  `${ask(1)}${OPEN}`,
  `${ask(2)}${OPEN}`,
  `${ask(1)}  - { id: slow, match: { topics: [a] }, decision: throttle, throttle: { limit: 1, window_sec: 60 } }\n${OPEN}`,
  `  - { id: none, match: { topics: [a, secret] }, decision: deny }\n${OPEN}`,
  `  - { id: wait, match: { topics: [a] }, decision: throttle }\n${OPEN}`,
  `  - { id: all, match: { topics: ["**"] }, decision: allow }\n${OPEN}`,
].map((rules) => compilePolicy({ yaml: HEAD + rules }));

/** A gate, or two, on one store, with what random steps need to know of them. */
export interface World {
  readonly store: Store;
  readonly clock: FakeClock;
  readonly gates: Gate[];
  readonly dropped: Gate[];
  readonly opened: string[];
  readonly ids: string[];
  readonly withheld: string[];
  /** Ends what runs on. */
  readonly running: (() => void)[];
  steps: number;
  readonly signer: Signer;
}

export async function openWorld(store: Store, { signer }: LogSigner): Promise<World> {
  const lists = { gates: [], dropped: [], opened: [], ids: [], withheld: [], running: [] };
  const world: World = { store, signer, clock: createFakeClock(), ...lists, steps: 0 };
  for (const who of [0, 1]) world.gates[who] = await openGate(world, POLICIES[0]);
  return world;
}

async function openGate({ store, signer, clock, opened, running }: World, policy?: Policy): Promise<Gate> {
  const opening = policy === undefined ? { activate: "never" as const } : { policy };
  const onEvent = ({ type, approvalId }: GateEvent): void => {
    if (type === "approval.requested") opened.push(approvalId);
  };
  const dispatch = ({ topic, payload }: { readonly topic: string; readonly payload: unknown }): unknown => {
    if ((payload as readonly number[])[0] === 3) throw new Error("it failed");
    return topic === "secret" ? { key: "AKIAIOSFODNN7EXAMPLF" } : { did: payload };
  };
  const stream = async function* (): AsyncGenerator<string> {
    yield "one ";
    yield "two";
  };
  const held = (): Promise<string> => new Promise((resolve) => running.push(() => resolve("at last")));
  const dispatchers = { stream, held };
  // Annotations are no part of what makes a job equal: the same job, by some words beside it, cannot be decided.
  const deriveTags = ({ annotations }: { readonly annotations: { readonly seen?: unknown } }): string[] => {
    if (annotations.seen === 2) throw new Error("no tags today");
    return [];
  };
  return createGate({ ...opening, store, signer, now: clock.now, dispatch, dispatchers, deriveTags, onEvent });
}

type Draw = (below: number) => number;
const one = <T>(draw: Draw, list: readonly T[]): T => list[draw(list.length)] as T;
const quiet = async (call: Promise<unknown>): Promise<void> => {
  await call.catch(() => undefined);
};

/** Every kind of step that writes something, drawn at random. What refuses is as good as what does not. */
export async function takeStep(world: World, draw: Draw): Promise<string> {
  world.clock.advance(1);
  const who = draw(2);
  const gate = world.gates[who] as Gate;
  const topic = one(draw, ["a", "a", "a", "secret", "b"]);
  const content = topic === "a" ? draw(2) : draw(4);
  world.steps += 1;
  // Ids and contents that come back for a while, and then others.
  const round = Math.floor(world.steps / 60);
  const id = `${topic}-${content}-${round}-${draw(2)}`;
  const job = {
    ...(draw(3) === 0 ? {} : { id }),
    topic,
    actor: { id: one(draw, ["bot", "bot", "bot", "bot", "cy"]), type: "agent" as const },
    payload: [content, round],
    annotations: draw(3) > 0 ? {} : { seen: draw(3) },
  };
  const approval = world.opened.length === 0 ? "none" : one(draw, world.opened.slice(-3));
  const by = { id: one(draw, ["ann", "bob", "ann", "bob", "bot"]), roles: ["ops"] };
  const note = draw(2) === 0 ? {} : { note: `because ${draw(100)}` };
  const keep = (outcome: Outcome): void => {
    if (outcome.jobId !== null) world.ids.push(outcome.jobId);
    if (outcome.status === "QUARANTINED") world.withheld.push(outcome.quarantineId);
  };
  const known = world.ids.length === 0 ? id : one(draw, world.ids.slice(-6));
  const kind = draw(28);
  if (kind < 7) keep(await gate.evaluateAndDispatch(job));
  else if (kind < 8) await gate.evaluate(job);
  else if (kind < 9) keep(await gate.evaluateAndDispatch({ ...job, topic: "b" }, "stream"));
  else if (kind < 12) await quiet(gate.approvals.approve(approval, { by, ...note }));
  else if (kind < 13) {
    const view = (await gate.approvals.get(approval))?.view ?? "";
    await quiet(gate.approvals.approve(approval, { by, view, ...note }));
  } else if (kind < 14) await quiet(gate.approvals.reject(approval, { by, ...note }));
  else if (kind < 15) await quiet(gate.approvals.revoke(approval, { by, ...note }));
  else if (kind < 16) await quiet(gate.approvals.cancel({ jobId: known }, { by: { id: "bot" }, ...note }));
  else if (kind < 17) await quiet(gate.approvals.lift(approval, { by, ...note }));
  else if (kind < 18) world.clock.advance(one(draw, [1_000, 50_000, 100_000, 200_000]));
  else if (kind < 19) await gate.reload(one(draw, POLICIES));
  else if (kind < 20) keep(await gate.resume(known));
  else if (kind < 21) for (const outcome of await gate.drain()) keep(outcome);
  else if (kind < 22) await release(world, gate, draw);
  else if (kind < 23) await erase(world, known);
  else if (kind < 24) await restart(world, who, draw);
  else if (kind < 25) await begin(gate, { ...job, id: `held-${world.steps}`, topic: "b" });
  else if (kind < 26) await gate.evaluateAndDispatch({ ...job, id: `late-${world.steps}`, topic: "late" }, "held");
  else if (kind < 27) await endAll(world);
  else {
    world.clock.advance(31_000);
    await gate.recover();
    // Halted rarely and not for long: nothing else would happen.
    await gate.halt({ by: "ann", reason: `step ${world.steps}`, abort: world.steps % 2 === 0 ? "none" : "running" });
    await gate.unhalt({ by: "bob", reason: "again" });
  }
  return `${kind} ${id}`;
}

async function release(world: World, gate: Gate, draw: Draw): Promise<void> {
  if (world.withheld.length === 0) return;
  const id = one(draw, world.withheld);
  const shown = await gate.outputs.get(id).catch(() => null);
  if (shown !== null) await quiet(gate.outputs.release(id, { by: { id: "ann" }, view: shown.view, note: "seen" }));
}

/** A job that goes on running while other steps are taken. */
async function begin(gate: Gate, job: object): Promise<void> {
  void gate.evaluateAndDispatch(job as Parameters<Gate["evaluateAndDispatch"]>[0], "held");
  await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What ran on ends: in its time, after it, or after others gave it up. */
async function endAll({ running }: World): Promise<void> {
  for (const end of running.splice(0)) end();
  await new Promise((resolve) => setTimeout(resolve, 5));
}

async function erase({ store, clock }: World, jobId: string): Promise<void> {
  const facts = { by: "ann" };
  await store.change({ kind: "erase", now: clock.now(), waitMs: 5_000, tenantId: "default", jobId, facts });
}

/** A gate goes, in order or not, and another comes: what it left running is recovered. */
async function restart(world: World, who: number, draw: Draw): Promise<void> {
  const gate = world.gates[who] as Gate;
  if (draw(2) === 0) {
    await endAll(world);
    await gate.close();
  } else world.dropped.push(gate);
  world.gates[who] = await openGate(world);
}

export async function closeWorld(world: World): Promise<void> {
  const { gates, dropped, store } = world;
  await endAll(world);
  for (const gate of [...gates, ...dropped]) await gate.close();
  await store.close();
}

/** Keys of one log, and what they sign. */
export interface LogSigner {
  /** The verifier key. */
  readonly key: string;
  /** For the gates on it. */
  readonly signer: Signer;
  /** Signs the head that the store has now, and keeps it there. */
  readonly sign: (store: Store, now: number) => Promise<void>;
}

export function logSigner(name = "example.com/log"): LogSigner {
  const signer = createSigner({ name, key: generateKeyPairSync("ed25519").privateKey });
  return {
    key: formatKey(signer),
    signer,
    sign: async (store, now) => {
      const { tree } = await store.read({ kind: "tree" });
      const { size, root } = tree ?? { size: 0, root: "" };
      const text = formatCheckpoint({ origin: name, size, root: readHash(root) });
      await store.change({ kind: "checkpoint", now, waitMs: 5_000, size, root, note: await signNote(signer, text) });
    },
  };
}
