import type { Core } from "./core.js";
import type { Submission } from "./submission.js";
import type { TelemetryOperation } from "./telemetry.js";
import { openWatch, type Watch } from "./watch.js";

/** Takes a submission through a pass of the line, which the gate's telemetry is told of where there is any. */
export function watching<T>(
  core: Core,
  submission: Submission,
  pass: (core: Core, submission: Submission, watch: Watch | null) => Promise<T>,
): Promise<T> {
  const { telemetry } = core.settings;
  const operation = telemetry === undefined ? null : operationOf(submission);
  const watch = telemetry === undefined || operation === null ? null : openWatch(telemetry, operation);
  return watch === null ? pass(core, submission, null) : watch.run(() => pass(core, submission, watch));
}

/** Null where the gate itself decides a job, which nobody called it for. */
function operationOf({ intent, opens, canary }: Submission): TelemetryOperation | null {
  if (canary === true) return null;
  if (intent === "evaluate") return opens ? "evaluate" : null;
  return opens ? "evaluate_and_dispatch" : "resume";
}
