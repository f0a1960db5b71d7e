import { ApprovalError, type ApprovalErrorCode, EvidenceError, StoreError } from "../errors.js";
import type { JsonObject } from "../outcome.js";
import { HttpProblem, type Problem, type ProblemStatus } from "./problem.js";

/** Refusals of an approval call that say something else than that the request stands otherwise by now. */
const STATUSES: Partial<Readonly<Record<ApprovalErrorCode, ProblemStatus>>> = {
  approval_unknown: 404,
  approver_invalid: 403,
  approver_is_requester: 403,
  approver_not_eligible: 403,
  approver_tenant_mismatch: 403,
};

/** What went wrong, as a problem. A mistake of ours, or of the host's, tells nothing of itself. */
export function problemOf(error: unknown): Problem {
  if (error instanceof HttpProblem) return error.problem;
  if (error instanceof ApprovalError) {
    const { code, message, help, approvalId } = error;
    const more: JsonObject = approvalId === null ? {} : { approval_id: approvalId };
    return { status: STATUSES[code] ?? 409, code, detail: message, help, more };
  }
  if (error instanceof EvidenceError) {
    const { code, message, help } = error;
    return { status: 409, code, detail: message, help };
  }
  // Of a store no more than its code: what it says names files.
  if (error instanceof StoreError) return { status: 503, code: error.code, detail: "the store does not answer" };
  return { status: 500, code: "internal_error", detail: "something went wrong here" };
}
