import { type KnownCall, tenantAsked } from "../call.js";
import { QUEUE_PAGE } from "../console/live.js";
import { pageAnswer } from "../console/page.js";
import { queuePage } from "../console/queue-page.js";
import { requestPage } from "../console/request-page.js";
import { SCRIPT } from "../console/script.js";
import { STYLE } from "../console/style.js";
import { tracePage } from "../console/trace-page.js";
import type { Asked } from "../identity.js";
import { answer, HttpProblem } from "../problem.js";
import { checkHost, checkOrigin } from "../protect.js";
import { approvalAsked, queueAsked } from "./approvals.js";
import { traceAsked } from "./evidence.js";

/** `GET /`: the queue of approvals. */
export async function showQueue(call: KnownCall): Promise<Response> {
  return pageAnswer(queuePage(call.identity, await queueAsked(call, { limit: QUEUE_PAGE })));
}

/** `GET /approvals/:job_id`: one request, as its reviewer must see it. */
export async function showRequest(call: KnownCall): Promise<Response> {
  const { identity } = call;
  const approval = await approvalAsked(call);
  const { tenantId, jobId, traceId } = approval;
  const decide = identity.type !== "agent" && (await may(call, { action: "approvals.decide", tenantId, jobId }));
  const readTrace = await may(call, { action: "traces.read", tenantId: null, traceId });
  return pageAnswer(requestPage(identity, approval, { decide, readTrace }));
}

/** Whether they may: what a page offers. What it asks for is asked of them again. */
async function may({ permit }: KnownCall, asked: Asked): Promise<boolean> {
  try {
    await permit(asked);
    return true;
  } catch {
    return false;
  }
}

/** `GET /traces/:trace_id`: what happened, drawn. */
export async function showTrace(call: KnownCall): Promise<Response> {
  return pageAnswer(tracePage(call.identity, await traceAsked(call)));
}

/** `GET /console/events`: server-sent events, one whenever the queue has changed. */
export async function streamQueue(call: KnownCall): Promise<Response> {
  const { request, settings, live } = call;
  // A page of another site could hold all the streams that there are.
  checkOrigin(request, checkHost(request, settings.hosts));
  const tenantId = tenantAsked(call.identity, call.query.get("tenant_id"));
  await call.permit({ action: "approvals.read", tenantId });
  const stream = request.method === "HEAD" ? "" : live.open(tenantId);
  if (stream === null) {
    const detail = "too many pages are told of changes already";
    throw new HttpProblem({ status: 503, code: "streams_exhausted", detail, headers: { "retry-after": "5" } });
  }
  return answer(200, "text/event-stream", stream, { "x-accel-buffering": "no" });
}

/** `GET /console.css`: how the console looks. */
export async function getStyle(): Promise<Response> {
  return answer(200, "text/css; charset=utf-8", STYLE);
}

/** `GET /console.js`: what it does in a browser. */
export async function getScript(): Promise<Response> {
  return answer(200, "text/javascript; charset=utf-8", SCRIPT);
}
