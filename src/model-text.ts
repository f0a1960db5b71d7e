import type { Outcome, ReasonCode, Remediation } from "./outcome.js";

/**
 * An outcome in words for a language model: what happened, and what it may sensibly do now.
 * A refusal is data here, never an exception. Rule ids and findings stay out: they would teach a way round.
 */
export function toModelText(outcome: Outcome): string {
  switch (outcome.status) {
    case "SUCCEEDED":
      return `The action ran. Its result: ${showOutput(outcome.output)}`;
    case "FAILED":
      return `The action ran and failed: ${outcome.error.message}`;
    case "TIMED_OUT":
      return "The action was stopped because it took too long. Part of its effect may have happened; do not repeat it blindly.";
    case "QUARANTINED":
      return "The action ran, but its output is withheld for review. Do not run it again to see the output.";
    case "DENIED":
      return `The action was refused and did not run: ${outcome.reason.message}. ${repeating(outcome.reason.code)}${instead(outcome)}`;
    case "THROTTLED":
      return `${throttled(outcome.reason.message, outcome.retryAfterMs)}${instead(outcome)}`;
    case "PENDING_APPROVAL":
      return `The action has not run: it waits for a person's approval (${outcome.reason.message}). Go on with other work; submit exactly the same action again later to learn how it ended.${instead(outcome)}`;
    case "RUNNING":
      return "The same action is running already. Wait for it; it will not be run twice.";
    case "UNKNOWN":
      return "Whether the action took effect is not known. Check before anything is done about it; do not run it again.";
  }
}

/** Only what time or people may change is worth another try. */
function repeating(code: ReasonCode): string {
  if (code === "approval_queue_full") return "It may be tried again later, once some of what waits was decided.";
  if (code === "approval_expired") return "Submitting it again asks for approval once more.";
  return "Repeating it unchanged will not help.";
}

/** What the policy's own words offer in its place. They are written for whoever is refused. */
function instead({ decision }: Outcome): string {
  const offers = (decision?.remediations ?? []).map(offer);
  return offers.length === 0 ? "" : ` What could be done instead: ${offers.join("; ")}.`;
}

function offer({ title, summary, replacementTopic }: Remediation): string {
  const topic = replacementTopic === undefined ? "" : ` (topic ${replacementTopic})`;
  return `${title}${summary === undefined ? "" : `: ${summary}`}${topic}`;
}

function throttled(message: string, retryAfterMs: number | null): string {
  const wait =
    retryAfterMs === null ? "Waiting will not help" : `It may be tried again in ${Math.ceil(retryAfterMs / 1_000)} s`;
  return `The action did not run: ${message}. ${wait}.`;
}

function showOutput(output: unknown): string {
  if (output === undefined) return "nothing";
  if (typeof output === "string") return output;
  return JSON.stringify(output, plain) ?? "nothing";
}

/** Outputs may hold what JSON has no form for; the model is shown the nearest plain one. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Map) return [...value];
  if (value instanceof Set) return [...value];
  if (value instanceof Uint8Array) return `(${value.length} bytes)`;
  return value;
}
