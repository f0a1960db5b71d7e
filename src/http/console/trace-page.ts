import { span } from "../../gate/approval-text.js";
import type { Timeline, TimelineEntry } from "../../gate/timeline.js";
import type { Identity } from "../identity.js";
import { requestPath } from "./links.js";
import { type Markup, markup } from "./markup.js";
import type { Page } from "./page.js";
import { moment } from "./words.js";

/** How many events are drawn: anybody can name their jobs' traces alike. */
const MOST_EVENTS = 500;

/** The page of one trace: its events in order, each where it stands in the time that all of them took. */
export function tracePage(identity: Identity, { traceId, entries }: Timeline): Page {
  const drawn = entries.slice(0, MOST_EVENTS);
  const [first, last] = [drawn[0]?.at ?? 0, drawn.at(-1)?.at ?? 0];
  const more = entries.length - drawn.length;
  const whole = `../api/v1/traces/${encodeURIComponent(traceId)}`;
  return {
    ...{ title: `Trace ${traceId}`, root: "../", identity },
    main: markup`<h1>Trace <code>${traceId}</code></h1>
<p class="faint">${entries.length === 1 ? "1 event" : `${entries.length} events`}, ${moment(first)}, within ${took(last - first)}</p>
<ol class="timeline">
${drawn.map((entry, index) => event(identity, entry, { first, last, before: drawn[index - 1]?.at ?? first }))}
</ol>
${more === 0 ? null : markup`<p>${more} more are not drawn.</p>`}
<p><a href="${whole}">The same as data</a></p>`,
  };
}

interface Span {
  readonly first: number;
  readonly last: number;
  /** When the event before was. */
  readonly before: number;
}

function event(identity: Identity, { at, type, summary, note, body }: TimelineEntry, within: Span): Markup {
  const { job_id: jobId, tenant_id: tenantId } = body;
  const isAsked = type === "approval.requested" && typeof jobId === "string" && typeof tenantId === "string";
  return markup`<li>
<span class="when">${moment(at)} (after ${took(at - within.first)})</span> <span class="what">${type}</span>
<div>${summary}${isAsked ? markup` <a href="../${requestPath(identity, jobId, tenantId)}">See the request</a>` : null}</div>
${note === null ? null : markup`<q>${note}</q>`}
${bar(at, within)}
</li>
`;
}

/** How wide a bar is drawn, in units of its own. */
const WIDTH = 1_000;

/** Where an event stands, and how long it is since the one before. What it shows is told in words beside it. */
function bar(at: number, { first, last, before }: Span): Markup {
  const place = (time: number): number => (last === first ? 0 : Math.round(((time - first) / (last - first)) * WIDTH));
  const [from, to] = [Math.min(place(before), place(at)), place(at)];
  return markup`<svg viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" aria-hidden="true"><rect class="track" y="4" width="${WIDTH}" height="2"/><rect class="since" x="${from}" y="4" width="${to - from}" height="2"/><rect class="at" x="${Math.min(to, WIDTH - 8)}" width="8" height="10" rx="2"/></svg>`;
}

/** How long something took, the more exactly the less that is. */
function took(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : span(ms);
}
