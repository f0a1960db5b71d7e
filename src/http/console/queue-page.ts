import type { Approval } from "../../gate/approval.js";
import { span } from "../../gate/approval-text.js";
import type { Identity } from "../identity.js";
import type { QueueAsked } from "../routes/approvals.js";
import { asked, query, requestPath } from "./links.js";
import { type Markup, markup } from "./markup.js";
import type { Page } from "./page.js";
import { actorOf, ahead, markOf, nowOf, stateOf, votesOf } from "./words.js";

/** The page of the queue. */
export function queuePage(identity: Identity, queue: QueueAsked): Page {
  const { tenantId, items, next } = queue;
  const told =
    items.length === 0 ? "Nothing waits for approval" : `${items.length} open${next === null ? "" : ", and more"}`;
  return {
    ...{ title: "Approvals", root: "", identity },
    events: `console/events${query({ tenant_id: asked(identity, tenantId) })}`,
    main: markup`<h1 id="title" tabindex="-1">Approvals</h1>
${tenants(identity, tenantId)}
<section id="queue" aria-labelledby="title" data-live data-mark="${items.map(markOf).join(", ")}" data-told="The queue has changed: ${told.toLowerCase()}.">
<p class="count">${told}</p>
${items.length === 0 ? null : table(identity, items)}
${next === null ? null : markup`<p><a href="${`./${query({ tenant_id: asked(identity, tenantId), after: next })}`}" rel="next">Next page</a></p>`}
</section>`,
  };
}

function table(identity: Identity, items: readonly Approval[]): Markup {
  const everyTenant = identity.tenants !== undefined;
  return markup`<div class="wide" role="group" aria-labelledby="title" tabindex="0"><table>
<thead><tr><th scope="col">Request</th>${everyTenant ? markup`<th scope="col">Tenant</th>` : null}<th scope="col">Asked by</th><th scope="col">Waiting</th><th scope="col">Expires</th><th scope="col">Approvals</th><th scope="col">State</th></tr></thead>
<tbody>
${items.map((item) => row(identity, item, everyTenant))}
</tbody>
</table></div>`;
}

function row(identity: Identity, approval: Approval, everyTenant: boolean): Markup {
  const { job, jobId, tenantId, decision, ageMs, expiresAt } = approval;
  return markup`<tr>
<th scope="row"><a href="${requestPath(identity, jobId, tenantId)}">${job?.topic ?? "(content erased)"}</a><span class="why">${decision.reason}</span></th>
${everyTenant ? markup`<td>${tenantId}</td>` : null}<td>${actorOf(approval)}</td><td>${span(ageMs)}</td><td>${ahead(expiresAt, nowOf(approval))}</td><td>${votesOf(approval)}</td><td>${stateOf(approval)}</td>
</tr>
`;
}

/** For who has a part in several tenants: which of them is looked at. */
function tenants({ tenantId, tenants: more }: Identity, shown: string | null): Markup | null {
  if (more === undefined) return null;
  const own = tenantId ?? "default";
  const named = more === "all" ? [...new Set([own, ...(shown === null ? [] : [shown])])] : [...new Set([own, ...more])];
  const link = (name: string, text: string, isShown: boolean): Markup =>
    markup`<li><a href="${`./${name}`}" ${isShown ? markup`aria-current="page"` : null}>${text}</a></li>`;
  return markup`<nav aria-label="Tenants"><ul class="tenants">
${more === "all" ? link("", "every tenant", shown === null) : null}${named.map((name) => link(query({ tenant_id: name }), name, name === shown))}
</ul></nav>`;
}
