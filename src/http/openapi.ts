import type { JsonObject } from "../outcome.js";
import { OPENAPI_SCHEMAS } from "./openapi-schemas.js";

const JSON_TYPE = "application/json";

const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });
const json = (description: string, schema: JsonObject, headers?: JsonObject): JsonObject => ({
  description,
  ...(headers === undefined ? {} : { headers }),
  content: { [JSON_TYPE]: { schema } },
});
const problem = (description: string, schema = ref("Problem"), headers?: JsonObject): JsonObject => ({
  description,
  ...(headers === undefined ? {} : { headers }),
  content: { "application/problem+json": { schema } },
});

const inPath = (name: string, description: string): JsonObject => ({
  name,
  in: "path",
  required: true,
  description,
  schema: { type: "string" },
});
const inQuery = (name: string, description: string, schema: JsonObject): JsonObject => ({
  name,
  in: "query",
  description,
  schema,
});

const TENANT = inQuery("tenant_id", "A tenant that the identity has a part in; default: its own.", { type: "string" });
const JOB_ID = inPath("job_id", "The id of a job.");
const RETRY_AFTER: JsonObject = {
  "Retry-After": {
    description: "Seconds; absent where waiting does not help.",
    schema: { type: "integer", minimum: 0 },
  },
};
const LOCATION: JsonObject = {
  Location: { description: "Where the job is asked for.", schema: { type: "string" } },
};
const KEY: JsonObject = {
  name: "Idempotency-Key",
  in: "header",
  description: "1 to 256 printable ASCII characters. The same key of the same identity is the same request.",
  schema: { type: "string", minLength: 1, maxLength: 256 },
};

/** Problems that every route but those for anybody may answer. */
const COMMON: JsonObject = {
  400: problem("The query or the body is not what it should be."),
  401: problem("Nobody is known to ask."),
  403: problem("You may not do this."),
  421: problem("The service does not go by that name."),
  503: problem("The store, or the login, does not answer."),
};

/** What a body may do wrong. */
const BODY: JsonObject = {
  408: problem("The body took too long to come."),
  413: problem("The body is too large."),
  415: problem("The body is not `application/json`."),
};

const body = (schema: JsonObject): JsonObject => ({ required: true, content: { [JSON_TYPE]: { schema } } });

const vote = (word: string): JsonObject => ({
  post: {
    operationId: `${word}Approval`,
    summary: `Vote to ${word}. Approving runs nothing by itself.`,
    parameters: [JOB_ID, TENANT, KEY],
    requestBody: body(ref("Vote")),
    responses: {
      ...COMMON,
      ...BODY,
      200: json("The request as it is now.", ref("Approval")),
      404: problem("There is no such request."),
      409: problem("The request is not what it was, or several tenants have such a job."),
    },
  },
});

