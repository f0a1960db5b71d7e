import type { Json, JsonObject } from "../outcome.js";
import type { EventFilter, LoggedEvent } from "./port.js";

/** True for an event that meets all of a filter but the time, which is the log's own and not the event's. */
export function isAskedFor({ type, traceId, approvalId, body }: LoggedEvent, filter: EventFilter): boolean {
  return (
    (filter.types?.includes(type) ?? true) &&
    is(filter.traceId, traceId) &&
    is(filter.approvalId, approvalId) &&
    is(filter.jobId, body.job_id) &&
    is(filter.tenantId, body.tenant_id) &&
    is(filter.topic, body.topic) &&
    is(filter.status, body.status) &&
    is(filter.ruleId, fieldOf(body.decision, "rule_id")) &&
    (filter.actorId === undefined || actorsOf(body).includes(filter.actorId))
  );
}

function is(asked: string | undefined, found: Json | undefined): boolean {
  return asked === undefined || asked === found;
}

/** Everybody who is named as one who acted: the job's actor and whom it acts for, who submitted, voted, or called. */
function actorsOf(body: JsonObject): readonly (Json | undefined)[] {
  const { actor, approver, by, submitted_by: submittedBy } = body;
  return [fieldOf(actor, "id"), fieldOf(actor, "on_behalf_of"), fieldOf(approver, "id"), by, submittedBy];
}

function fieldOf(value: Json | undefined, key: string): Json | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject && Object.hasOwn(value, key) ? (value as JsonObject)[key] : undefined;
}
