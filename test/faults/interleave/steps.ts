import {
  ApprovalError,
  type ApproverInput,
  EvidenceError,
  type Gate,
  type Job,
  type Outcome,
  StoreError,
} from "dispatch-gate";
import type { Draws } from "../random.js";
import { POLICIES, type Ruled, TOPICS } from "./rules.js";

/** What the steps of a schedule have in common. */
export interface Asked {
  /** Ids of jobs that anybody was told of. */
  readonly ids: string[];
  readonly outcomes: Outcome[];
  /** What was refused with an error, by its code. */
  readonly refusals: string[];
}

/** Contents that equal jobs share: few, so that they meet. */
const CONTENTS = 2;

/** Who votes; the last is the one who asks, and may not. */
const PEOPLE: readonly ApproverInput[] = ["ann", "bob", "ann", "bob", "cat", "bot"].map((id) => ({ id }));

function jobOf(draws: Draws): Job {
  const topic = draws.pick(TOPICS);
  const content = draws.below(CONTENTS);
  const named = draws.below(3) > 0 ? { id: `${topic}-${content}-${draws.below(2)}` } : {};
  return { ...named, topic, payload: content, actor: { id: "bot", type: "agent" } };
}

/**
 * Begins one step of what a host does with a gate, drawn: the promise resolves when it is done. What an approval call refuses,
 * or a gate that was closed, is as good as what it does; anything else that rejects is not.
 */
export function beginStep(
  gate: Gate,
  draws: Draws,
  asked: Asked,
): { readonly what: string; readonly done: Promise<void> } {
  const keep = (outcome: Outcome): void => {
    asked.outcomes.push(outcome);
    if (outcome.jobId !== null && !asked.ids.includes(outcome.jobId)) asked.ids.push(outcome.jobId);
  };
  const known = asked.ids.length === 0 ? "none" : draws.pick(asked.ids);
  const ref = { jobId: known };
  const by = draws.pick(PEOPLE);
  const kind = draws.below(26);
  const step = (
    what: string,
    call: () => Promise<unknown>,
  ): { readonly what: string; readonly done: Promise<void> } => ({
    what: `${what} ${known}`,
    done: call().then(undefined, (error: unknown) => void asked.refusals.push(codeOf(error))) as Promise<void>,
  });
  if (kind < 10) {
    const job = jobOf(draws);
    return step(`submits ${JSON.stringify(job)} beside`, () => gate.evaluateAndDispatch(job).then(keep));
  }
  if (kind < 11) {
    const job = jobOf(draws);
    return step(`evaluates ${JSON.stringify(job)} beside`, () => gate.evaluate(job));
  }
  if (kind < 17) return step(`hears ${by.id} approve`, () => gate.approvals.approve(ref, { by }));
  if (kind < 18) return step(`hears ${by.id} reject`, () => gate.approvals.reject(ref, { by }));
  if (kind < 19) return step(`hears ${by.id} revoke`, () => gate.approvals.revoke(ref, { by }));
  if (kind < 20) return step("cancels", () => gate.approvals.cancel(ref, { by: { id: "bot" } }));
  if (kind < 22) return step("resumes", () => gate.resume(known).then(keep));
  if (kind < 23) return step("drains beside", () => gate.drain({ concurrency: 2 }).then((all) => all.forEach(keep)));
  if (kind < 24) {
    const number = draws.below(POLICIES.length);
    return step(`reloads policy ${number} beside`, () => gate.reload((POLICIES[number] as Ruled).policy));
  }
  if (kind < 25) return step("recovers beside", () => gate.recover());
  return step("erases", () => gate.erase(known));
}

function codeOf(error: unknown): string {
  const known = error instanceof ApprovalError || error instanceof StoreError || error instanceof EvidenceError;
  return known ? error.code : `not an answer: ${error instanceof Error ? error.stack : String(error)}`;
}
