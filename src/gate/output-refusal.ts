import { ApprovalError, OutputError } from "../errors.js";
import type { Approver, ReleaseRefusal } from "../store/port.js";
import { type GivenBy, readApprover } from "./approver.js";

/** What a store's refusal of a release is to its caller. */
export function outputRefusal(status: ReleaseRefusal): OutputError {
  switch (status) {
    case "unknown":
      return new OutputError("output_unknown", "there is no such output");
    case "not_quarantined":
      return new OutputError("output_not_quarantined", "no output of the job was withheld");
    case "not_kept":
      return new OutputError("output_not_kept", "nothing of the output is kept, so it cannot be released", {
        help: "it was discarded, erased, too large to keep, or nothing that could be kept",
      });
    case "damaged":
      return new OutputError("output_damaged", "what is kept is not the output that was withheld", {
        help: "look for whoever changed the store beside the gate",
      });
    case "released":
      return new OutputError("output_released", "the output was released already", {
        help: "it is delivered once: ask whoever released it",
      });
    case "view_mismatch":
      return new OutputError("output_view_mismatch", "the view is not that of the output as recorded", {
        help: "look at the output again, and pass the `view` that is shown then",
      });
    case "is_requester":
      return new OutputError("output_is_requester", "who asked for a job may not release its output");
    case "tenant_mismatch":
      return new OutputError("output_tenant_mismatch", "the approver may not decide for this tenant");
    case "not_eligible":
      return new OutputError("output_not_eligible", "only a person may release an output");
  }
}

/** Several tenants have a job of the id that was named. */
export function ambiguousJob(): OutputError {
  return new OutputError("job_id_ambiguous", "several tenants have a job of that id", { help: "name the `tenantId`" });
}

/** Who releases, checked and copied, on the host's word. Throws an `OutputError` for an identity that is none. */
export function readReleaser(by: GivenBy): Approver {
  try {
    return readApprover(by, "host");
  } catch (error) {
    if (!(error instanceof ApprovalError)) throw error;
    throw new OutputError("approver_invalid", error.message, error.help === undefined ? {} : { help: error.help });
  }
}
