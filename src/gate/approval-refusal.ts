import { ApprovalError } from "../errors.js";
import type { VoteRefusal } from "../store/port.js";
import type { ApprovalRow } from "../store/rows.js";

/** There is no request of that id, or of that job. */
export function unknownApproval(): ApprovalError {
  return new ApprovalError("approval_unknown", "there is no such approval request");
}

/** What would be approved is not there any more, or is not what was hashed. */
export function unreadable(): ApprovalError {
  return new ApprovalError("approval_unreadable", "the job's content was erased, or is not what was hashed", {
    help: "reject the request, or let it lapse",
  });
}

/** The request no longer holds; what takes its place, if anything does, is named. */
export function supersededBy(approvalId: string | null): ApprovalError {
  const help =
    approvalId === null ? "the policy asks for no approval of this job any more" : "look at the request in its place";
  return new ApprovalError("approval_superseded", "the request was superseded: the policy decides the job anew", {
    help,
    approvalId,
  });
}

/** The request was made under another policy, and whoever votes here cannot decide the job anew. */
export function policyChanged(): ApprovalError {
  return new ApprovalError("approval_policy_changed", "the policy has changed since approval was asked for", {
    help: "vote through a gate, or wait until one has decided the job again",
  });
}

/** What a store's refusal of a vote, a cancellation or a lifting is to its caller. */
export function approvalRefusal(status: VoteRefusal, approval: ApprovalRow | null): ApprovalError {
  switch (status) {
    case "unknown":
      return unknownApproval();
    case "resolved":
      return resolved(approval);
    case "expired":
      return new ApprovalError("approval_expired", "the request has expired", { help: "submit the job again" });
    case "view_mismatch":
      return new ApprovalError("approval_view_mismatch", "the view is not that of the request as it stands", {
        help: "look at the request again, and vote on what is shown then",
      });
    case "not_approved":
      return new ApprovalError("approval_not_approved", "only an approved request can be revoked", {
        help: "reject one that is pending",
      });
    case "not_rejected":
      return new ApprovalError("approval_not_rejected", "no rejection stands here that could be lifted");
    case "stale":
      return policyChanged();
    case "is_requester":
      return new ApprovalError("approver_is_requester", "who asked for an approval may not decide it");
    case "tenant_mismatch":
      return new ApprovalError("approver_tenant_mismatch", "the approver may not decide for this tenant");
    case "not_eligible":
      return new ApprovalError("approver_not_eligible", "the approver counts for none of the request's requirements", {
        help: "see the `kinds`, `roles` and `assurance` of its requirements",
      });
    case "view_required":
      return new ApprovalError(
        "approver_view_required",
        "an approval of this request must name the view that was shown",
        {
          help: "pass the `view` of the approval that was looked at",
        },
      );
    case "already_voted":
      return new ApprovalError("approver_already_voted", "the approver has voted on this request already");
    case "not_requester":
      return new ApprovalError("canceller_not_requester", "only who asked for a job may withdraw it", {
        help: "an approver rejects it",
      });
  }
}

function resolved(approval: ApprovalRow | null): ApprovalError {
  switch (approval?.state) {
    case "rejected":
    case "revoked":
      return new ApprovalError("approval_rejected", `the request is ${approval.state} already`);
    case "superseded":
      return supersededBy(approval.supersededBy);
    default:
      return new ApprovalError("approval_resolved", `the request is ${approval?.state ?? "resolved"} already`);
  }
}
