import type { JsonObject } from "../outcome.js";

const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });
const list = (items: JsonObject): JsonObject => ({ type: "array", items });
const nullable = (schema: JsonObject): JsonObject => ({ anyOf: [schema, { type: "null" }] });
const words = (...choices: readonly string[]): JsonObject => ({ type: "string", enum: choices });

/** An object whose fields are these, all of them unless they are among `optional`, and no others. */
function closed(properties: JsonObject, optional: readonly string[] = []): JsonObject {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

const TEXT: JsonObject = { type: "string" };
const FLAG: JsonObject = { type: "boolean" };
const TIME: JsonObject = { type: "integer", minimum: 0 };
const NUMBER: JsonObject = { type: "number" };
const ANY: JsonObject = {};
const MAP: JsonObject = { type: "object" };
const HASH: JsonObject = { type: "string", pattern: "^[0-9a-f]{64}$" };

const REASON = closed({ code: TEXT, message: TEXT, help: TEXT, rule_id: TEXT }, ["help", "rule_id"]);

const ACTOR = closed({ id: TEXT, type: words("human", "service", "agent"), on_behalf_of: TEXT }, ["on_behalf_of"]);

const PROBLEM: JsonObject = {
  type: TEXT,
  title: TEXT,
  status: { type: "integer", minimum: 400, maximum: 599 },
  detail: TEXT,
  code: TEXT,
  help: TEXT,
};

const APPROVAL: JsonObject = {
  id: TEXT,
  state: words("pending", "approved", "rejected", "revoked", "cancelled", "expired", "superseded", "consumed"),
  view: HASH,
  tenant_id: TEXT,
  job_id: TEXT,
  trace_id: TEXT,
  job_hash: HASH,
  snapshot: HASH,
  fingerprint: TEXT,
  binding: words("snapshot", "decision"),
  dispatcher: TEXT,
  job: nullable(MAP),
  derived_tags: list(TEXT),
  derived_since: list(TEXT),
  decision: MAP,
  constraints: MAP,
  requirements: list(MAP),
  requesters: list(TEXT),
  queued_since: TIME,
  requested_at: TIME,
  age_ms: TIME,
  expires_at: TIME,
  use_within_ms: NUMBER,
  rejection_stands_ms: NUMBER,
  decided_at: nullable(TIME),
  resolved_at: nullable(TIME),
  resolved_by: nullable(TEXT),
  supersedes: nullable(TEXT),
  superseded_by: nullable(TEXT),
  changes: list(closed({ field: TEXT, before: ANY, after: ANY })),
  stands_until: nullable(TIME),
  checkpoint: nullable(TEXT),
  votes: list(
    closed({
      approver: closed({
        id: TEXT,
        kind: words("human", "service"),
        roles: list(TEXT),
        assurance: words("host", "token", "none"),
      }),
      vote: words("approve", "reject"),
      at: TIME,
      note: nullable(TEXT),
      confirmed: FLAG,
    }),
  ),
};

const OUTCOME = closed(
  {
    job_id: nullable(TEXT),
    trace_id: nullable(TEXT),
    job_hash: nullable(HASH),
    status: words(
      ...["SUCCEEDED", "FAILED", "TIMED_OUT", "QUARANTINED", "DENIED", "THROTTLED", "PENDING_APPROVAL", "RUNNING"],
      ...["UNKNOWN", "RECORDED"],
    ),
    decision: nullable(
      closed({
        type: words("ALLOW", "DENY", "REQUIRE_APPROVAL", "THROTTLE", "ALLOW_WITH_CONSTRAINTS"),
        rule_id: TEXT,
        reason: TEXT,
        snapshot: HASH,
        remediations: list(MAP),
      }),
    ),
    approval: closed({ id: TEXT, state: TEXT, requested_at: TIME, expires_at: TIME }),
    constraints: MAP,
    reason: REASON,
    dispatched: FLAG,
    degraded: FLAG,
    replayed: FLAG,
    output: ANY,
    findings: list(MAP),
    error: closed({ name: TEXT, message: TEXT, code: TEXT }, ["code"]),
    quarantine_id: TEXT,
    retry_after_ms: nullable(NUMBER),
    next: words("dispatch", "wait", "retry", "refused", "finished"),
    recorded_only: { const: true },
    note: TEXT,
  },
  [
    ...["approval", "constraints", "degraded", "replayed", "output", "findings", "error", "quarantine_id"],
    ...["retry_after_ms", "next", "recorded_only", "note"],
  ],
);

/** The schemas of the OpenAPI document, in JSON Schema 2020-12. */
export const OPENAPI_SCHEMAS: JsonObject = {
  Job: closed(
    {
      id: { type: "string", minLength: 1, maxLength: 256, description: "Unique within its tenant. Default: a UUIDv7." },
      trace_id: { type: "string", minLength: 1, maxLength: 256 },
      tenant_id: { type: "string", description: "Of a job that is submitted: the identity's own, or absent." },
      actor: { ...ACTOR, description: "Of a job that is simulated. Who submits one is its actor." },
      topic: { type: "string", minLength: 1, maxLength: 256 },
      risk_tags: list(TEXT),
      labels: { type: "object", additionalProperties: TEXT },
      capability: nullable(TEXT),
      requires: list(TEXT),
      resources: closed({ paths: list(TEXT), hosts: list(TEXT) }, ["paths", "hosts"]),
      constraints: MAP,
      payload: { description: "The agent's own words: any JSON." },
      annotations: MAP,
    },
    [
      ...["id", "trace_id", "tenant_id", "actor", "risk_tags", "labels", "capability", "requires", "resources"],
      ...["constraints", "payload", "annotations"],
    ],
  ),
  Vote: closed(
    {
      note: { type: "string", maxLength: 4_096 },
      view: { ...HASH, description: "`view` of the request that was shown." },
    },
    ["note", "view"],
  ),
  Outcome: OUTCOME,
  Approval: closed(APPROVAL),
  ShownApproval: closed({ ...APPROVAL, text: TEXT }),
  ApprovalPage: closed({ items: list(ref("Approval")), next: nullable(TEXT) }),
  Trace: closed({
    trace_id: TEXT,
    entries: list(
      closed({
        seq: { type: "integer", minimum: 1 },
        type: TEXT,
        at: TIME,
        approval_id: nullable(TEXT),
        summary: TEXT,
        note: nullable(TEXT),
        body: MAP,
      }),
    ),
  }),
  Policy: closed({ snapshot: HASH, source_hash: nullable(HASH), rule_ids: list(TEXT), document: MAP }),
  Explanation: closed({
    decision: MAP,
    because: TEXT,
    matched: list(MAP),
    not_reached: list(TEXT),
    near_misses: list(MAP),
    text: TEXT,
  }),
  Checkpoint: closed({ size: { type: "integer", minimum: 1 }, at: TIME, note: TEXT, key: TEXT }),
  Health: closed({
    status: words("ok", "halted", "degraded", "unavailable", "closed"),
    fail_mode: words("closed", "open"),
  }),
  Problem: closed({ ...PROBLEM, approval_id: TEXT }, ["help", "approval_id"]),
  JobProblem: closed({ ...PROBLEM, outcome: OUTCOME }, ["help", "outcome"]),
};
