import { displayLiteral } from "../evidence/display.js";
import type { Approval, ShownApproval } from "../gate/approval.js";
import type { ApprovalStats } from "../gate/stats.js";
import { count, type Ink, inked, type Line } from "./print.js";

/** Requests, one a line; topics and actors are of the grammar of jobs, and hold no space. */
export function listLines(items: readonly Approval[]): readonly Line[] {
  if (items.length === 0) return [["nothing waits for approval"]];
  return items.map((approval) => {
    const { id, state, job, ageMs, decision } = approval;
    const who = job?.actor?.id ?? "no actor";
    const votes = count(approval.votes.filter(({ vote }) => vote === "approve").length, "approval");
    return [
      `${id}  `,
      inked(INKS[state] ?? "faint", state.padEnd(10)),
      `  ${minutes(ageMs).padStart(9)}  ${votes}  ${job?.topic ?? "(content erased)"} by ${who}  `,
      inked("faint", displayLiteral(decision.reason)),
    ];
  });
}

const INKS: Readonly<Record<string, Ink>> = { pending: "wait", approved: "good", rejected: "bad", revoked: "bad" };

/** All of one request, and the command that approves it. The text was made safe to show where it was made. */
export function approvalLines(approval: ShownApproval, command: string): readonly Line[] {
  const lines = approval.text.split("\n").map((line): Line => [line]);
  if (approval.state !== "pending" || approval.job === null) return lines;
  return [...lines, ["To approve exactly this:"], ["  ", inked("strong", command)]];
}

/** The queue in numbers. */
export function statsLines(stats: ApprovalStats): readonly Line[] {
  const { depth, capacity, oldestAgeMs, approvedNotDispatched, expired, decided } = stats;
  const took = (ms: number | null): string => (ms === null ? "-" : minutes(ms));
  return [
    [`pending              ${depth} of ${capacity}`],
    [`oldest               ${took(oldestAgeMs)}`],
    [`approved, not run    ${approvedNotDispatched}`],
    [`lapsed               ${expired} within ${minutes(stats.windowSec * 1_000)}`],
    [`decided              ${decided}, median ${took(stats.medianDecisionMs)}, p95 ${took(stats.p95DecisionMs)}`],
  ];
}

function minutes(ms: number): string {
  return ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : `${Math.floor(ms / 60_000)} min`;
}
