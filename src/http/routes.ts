import type { Call, KnownCall } from "./call.js";
import { decideApproval, getApproval, listApprovals } from "./routes/approvals.js";
import { getScript, getStyle, showQueue, showRequest, showTrace, streamQueue } from "./routes/console.js";
import { getCheckpoint, getTrace } from "./routes/evidence.js";
import { getJob, submitJob } from "./routes/jobs.js";
import { getDocument } from "./routes/openapi.js";
import { getPolicy, simulatePolicy } from "./routes/policy.js";
import { getHealth, getMetrics } from "./routes/standing.js";

/** One thing that can be asked over HTTP. */
export type Route = {
  readonly method: "GET" | "POST";
  /** As Hono and, with braces, OpenAPI write it. */
  readonly path: string;
  /** What its query may name. */
  readonly query: readonly string[];
} & (
  | { readonly who: "known"; readonly handle: (call: KnownCall) => Promise<Response> }
  /** Needs no identity, and may be asked under any name of the host. */
  | { readonly who: "anybody"; readonly handle: (call: Call) => Promise<Response> }
);

type Known = Extract<Route, { readonly who: "known" }>["handle"];
type Anybody = Extract<Route, { readonly who: "anybody" }>["handle"];

const known = (method: Route["method"], path: string, handle: Known, query: readonly string[] = []): Route => ({
  ...{ method, path, query, handle },
  who: "known",
});

const anybody = (path: string, handle: Anybody): Route => ({
  ...{ method: "GET", path, query: [], handle },
  who: "anybody",
});

const TENANT = ["tenant_id"];

/** The API: all of it answers in JSON, or says what it answers in. What is `POST` changes something, or tells what is not for the history of a browser; `GET` changes nothing. */
export const ROUTES: readonly Route[] = [
  known("POST", "/api/v1/jobs", submitJob),
  known("GET", "/api/v1/jobs/:job_id", getJob, TENANT),
  known("GET", "/api/v1/approvals", listApprovals, ["include_resolved", "tenant_id", "after", "limit"]),
  known("GET", "/api/v1/approvals/:job_id", getApproval, TENANT),
  known("POST", "/api/v1/approvals/:job_id/approve", decideApproval("approve"), TENANT),
  known("POST", "/api/v1/approvals/:job_id/reject", decideApproval("reject"), TENANT),
  known("GET", "/api/v1/traces/:trace_id", getTrace),
  known("GET", "/api/v1/policy", getPolicy),
  known("POST", "/api/v1/policy/simulate", simulatePolicy),
  known("GET", "/api/v1/audit/checkpoint", getCheckpoint),
  known("GET", "/metrics", getMetrics),
  anybody("/healthz", getHealth),
  anybody("/openapi.json", getDocument),
];

/** The pages of the console, for people: what goes wrong is told as a page, too. */
export const PAGES: readonly Route[] = [
  known("GET", "/", showQueue, ["tenant_id", "after"]),
  known("GET", "/approvals/:job_id", showRequest, TENANT),
  known("GET", "/traces/:trace_id", showTrace),
];

/** What the pages are made with. */
export const PARTS: readonly Route[] = [
  known("GET", "/console/events", streamQueue, TENANT),
  anybody("/console.css", getStyle),
  anybody("/console.js", getScript),
];