/** What the handler serves, as an OpenAPI 3.1 document. */
export const OPENAPI_DOCUMENT: JsonObject = {
  openapi: "3.1.1",
  info: {
    title: "dispatch-gate",
    version: "1.0.0",
    summary: "A policy gate for AI agents: jobs, approvals and evidence.",
    description:
      "Times are milliseconds since 1970-01-01T00:00:00Z. Who somebody is, of which tenant, and what they may do is the host's word, " +
      "never the body's. Problems are RFC 9457 documents with a stable `code`.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "/" }],
  security: [{ host: [] }],
  paths: {
    "/api/v1/jobs": {
      post: {
        operationId: "submitJob",
        summary: "Decide a job, and run it where the policy permits.",
        parameters: [
          KEY,
          {
            name: "Prefer",
            in: "header",
            description: "`wait=N` (RFC 7240): wait for an approval for up to N seconds, at most 60.",
            schema: { type: "string" },
          },
        ],
        requestBody: body(ref("Job")),
        responses: {
          ...COMMON,
          ...BODY,
          200: json("It has run, however it ended; or was recorded, where nothing is dispatched here.", ref("Outcome")),
          202: json("It waits for approval, or runs.", ref("Outcome"), LOCATION),
          400: problem("The body is no job.", ref("JobProblem")),
          403: problem("The policy forbids it, or you may not submit.", ref("JobProblem")),
          409: problem("The id, or the key, was used for another job.", ref("JobProblem")),
          429: problem("A limit is reached, or the queue is full.", ref("JobProblem"), RETRY_AFTER),
          503: problem("The gate takes no jobs now.", ref("JobProblem")),
        },
      },
    },
    "/api/v1/jobs/{job_id}": {
      get: {
        operationId: "getJob",
        summary: "What is recorded of a job.",
        parameters: [JOB_ID, TENANT],
        responses: {
          ...COMMON,
          200: json("Its outcome.", ref("Outcome")),
          404: problem("There is no such job."),
          409: problem("Several tenants have a job of that id."),
        },
      },
    },
    "/api/v1/approvals": {
      get: {
        operationId: "listApprovals",
        summary: "The queue of approval requests, the oldest first.",
        parameters: [
          inQuery("include_resolved", "Also those that have ended.", { type: "string", enum: ["true", "false"] }),
          TENANT,
          inQuery("after", "`next` of the page before.", { type: "string" }),
          inQuery("limit", "How many a page has.", { type: "integer", minimum: 1, maximum: 1_000, default: 100 }),
        ],
        responses: { ...COMMON, 200: json("A page.", ref("ApprovalPage")) },
      },
    },
    "/api/v1/approvals/{job_id}": {
      get: {
        operationId: "getApproval",
        summary: "The request that a job waits on, with all that a reviewer needs.",
        parameters: [JOB_ID, TENANT],
        responses: {
          ...COMMON,
          200: json("The request.", ref("ShownApproval")),
          404: problem("There is no such request."),
          409: problem("Several tenants have a job of that id."),
        },
      },
    },
    "/api/v1/approvals/{job_id}/approve": vote("approve"),
    "/api/v1/approvals/{job_id}/reject": vote("reject"),
    "/api/v1/traces/{trace_id}": {
      get: {
        operationId: "getTrace",
        summary: "Everything that happened under one trace id, in order, as far as it is of your tenants.",
        parameters: [inPath("trace_id", "The trace id of a job.")],
        responses: {
          ...COMMON,
          200: json("The timeline.", ref("Trace")),
          404: problem("There is nothing under that trace id."),
        },
      },
    },
    "/api/v1/policy": {
      get: {
        operationId: "getPolicy",
        summary: "The policy in force.",
        responses: { ...COMMON, 200: json("The policy.", ref("Policy")) },
      },
    },
    "/api/v1/policy/simulate": {
      post: {
        operationId: "simulatePolicy",
        summary: "What the policy says of a job, and why. For operators. Nothing is recorded.",
        requestBody: body(ref("Job")),
        responses: { ...COMMON, ...BODY, 200: json("The decision, explained.", ref("Explanation")) },
      },
    },
    "/api/v1/audit/checkpoint": {
      get: {
        operationId: "getCheckpoint",
        summary: "What was signed of the log last (C2SP tlog-checkpoint), with the key that checks it.",
        responses: {
          ...COMMON,
          200: json("The checkpoint.", ref("Checkpoint")),
          404: problem("Nothing is signed yet."),
        },
      },
    },
    "/metrics": {
      get: {
        operationId: "getMetrics",
        summary: "Metrics in the text format of OpenMetrics 1.0.",
        responses: {
          ...COMMON,
          200: {
            description: "The metrics.",
            content: { "application/openmetrics-text": { schema: { type: "string" } } },
          },
        },
      },
    },
    "/healthz": {
      get: {
        operationId: "getHealth",
        summary: "Whether the gate takes jobs. Needs no identity.",
        security: [],
        responses: {
          200: json("It does, or is halted or degraded as it is meant to be.", ref("Health")),
          400: problem("There is no such query parameter."),
          503: json("It does not.", ref("Health")),
        },
      },
    },
    "/openapi.json": {
      get: {
        operationId: "getDocument",
        summary: "This document. Needs no identity.",
        security: [],
        responses: {
          200: json("The document.", { type: "object" }),
          400: problem("There is no such query parameter."),
        },
      },
    },
  },
  components: {
    securitySchemes: {
      host: {
        type: "http",
        scheme: "bearer",
        description: "Whatever the host's `authenticate` looks at; `dispatch-gate serve --tokens` takes bearer tokens.",
      },
    },
    schemas: OPENAPI_SCHEMAS,
  },
};
