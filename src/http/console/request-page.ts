import type { ShownApproval, Vote } from "../../gate/approval.js";
import { span } from "../../gate/approval-text.js";
import type { Identity } from "../identity.js";
import { asked, query } from "./links.js";
import { type Markup, markup } from "./markup.js";
import type { Page } from "./page.js";
import { actorOf, ahead, markOf, moment, nowOf, type Progress, progressOf, stateOf } from "./words.js";

/** What somebody may do with the request that they look at. */
export interface May {
  readonly decide: boolean;
  readonly readTrace: boolean;
}

/** The page of one request: all that is approved, and the votes. */
export function requestPage(identity: Identity, approval: ShownApproval, may: May): Page {
  const { job, tenantId, traceId, text } = approval;
  const tenant = query({ tenant_id: asked(identity, tenantId) });
  return {
    ...{ title: job?.topic ?? "A request", root: "../", identity },
    events: `console/events${tenant}`,
    main: markup`<p><a href="${`../${tenant}`}">All approvals</a></p>
<h1 id="title" tabindex="-1">${job?.topic ?? "(content erased)"}</h1>
${standing(approval)}
<section aria-labelledby="what"><h2 id="what">What is approved</h2>
<div class="wide" role="group" aria-labelledby="what" tabindex="0"><pre>${text.split("\n").map((row) => markup`${row}\n`)}</pre></div>
</section>
${vote(approval, tenant, may)}
${may.readTrace ? markup`<p><a href="../traces/${encodeURIComponent(traceId)}">Everything that happened in this trace</a></p>` : null}`,
  };
}

/** How it stands: what may change while somebody looks. */
function standing(approval: ShownApproval): Markup {
  const { state, tenantId, decision, ageMs, expiresAt, votes } = approval;
  const isOpen = state === "pending" || state === "approved";
  return markup`<section id="standing" aria-labelledby="title" data-live data-mark="${markOf(approval)}" data-told="The request has changed: it is ${state}.">
<dl>
<div><dt>State</dt><dd>${stateOf(approval)}</dd></div>
<div><dt>Asked by</dt><dd>${actorOf(approval)}</dd></div>
<div><dt>Tenant</dt><dd>${tenantId}</dd></div>
<div><dt>Why</dt><dd>${decision.reason} <span class="faint">(rule ${decision.ruleId})</span></dd></div>
<div><dt>Waiting</dt><dd>${span(ageMs)}</dd></div>
${isOpen ? markup`<div><dt>${state === "approved" ? "To be used" : "Expires"}</dt><dd>${ahead(expiresAt, nowOf(approval))}, ${moment(expiresAt)}</dd></div>` : null}
</dl>
<h2>Approvals</h2>
<ul class="progress">${progressOf(approval).map(progress)}</ul>
${votes.length === 0 ? null : markup`<ul class="votes">${votes.map(cast)}</ul>`}
</section>`;
}

function progress({ requirement, given }: Progress): Markup {
  const { quorum, roles, kinds, ruleId } = requirement;
  const who = `${kinds.join(" or ")}${roles === undefined ? "" : ` with a role of ${roles.join(", ")}`}`;
  return markup`<li><progress value="${Math.min(given, quorum)}" max="${quorum}" aria-label="${given} of ${quorum}"></progress> ${given} of ${quorum}, ${who} <span class="faint">(rule ${ruleId})</span></li>`;
}

function cast({ approver, vote: word, at, note }: Vote): Markup {
  return markup`<li><b>${word}</b> by ${approver.id} <span class="faint">(assurance ${approver.assurance})</span>, ${moment(at)}${note === null ? null : markup`<q>${note}</q>`}</li>`;
}

/** Votes are sent by the script, as JSON, with the view that stands here: so what is approved is what was seen. */
function vote(approval: ShownApproval, tenant: string, { decide }: May): Markup | null {
  const { state, job, jobId, view } = approval;
  if ((state !== "pending" && state !== "approved") || job === null) return null;
  if (!decide) return markup`<p class="faint">You may read this request, and not decide it.</p>`;
  const call = (word: string): string => `../api/v1/approvals/${encodeURIComponent(jobId)}/${word}${tenant}`;
  return markup`<section id="vote" aria-labelledby="vote-title"><h2 id="vote-title">Your vote</h2>
<noscript><p>To vote here needs JavaScript. Without it, <code>dispatch-gate approvals</code> votes on a terminal.</p></noscript>
<form data-view="${view}" data-state="${state}" data-approve="${call("approve")}" data-reject="${call("reject")}" hidden>
<label for="note">Note <span class="faint">(optional, kept with the vote)</span></label>
<textarea id="note" name="note" rows="3" maxlength="4096"></textarea>
<p class="faint">Approving runs nothing by itself. One rejection ends the request.</p>
<p class="buttons">${state === "pending" ? markup`<button type="submit" value="approve">Approve</button> ` : null}<button type="submit" value="reject" class="reject">Reject</button></p>
</form></section>`;
}
