import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Gate } from "dispatch-gate";
import type { LoggedEvent } from "../../src/store/port.js";
import { forkChild } from "../child.js";
import type { Request, Setup } from "../children/approval-worker.js";
import { afterwards } from "../endings.js";
import { freshFolder } from "./open.js";

type Step = Request extends infer Each ? (Each extends Request ? Omit<Each, "number"> : never) : never;

/** A process with a gate of its own on the file. */
export interface Worker {
  readonly child: ChildProcess;
  /** Resolves with its answer, or rejects with the code of its refusal. */
  readonly ask: <Answer>(step: Step) => Promise<Answer>;
}

/** Starts a process with a gate of its own. It is killed after the test. */
export async function start(setup: Setup): Promise<Worker> {
  const child = forkChild("approval-worker", [JSON.stringify(setup)]);
  afterwards(() => child.kill("SIGKILL"));
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let asked = 0;
  await new Promise<void>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`the child ended with ${code}`)));
    child.on("message", (message) => {
      if (message === "ready") return resolve();
      const { number, value, error } = message as { number: number; value?: never; error?: string };
      const call = waiting.get(number);
      waiting.delete(number);
      if (error === undefined) call?.resolve(value as never);
      else call?.reject(new Error(error));
    });
  });
  return {
    child,
    ask: (step) =>
      new Promise((resolve, reject) => {
        asked += 1;
        waiting.set(asked, { resolve, reject });
        child.send({ ...step, number: asked });
      }),
  };
}

const HEAD = `version: v1
queue: { max_pending: 100000, max_pending_per_actor: 100000, max_requests_per_actor: { limit: 1000000, window_sec: 1 } }
`;
export const asking = (more = ""): string =>
  `${HEAD}rules: [{ id: ask, match: { topics: ["**"] }, decision: require_approval, reason: a person looks${more} }]\n`;

export interface Place {
  readonly store: string;
  readonly witness: string;
  readonly setup: (changes?: Partial<Setup>) => Setup;
  /** What every dispatch wrote into the witness file. */
  readonly lines: () => readonly string[];
}

/** A folder with a store and a witness file. */
export function place(): Place {
  const folder = freshFolder();
  const [store, witness] = [join(folder, "gate.db"), join(folder, "witness.txt")];
  const lines = (): readonly string[] => {
    try {
      return readFileSync(witness, "utf8").trim().split("\n");
    } catch {
      return [];
    }
  };
  const plain: Setup = { store, witness, policy: asking(), dispatchers: ["default"] };
  return { store, witness, lines, setup: (changes = {}) => ({ ...plain, ...changes }) };
}

/** All events of a store, in order. */
export async function eventsOf(gate: Gate): Promise<readonly LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Gate["audit"]["events"]>> = await gate.audit.events({
      ...(after === null ? {} : { after }),
      limit: 1_000,
    });
    events.push(...page.items);
    after = page.next;
  } while (after !== null);
  return events;
}

/** Their types. */
export async function typesOf(gate: Gate): Promise<readonly string[]> {
  return (await eventsOf(gate)).map(({ type }) => type);
}
