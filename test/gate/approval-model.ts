// What approvals mean, on one screen and without a line of the gate's own: random commands are held against it.

export interface ModelPolicy {
  readonly kind: "ask" | "deny" | "allow";
  readonly quorum: number;
  readonly snapshot: number;
}
interface Job {
  readonly content: number;
  readonly name: string;
  readonly created: number;
  request: Request | null;
  status: string;
  code: string;
}
interface Request extends ModelPolicy {
  readonly content: number;
  readonly opener: Job;
  readonly opened: number;
  readonly queued: number;
  state: string;
  decided: number;
  ended: number;
  lifted: boolean;
  next: Request | null;
  readonly votes: Set<string>;
}
export const SPANS = { expires: 100_000, use: 50_000, stands: 200_000 };
/** Mistakes that a gate could make: each must be told apart. */
export const SLIPS = ["stands", "twice", "requester", "stale", "expiry", "quorum", "withdrawn", "eligible"] as const;
export type Slip = (typeof SLIPS)[number];

export function createModel(binding: "snapshot" | "decision", first: ModelPolicy, slip?: Slip) {
  let inForce = first;
  let now = 0;
  const requests: Request[] = [];
  const jobs: Job[] = [];
  const runs: string[] = [];
  const latest = (content: number) => requests.findLast((request) => request.content === content);
  const isOpen = (r?: Request): r is Request & { state: "pending" | "approved" } =>
    r?.state === "pending" || r?.state === "approved";
  const isLeft = (r: Request | null | undefined): r is Request => r?.state === "superseded" && r.next === null;
  const waits = (job: Job, r: Request | null | undefined) => job.status === "PENDING_APPROVAL" && job.request === r;
  const say = ({ status, code }: Job) => `${status} ${code}`;
  const put = (job: Job, status: string, code: string) => {
    if (!jobs.includes(job)) jobs.push(job);
    return say(Object.assign(job, { status, code }));
  };
  const lapsed = (r: Request) =>
    (r.state === "pending" && now >= r.opened + SPANS.expires) ||
    (r.state === "approved" && slip !== "expiry" && now >= r.decided + SPANS.use);
  const close = (r: Request, state: string, code: string, but?: Job) => {
    Object.assign(r, { state, ended: now });
    for (const job of jobs) if (waits(job, r) && job !== but) put(job, "DENIED", code);
    return "ok";
  };
  const lapse = (r?: Request, but?: Job) => {
    if (r !== undefined && lapsed(r)) close(r, "expired", "approval_expired", but);
  };
  const open = (content: number, opener: Job, before?: Request) => {
    const fresh: Request = {
      ...inForce,
      content,
      opener,
      opened: now,
      queued: before?.queued ?? now,
      state: "pending",
      decided: 0,
      ended: 0,
      lifted: false,
      next: null,
      votes: new Set(),
    };
    requests.push(fresh);
    if (before !== undefined) {
      Object.assign(before, { state: "superseded", next: fresh });
      for (const job of jobs) if (waits(job, before)) job.request = fresh;
    }
    return fresh;
  };
  /** Decided anew: what is no longer asked makes room for what is. */
  const renew = (r: Request, but?: Job): Request => {
    const asksElse = r.quorum !== inForce.quorum || (binding === "snapshot" && r.snapshot !== inForce.snapshot);
    if (slip === "stale" || (inForce.kind === "ask" && !asksElse)) return r;
    if (inForce.kind === "ask") return open(r.content, r.opener, r);
    if (inForce.kind === "deny") close(r, "superseded", "rule_matched", but);
    return Object.assign(r, { state: "superseded" });
  };

  /** A submission; or, where `opens` is false, somebody who goes on with a job. */
  const submit = (content: number, name: string | null, dispatch: boolean, opens = true): string => {
    const last = latest(content);
    const first = jobs.filter((known) => waits(known, last)).sort((a, b) => a.created - b.created)[0];
    const adopts = name === null && (isOpen(last) || isLeft(last)) ? (first?.name ?? null) : name;
    const job = jobs.find((known) => known.name === adopts) ?? {
      content,
      name: adopts ?? `unnamed ${now}`,
      created: now,
      request: null,
      status: "",
      code: "",
    };
    if (job.status === "SUCCEEDED" && slip !== "twice") return say(job);
    if (job.code === "approval_used" || (job.code === "approval_cancelled" && !opens)) return say(job);
    // An evaluation that permits changes nothing of the job itself, so a lapse ends it like any other.
    lapse(last, inForce.kind === "allow" && !dispatch ? undefined : job);
    if (isOpen(last) && inForce.kind !== "ask") renew(last, job);
    if (inForce.kind === "deny") return put(job, "DENIED", "rule_matched");
    if (inForce.kind === "allow") return dispatch ? run(job) : "dispatch";
    if (!opens && job.status !== "PENDING_APPROVAL") return say(job);
    let r = isOpen(last) ? renew(last) : last;
    if (r?.state === "approved") return dispatch ? run(job, r) : "dispatch";
    if (
      r !== undefined &&
      (r.state === "rejected" || r.state === "revoked") &&
      !r.lifted &&
      slip !== "stands" &&
      now < r.ended + SPANS.stands
    )
      return put(job, "DENIED", "approval_rejected");
    if (!isOpen(r) && isLeft(job.request) && waits(job, job.request))
      r = open(content, job.request.opener, job.request);
    if (!isOpen(r) && !opens)
      return waits(job, r)
        ? put(job, "DENIED", r?.state === "cancelled" ? "approval_cancelled" : "approval_expired")
        : say(job);
    job.request = isOpen(r) ? r : open(content, job);
    return put(job, "PENDING_APPROVAL", "approval_required");
  };
  const run = (job: Job, used?: Request): string => {
    runs.push(job.name);
    const told = put(job, "SUCCEEDED", "completed");
    job.request = used ?? job.request;
    if (used !== undefined && slip !== "twice") close(used, "consumed", "approval_used");
    return told;
  };

  const ENDED: Readonly<Record<string, string>> = {
    expired: "approval_expired",
    rejected: "approval_rejected",
    revoked: "approval_rejected",
    superseded: "approval_superseded",
  };
  /** A vote on the latest request of a content. */
  const vote = (content: number, by: string, kind: "approve" | "reject" | "revoke", oldView = false): string => {
    const r = latest(content);
    if (r === undefined) return "approval_unknown";
    lapse(r);
    if (!isOpen(r)) return ENDED[r.state] ?? "approval_resolved";
    if (oldView) return "approval_view_mismatch";
    if (kind === "revoke" && r.state === "pending") return "approval_not_approved";
    if (kind === "approve" && r.state === "approved")
      return r.votes.has(by) ? "approver_already_voted" : "approval_resolved";
    if (by === "bot" && slip !== "requester") return "approver_is_requester";
    if (by === "eve" && slip !== "eligible") return "approver_not_eligible";
    if (kind !== "approve") return close(r, r.state === "pending" ? "rejected" : "revoked", "approval_rejected");
    if (r.votes.has(by)) return "approver_already_voted";
    if (renew(r) !== r || !isOpen(r)) return "approval_superseded";
    r.votes.add(by);
    if (r.votes.size >= (slip === "quorum" ? 1 : r.quorum)) Object.assign(r, { state: "approved", decided: now });
    return "ok";
  };
  const cancel = (name: string): string => {
    const job = jobs.find((known) => known.name === name);
    const r = job?.request;
    if (job === undefined || r === undefined || r === null) return "approval_unknown";
    const was = isOpen(r);
    lapse(r);
    if (isLeft(r) && waits(job, r)) return put(job, "DENIED", "approval_cancelled") && "ok";
    if (!isOpen(r)) return (was ? undefined : ENDED[r.state]) ?? (was ? "approval_expired" : "approval_resolved");
    if (!waits(job, r)) return "approval_resolved";
    if (slip !== "withdrawn" && jobs.some((other) => other !== job && waits(other, r)))
      return put(job, "DENIED", "approval_cancelled") && "ok";
    return close(r, "cancelled", "approval_cancelled");
  };
  const lift = (content: number): string => {
    const r = latest(content);
    if (r === undefined) return "approval_unknown";
    if ((r.state !== "rejected" && r.state !== "revoked") || r.lifted || now >= r.ended + SPANS.stands)
      return "approval_not_rejected";
    r.lifted = true;
    return "ok";
  };
  const drain = (): string => {
    const approved = requests.filter(({ state }) => state === "approved").sort((a, b) => a.queued - b.queued);
    const next = approved.map((r) => () => jobs.filter((job) => waits(job, r))[0]);
    const done = next.flatMap((find) => find() ?? []).map((job) => submit(job.content, job.name, true, false));
    const released = jobs.filter((job) => isLeft(job.request) && waits(job, job.request));
    return [...done, ...released.map((job) => submit(job.content, job.name, true, false))].join("; ");
  };
  return {
    ...{ submit, vote, cancel, lift, drain, runs },
    advance: (ms: number) => {
      now += ms;
    },
    reload: (other: ModelPolicy) => {
      inForce = other;
    },
    names: { has: (name: string) => jobs.some((job) => job.name === name) },
    states: () => requests.map((r) => (lapsed(r) && isOpen(r) ? "expired" : r.state)).join(" "),
  };
}
