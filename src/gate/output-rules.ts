import type { OutputRule } from "../outcome.js";
import { decideAdmitted } from "../policy/policy.js";
import type { Claimed } from "./claimed.js";
import type { Core } from "./core.js";

/** The output rules of the claim, joined with those in force now: a rule that came in between still holds back. */
export function outputRules(core: Core, claimed: Claimed): readonly OutputRule[] {
  const claimedRules = claimed.decision?.obligations.outputs ?? [];
  const { policy } = core.inForce();
  if (policy.snapshot === claimed.inForce.policy.snapshot) return claimedRules;
  const live = decideAdmitted(policy, claimed.admission.job, claimed.derivedTags, core.settings.declaredTags);
  return [...claimedRules, ...live.obligations.outputs];
}
