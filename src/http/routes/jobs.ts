import { createHash } from "node:crypto";
import type { Actor, Job } from "../../job/job.js";
import { type KnownCall, tenantAsked, tenantOf } from "../call.js";
import type { Identity } from "../identity.js";
import { jobOf, jobProblem } from "../job-body.js";
import { evaluationAnswer, outcomeAnswer, outcomeDocument } from "../outcome-answer.js";
import { HttpProblem, jsonAnswer } from "../problem.js";

/** `POST /api/v1/jobs`: decides a job, and runs it where the policy permits. */
export async function submitJob(call: KnownCall): Promise<Response> {
  const { gate, identity, settings, request } = call;
  const tenantId = tenantOf(identity);
  await call.permit({ action: "jobs.submit", tenantId });
  const waitMs = waitAsked(request);
  const key = idempotencyKey(request);
  const job = jobBy(identity, jobOf(await call.body()), key);
  const submitter = identity.actor === null ? {} : { submitter: identity.id };
  // Relative to the request, so that it leads there also where the handler is mounted below a path.
  const place = (jobId: string | null): string | null => (jobId === null ? null : `jobs/${encodeURIComponent(jobId)}`);
  if (settings.jobs === "record") {
    const evaluation = await gate.evaluate(job, settings.dispatcher, submitter);
    const ended = evaluation.next === "finished" ? await gate.jobs.get(evaluation.jobId ?? "", { tenantId }) : null;
    return ended === null
      ? evaluationAnswer(evaluation, place(evaluation.jobId))
      : outcomeAnswer(ended, place(ended.jobId));
  }
  // A caller that goes away stops nothing: what was decided stands, and `GET` tells what came of it.
  const outcome = await gate.evaluateAndDispatch(job, settings.dispatcher, {
    ...submitter,
    waitForApprovalMs: waitMs,
  });
  return outcomeAnswer(outcome, place(outcome.jobId));
}

/** The job as its submitter may have it: tenant and actor are the identity's, and saying otherwise is refused. */
function jobBy(identity: Identity, body: Partial<Job>, key: string | null): Job {
  const { tenantId = tenantOf(identity), actor: named, ...fields } = body;
  if (tenantId !== tenantOf(identity)) {
    const detail = "the job is not of your tenant";
    throw new HttpProblem({ status: 403, code: "tenant_foreign", detail, help: "leave `tenant_id` out" });
  }
  if (named !== undefined) throw jobProblem("who acts is who you are", "leave `actor` out");
  if (key !== null && fields.id !== undefined) {
    throw jobProblem("an `Idempotency-Key` names the job already", "leave `id` out, or the header");
  }
  const { id, type, onBehalfOf } = identity;
  const self: Actor = { id, type, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) };
  const actor = identity.actor === undefined ? self : identity.actor;
  const own = key === null ? {} : { id: idOf(identity, key) };
  // What is no job is refused by the gate, with a record.
  return { ...fields, ...own, tenantId, ...(actor === null ? {} : { actor }) } as Job;
}

/** The same key of the same identity names the same job, in every process and for as long as the store lives. */
function idOf(identity: Identity, key: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([tenantOf(identity), identity.id, key]))
    .digest("hex");
  return `idempotent-${hash}`;
}

function idempotencyKey(request: Request): string | null {
  const key = request.headers.get("idempotency-key");
  if (key === null || /^[\x20-\x7e]{1,256}$/.test(key)) return key;
  throw new HttpProblem({
    status: 400,
    code: "idempotency_key_invalid",
    detail: "an `Idempotency-Key` is 1 to 256 printable ASCII characters",
  });
}

/** The longest that a request waits for an approval, in seconds. */
const MOST_WAIT_SEC = 60;

/** How long the caller would wait (RFC 7240, `Prefer: wait=10`), in milliseconds; what it says otherwise is not for us. */
function waitAsked(request: Request): number {
  const [, seconds = "0"] = /(?:^|[,;\s])wait=(\d{1,9})(?:$|[,;\s])/.exec(request.headers.get("prefer") ?? "") ?? [];
  return Math.min(Number(seconds), MOST_WAIT_SEC) * 1_000;
}

/** `GET /api/v1/jobs/:job_id`: what is recorded of a job. */
export async function getJob(call: KnownCall): Promise<Response> {
  const { gate, identity } = call;
  const tenantId = tenantAsked(identity, call.query.get("tenant_id"));
  const jobId = call.param("job_id");
  const of = tenantId === null ? {} : { tenantId };
  const outcome = await gate.jobs.get(jobId, of);
  // Who may not know is told the same, whether or not there is one.
  const { entries } = outcome === null ? { entries: [] } : await gate.audit.timeline({ jobId, ...of });
  const actors = new Set(
    entries.flatMap(({ body }) => (body.job_id === jobId && isActor(body.actor) ? [body.actor.id] : [])),
  );
  await call.permit({ action: "jobs.read", tenantId, jobId, actors: [...actors] });
  if (outcome === null) throw new HttpProblem({ status: 404, code: "job_unknown", detail: "there is no such job" });
  return jsonAnswer(200, outcomeDocument(outcome));
}

function isActor(actor: unknown): actor is { readonly id: string } {
  return typeof actor === "object" && actor !== null && "id" in actor && typeof actor.id === "string";
}
