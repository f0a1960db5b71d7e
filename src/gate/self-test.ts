import { SelfTestError } from "../errors.js";
import { admit } from "../job/admit.js";
import { compilePolicy, decideAdmitted } from "../policy/policy.js";
import type { Core } from "./core.js";
import { evaluateAndDispatch } from "./line.js";
import { enterJob } from "./refusal.js";

/** Permits and refuses everything: what refuses must win. */
const BOTH = {
  version: "v1",
  rules: [
    { id: "permit", match: { topics: ["**"] }, decision: "allow" },
    { id: "refuse", match: { topics: ["**"] }, decision: "deny" },
  ],
} as const;

const CANARY = { topic: "dispatch-gate.canary" } as const;

/**
 * Proves that this gate denies, before it takes work: a policy that both permits and refuses must refuse; what is no job must not
 * be let in; and a job that may not be dispatched must go through the whole line, under the policy in force and up to the store,
 * and be refused there without its function being called. Throws a {@link SelfTestError}. Leaves no record.
 */
export async function selfTest(core: Core): Promise<void> {
  const ids = { jobId: "canary", traceId: "canary", maxJobBytes: core.settings.maxJobBytes };
  const admitted = admit(CANARY, ids);
  if (!admitted.ok) throw new SelfTestError("a plain job was not let in");
  if (admit({ ...CANARY, topics: ["**"] }, ids).ok) throw new SelfTestError("what is no job was let in");
  const { type } = decideAdmitted(compilePolicy({ document: BOTH }), admitted.admission.job, [], "trusted");
  if (type !== "DENY") throw new SelfTestError(`a rule that denies did not win: ${type}`);

  let called = false;
  const outcome = await evaluateAndDispatch(core, {
    enter: (traceId) => enterJob(core, CANARY, traceId),
    choose: () => ({
      name: "canary",
      dispatch: () => {
        called = true;
      },
      enforcers: [],
    }),
    intent: "dispatch",
    opens: false,
    submitter: undefined,
    signal: AbortSignal.abort(),
    stream: false,
    canary: true,
  });
  const denied = outcome.status === "DENIED" || outcome.status === "THROTTLED";
  if (called || outcome.dispatched || !denied) {
    throw new SelfTestError(`a job that may not be dispatched was answered ${outcome.status}`);
  }
}
