import type { TelemetryAttemptEnd, TelemetryDecided, TelemetryEnd } from "../gate/telemetry.js";
import type { Meter } from "./api.js";
import { defined } from "./attributes.js";

/** What is counted and timed. No id, tenant, actor or topic stands on a measurement: those have no bound. */
export interface Instruments {
  readonly decided: (told: TelemetryDecided) => void;
  readonly attempted: (told: TelemetryAttemptEnd, dispatcher: string | undefined) => void;
  readonly ended: (told: TelemetryEnd) => void;
}

/** Seconds. A decision takes milliseconds; the deadline of a gate is at most 600 s, and 2 by default. */
const DECISION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Seconds. A run may take 900 by default. */
const DISPATCH_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900];

/** Makes the instruments of one meter. */
export function createInstruments(meter: Meter): Instruments {
  const outcomes = meter.createCounter("dispatch_gate.outcomes", {
    description: "Outcomes that the gate answered",
    unit: "{outcome}",
  });
  const decisions = meter.createHistogram("dispatch_gate.decision.duration", {
    description: "Time from a job coming in until what was decided, and the claim where there is one, was durable",
    unit: "s",
    advice: { explicitBucketBoundaries: DECISION_BOUNDS },
  });
  const dispatches = meter.createHistogram("dispatch_gate.dispatch.duration", {
    description: "Time of one call of a dispatch function, as far as it was waited for",
    unit: "s",
    advice: { explicitBucketBoundaries: DISPATCH_BOUNDS },
  });
  return {
    decided: ({ decision, durationMs }) =>
      decisions.record(durationMs / 1_000, defined({ "dispatch_gate.decision.type": decision?.type })),
    attempted: ({ ended, durationMs }, dispatcher) =>
      dispatches.record(
        durationMs / 1_000,
        defined({ "dispatch_gate.attempt.ended": ended, "dispatch_gate.dispatcher": dispatcher }),
      ),
    ended: ({ status, decision, reason, replayed }) => {
      if (status === null) return;
      const attributes = {
        "dispatch_gate.status": status,
        "dispatch_gate.decision.type": decision?.type,
        "dispatch_gate.reason.code": reason.code,
        "dispatch_gate.replayed": replayed,
      };
      outcomes.add(1, defined(attributes));
    },
  };
}
