import { ApprovalError } from "../errors.js";
import { decideAdmitted } from "../policy/policy.js";
import { union } from "../store/approval-state.js";
import type { DecidedAnew, StoredApproval } from "../store/port.js";
import { unreadable } from "./approval-refusal.js";
import { fingerprint, spansOf } from "./asking.js";
import type { Core } from "./core.js";
import { evaluate } from "./line.js";
import { readBack } from "./stored-job.js";
import { deriveTags } from "./tags.js";

/** What only a gate can do for a request: it has the host's configuration. */
export interface Reconsider {
  /** What the policy in force says of the job now. Rejects with an `ApprovalError` when that cannot be told. */
  readonly decide: (stored: StoredApproval) => Promise<DecidedAnew>;
  /** Decides the job of a request again and records it: what no longer holds is superseded. */
  readonly renew: (approvalId: string) => Promise<void>;
  /** Takes over the policy in force. */
  readonly adopt: () => Promise<void>;
}

/** Decides again, under the policy in force, what approval was asked for. */
export function createReconsider(core: Core): Reconsider {
  return {
    adopt: core.adopt,

    decide: async ({ row, vault }) => {
      const read = readBack(vault, { id: row.jobId, traceId: row.traceId, hash: row.jobHash });
      if (!read.ok) throw unreadable();
      const { job } = read.admission;
      const derived = await deriveTags(core, job, core.clock.monotonic() + core.settings.deadlineMs);
      if (!derived.ok) {
        throw new ApprovalError("approval_policy_changed", `the job cannot be decided: ${derived.reason.message}`);
      }
      // What was derived once counts for good: a tag that is not derived any more does not loosen anything.
      const derivedTags = union(row.derivedTags, derived.tags);
      const { policy, epoch } = core.inForce();
      const decision = decideAdmitted(policy, job, derivedTags, core.settings.declaredTags);
      const asks = decision.type === "REQUIRE_APPROVAL";
      return {
        epoch,
        snapshot: policy.snapshot,
        fingerprint: asks ? fingerprint(decision, row.dispatcher, spansOf(decision, policy)) : null,
        derivedTags,
        binding: core.settings.approvalBinding,
      };
    },

    renew: async (approvalId) => {
      const { jobs = [] } = await core.store.read({ kind: "waiting", approvalId, limit: 1 });
      const [waiting] = jobs;
      if (waiting === undefined) return;
      const read = readBack(waiting.vault, waiting.row);
      if (!read.ok) return;
      await evaluate(core, {
        enter: async () => ({ ok: true, admission: read.admission }),
        choose: () => core.dispatchers.chooseFor(waiting.row.dispatcher, undefined),
        intent: "evaluate",
        opens: false,
        submitter: undefined,
        signal: undefined,
        stream: false,
      });
    },
  };
}
