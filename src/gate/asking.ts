import { canonicalize } from "../canonical.js";
import { digest } from "../digest.js";
import type { Decision, Json, JsonObject } from "../outcome.js";
import type { Policy } from "../policy/policy.js";
import type { QueueBounds } from "../store/port.js";
import type { Settings } from "./options.js";

/** The spans of one request, in whole milliseconds. */
export interface Spans {
  readonly expiresInMs: number;
  readonly useWithinMs: number;
  readonly rejectionStandsMs: number;
}

/** The spans that hold for a decision: the earliest expiry that any requirement asks for counts. */
export function spansOf(decision: Decision, { approvals: spans }: Policy): Spans {
  const expiries = decision.obligations.approvals.map(({ expiresInSec }) => expiresInSec ?? spans.expiresInSec);
  return {
    expiresInMs: toMs(Math.min(...expiries)),
    useWithinMs: toMs(spans.useWithinSec),
    rejectionStandsMs: toMs(spans.rejectionStandsSec),
  };
}

/** Rounded up. */
function toMs(seconds: number): number {
  return Math.ceil(seconds * 1_000);
}

/**
 * What of a decision an approval is given for: its type and obligations, how long the approval may live, and who will act;
 * not ids, reasons or order.
 */
export function fingerprint(decision: Decision, dispatcher: string, spans: Spans): string {
  const { approvals, limits, pools, outputs } = decision.obligations;
  const sorted = (list: readonly object[]): readonly string[] => sortedJson(list as readonly JsonObject[]);
  return digest(
    "fingerprint",
    canonicalize({
      type: decision.type,
      dispatcher,
      spans: { ...spans },
      erred: [...decision.erred].sort(),
      approvals: sorted(approvals.map(requirementPrint)),
      limits: sorted(limits.map(({ limit, windowSec, per }) => ({ limit, windowSec, per: [...per].sort() }))),
      pools: sorted(pools.map(({ maxConcurrent }) => ({ maxConcurrent }))),
      outputs: sorted(outputs.map(({ detect, action }) => ({ detect: sortedJson(detect), action }))),
      constraints: JSON.parse(JSON.stringify(decision.constraints)) as JsonObject,
    }),
  );
}

/** Its expiry counts among the spans; the order of roles and kinds counts for nothing. */
function requirementPrint({
  ruleId: _rule,
  expiresInSec: _span,
  roles,
  kinds,
  ...rest
}: Decision["obligations"]["approvals"][number]): object {
  return { ...rest, kinds: [...kinds].sort(), ...(roles === undefined ? {} : { roles: [...roles].sort() }) };
}

function sortedJson(list: readonly Json[]): readonly string[] {
  return list.map((item) => canonicalize(item)).sort();
}

/** The bounds of the policy and of the gate, of each the tighter: the lesser number over the longer window. */
export function queueBounds({ queue }: Pick<Policy, "queue">, { queue: own }: Pick<Settings, "queue">): QueueBounds {
  const requests = queue.maxRequestsPerActor;
  const { limit, windowSec } = own.maxRequestsPerActor ?? requests;
  return {
    maxPending: Math.min(queue.maxPending, own.maxPending ?? queue.maxPending),
    maxPendingPerActor: Math.min(queue.maxPendingPerActor, own.maxPendingPerActor ?? queue.maxPendingPerActor),
    maxRequestsPerActor: {
      limit: Math.min(requests.limit, limit),
      windowMs: toMs(Math.max(requests.windowSec, windowSec)),
    },
  };
}
