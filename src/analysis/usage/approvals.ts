import type { Json, JsonObject } from "../../outcome.js";
import { createTally, type RecordedList, textsOf } from "./tally.js";

/** What became of the approvals that one rule asked for. */
export interface ApprovalUsage {
  /** `@default` for the policy's default. */
  readonly id: string;
  /** Requests that were opened for it, alone or with others. */
  readonly requested: number;
  readonly granted: number;
  readonly rejected: number;
  /** Ended without a decision: nobody voted in time, or the policy changed. */
  readonly lapsed: number;
  readonly verdict: ApprovalVerdict;
}

/**
 * `always_granted` and `always_rejected`: every request that was decided was so decided, and there is one.
 * `never_decided`: there are requests, and nobody decided any. `never_requested`: there are none.
 * `not_known`: the log does not show enough to say one of these.
 */
export type ApprovalVerdict =
  | "always_granted"
  | "always_rejected"
  | "mixed"
  | "never_decided"
  | "never_requested"
  | "not_known";

type State = "open" | "granted" | "rejected" | "lapsed";

interface Request {
  readonly rules: readonly string[];
  state: State;
}

export interface ApprovalTally {
  readonly request: (id: Json | undefined, approvals: RecordedList) => void;
  /** Takes a vote or the end of a request. False where it decides a request that the log does not show. */
  readonly resolve: (body: JsonObject, type: "approval.voted" | "approval.resolved") => boolean;
  /** An event that may have been a request, or a vote, could not be read. */
  readonly blur: () => void;
  readonly report: () => readonly ApprovalUsage[];
}

/** Follows each request from its opening to its end. `ids` are those that can ask, in the order of a decision's list. */
export function createApprovalTally(ids: readonly string[]): ApprovalTally {
  const requests = new Map<string, Request>();
  const asked = createTally(ids);
  /** Votes that ended requests which the log does not show, each of which may have been any rule's. */
  const strays = { granted: 0, rejected: 0 };

  return {
    request: (id, approvals) => {
      if (typeof id !== "string") return;
      asked.take(approvals, []);
      requests.set(id, { rules: textsOf(approvals), state: "open" });
    },
    resolve: ({ approval_id: id, state: given }, type) => {
      const state = stateOf(given, type);
      if (state === null) return true;
      const request = typeof id === "string" ? requests.get(id) : undefined;
      if (request === undefined) {
        if (state === "lapsed") return true;
        strays[state] += 1;
        return false;
      }
      // An approval that nobody used was granted all the same.
      if (request.state === "open") request.state = state;
      return true;
    },
    blur: asked.blur,
    report: () => {
      const ends = endsOf(requests.values());
      const usage = asked.report().map(({ id, matched: requested, exact }): ApprovalUsage => {
        const { granted, rejected, lapsed } = ends.get(id) ?? NO_ENDS;
        const verdict = verdictOf(requested, granted, rejected, exact, strays);
        return { id, requested, granted, rejected, lapsed, verdict };
      });
      return [...usage.filter(({ id }) => id !== "@default"), ...usage.filter(({ id }) => id === "@default")];
    },
  };
}

type Ends = Readonly<Record<State, number>>;

const NO_ENDS: Ends = { open: 0, granted: 0, rejected: 0, lapsed: 0 };

/** How the requests of each rule ended. */
function endsOf(requests: Iterable<Request>): ReadonlyMap<string, Ends> {
  const ends = new Map<string, Ends>();
  for (const { rules, state } of requests) {
    for (const id of rules) {
      const before = ends.get(id) ?? NO_ENDS;
      ends.set(id, { ...before, [state]: before[state] + 1 });
    }
  }
  return ends;
}

/** Null: the request goes on. */
function stateOf(given: Json | undefined, type: "approval.voted" | "approval.resolved"): Exclude<State, "open"> | null {
  if (type === "approval.resolved") return "lapsed";
  if (given === "approved") return "granted";
  return given === "rejected" ? "rejected" : null;
}

function verdictOf(
  requested: number,
  granted: number,
  rejected: number,
  known: boolean,
  strays: { readonly granted: number; readonly rejected: number },
): ApprovalVerdict {
  if (granted > 0 && rejected > 0) return "mixed";
  if (!known) return "not_known";
  if (granted > 0) return strays.rejected > 0 ? "not_known" : "always_granted";
  if (rejected > 0) return strays.granted > 0 ? "not_known" : "always_rejected";
  if (strays.granted + strays.rejected > 0) return "not_known";
  return requested > 0 ? "never_decided" : "never_requested";
}
