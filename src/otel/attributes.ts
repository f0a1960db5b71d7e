import type { TelemetryDecision, TelemetryFindings } from "../gate/telemetry.js";
import type { Attributes } from "./api.js";

/** Without what is not there: a measurement would keep it as a value of its own. */
export function defined(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** A decision, on whatever tells of one. */
export function decisionAttributes(decision: TelemetryDecision | null): Attributes {
  if (decision === null) return {};
  return {
    "dispatch_gate.decision.type": decision.type,
    "dispatch_gate.rule.id": decision.ruleId,
    "dispatch_gate.policy.snapshot": decision.snapshot,
  };
}

/** What inspection found; nothing where it found nothing. */
export function findingAttributes({ count, kinds }: TelemetryFindings): Attributes {
  return count === 0 ? {} : { "dispatch_gate.findings.count": count, "dispatch_gate.findings.kinds": [...kinds] };
}
