import type { Outcome } from "dispatch-gate";
import { compare, type Fact, nameOf, type Result, together } from "../check.js";
import { readDesk } from "../desk.js";
import { REVIEWER, type Verdict } from "../reviewer.js";
import type { Site } from "../site.js";

/** The job of this step. */
export const UPDATE = "update-ticket";
const TICKET = "T-1002";

/** A production write is held, shown to a person, and then runs once, or never. */
export async function updateTicket(site: Site): Promise<readonly Result[]> {
  const { gate } = site;
  const { tickets } = await readDesk(site.deskPath);
  const subject = tickets.find(({ id }) => id === TICKET)?.subject ?? "";
  const payload = { ticket: TICKET, status: "resolved", resolution: `refund booked, as asked in "${subject}"` };
  const held = await site.submit(UPDATE, "update-ticket", payload);
  const asked = compare(
    "update a ticket in production",
    "REQUIRE_APPROVAL → PENDING_APPROVAL (require-approval-prod-write)",
    held,
    await ticketIs(site.deskPath, "open", 1),
  );

  const approval = await gate.approvals.get({ jobId: UPDATE });
  if (approval === null) return [asked, notReviewed(held)];
  const verdict = await site.review(approval);
  await gate.approvals[verdict.vote]({ jobId: UPDATE }, { by: REVIEWER, note: verdict.note });
  const outcome = await gate.resume(UPDATE);
  // Resumed once more, it must tell the same and do nothing.
  await gate.resume(UPDATE);
  return [asked, await judged(site, verdict, outcome)];
}

async function judged(site: Site, verdict: Verdict, outcome: Outcome): Promise<Result> {
  const kept = await noteIsKept(site, verdict);
  if (verdict.vote === "approve") {
    const expected = "REQUIRE_APPROVAL → SUCCEEDED (require-approval-prod-write)";
    const disk = together(await ticketIs(site.deskPath, "resolved", 2), kept);
    return compare("approved, resumed twice", expected, outcome, disk);
  }
  const expected = "REQUIRE_APPROVAL → DENIED (require-approval-prod-write)";
  return compare(
    "rejected, resumed twice",
    expected,
    outcome,
    together(await ticketIs(site.deskPath, "open", 1), kept),
  );
}

async function noteIsKept({ gate }: Site, { note }: Verdict): Promise<Fact> {
  const approval = await gate.approvals.get({ jobId: UPDATE });
  const ok = approval?.votes.length === 1 && approval.votes[0]?.note === note;
  return { found: `the note is ${ok ? "kept" : "lost"}`, ok };
}

function notReviewed(held: Outcome): Result {
  const expected = "a request for approval";
  return { step: "reviewed", expected, got: nameOf(held), disk: { found: "nobody was asked", ok: false } };
}

/** Looks in the desk's file whether the ticket stands as it should. */
export async function ticketIs(deskPath: string, status: string, version: number): Promise<Fact> {
  const { tickets } = await readDesk(deskPath);
  const row = tickets.find(({ id }) => id === TICKET);
  return {
    found: `${TICKET} is ${row?.status ?? "gone"}, version ${row?.version ?? "none"}`,
    ok: row?.status === status && row.version === version,
  };
}
