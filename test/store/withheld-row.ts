import type { Quarantine } from "../../src/store/quarantine.js";
import type { JobRow } from "../../src/store/rows.js";

/** The row of a job whose output was withheld, with this of it kept. */
export function withheldRow(kept: Partial<Quarantine>, changes: Partial<JobRow> = {}): JobRow {
  return {
    tenantId: "acme",
    id: "j",
    traceId: "t",
    hash: "h",
    status: "QUARANTINED",
    owner: "o",
    dispatcher: "default",
    approvalId: null,
    decision: null,
    reason: { code: "output_quarantined", message: "m" },
    constraints: null,
    result: JSON.stringify(kept),
    commitment: "c",
    requesters: null,
    createdAt: 1,
    updatedAt: 2,
    erasedAt: null,
    degraded: false,
    ...changes,
  };
}
