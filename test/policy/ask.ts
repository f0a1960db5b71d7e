import type { Decision } from "../../src/outcome.js";
import { decideAdmitted, type Policy } from "../../src/policy/policy.js";
import { admitted } from "./job.js";
import type { ReferenceJob } from "./reference.js";

/** What the engine says of a job of the reference's, admitted as the gate does. */
export function ask(policy: Policy, job: ReferenceJob): Decision {
  const { topic, tenantId, capability, requires, labels, declared, payload, derived, restrictOnly } = job;
  const actor = job.actor as { id: string; type: "agent" } | null;
  const real = admitted({ topic, tenantId, actor, capability, requires, labels, payload, riskTags: declared });
  return decideAdmitted(policy, real, derived, restrictOnly ? "restrict_only" : "trusted");
}
