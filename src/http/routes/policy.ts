import type { Job } from "../../job/job.js";
import { toWire } from "../../wire.js";
import type { KnownCall } from "../call.js";
import { jobOf, jobProblem } from "../job-body.js";
import { jsonAnswer } from "../problem.js";

/** `GET /api/v1/policy`: the policy in force. */
export async function getPolicy(call: KnownCall): Promise<Response> {
  await call.permit({ action: "policy.read", tenantId: null });
  const { snapshot, sourceHash, ruleIds, document } = call.gate.policy;
  return jsonAnswer(200, { snapshot, source_hash: sourceHash, rule_ids: [...ruleIds], document });
}

/**
 * `POST /api/v1/policy/simulate`: what the policy in force says of a job, and why; nothing is recorded, asked for or run. For
 * operators: it would teach an agent how to get round a rule.
 */
export async function simulatePolicy(call: KnownCall): Promise<Response> {
  await call.permit({ action: "policy.simulate", tenantId: null });
  const job = jobOf(await call.body());
  try {
    return jsonAnswer(200, toWire(call.gate.explain(job as Job)));
  } catch (error) {
    // What is wrong with the job, in the gate's words.
    throw error instanceof TypeError ? jobProblem(error.message) : error;
  }
}
