import type { Actor, ActorType } from "../job/job.js";

/** Who makes a request, as the host's own login knows them: never as the request says in its body. */
export interface Identity {
  /** 1 to 256 printable ASCII characters without spaces: an id that your login makes, such as an e-mail address. */
  readonly id: string;
  readonly type: ActorType;
  /** Whose jobs are submitted and looked at. Default `"default"`. */
  readonly tenantId?: string | undefined;
  /** Further tenants that may be looked at and decided for; `"all"`: every one. Default: none. */
  readonly tenants?: readonly string[] | "all" | undefined;
  /** Whom the identity acts for. */
  readonly onBehalfOf?: string | undefined;
  /** Roles of an approver. Default: none. */
  readonly roles?: readonly string[] | undefined;
  /** What the identity rests on. Default `"host"`: you vouch for it. See `docs/approvals.md`. */
  readonly assurance?: "host" | "token" | "none" | undefined;
  /** The actor of the jobs that it submits. Default: the identity itself. Null: nobody is known to have asked. */
  readonly actor?: Actor | null | undefined;
}

/** What somebody wants to do. */
export type Action =
  | "jobs.submit"
  | "jobs.read"
  | "approvals.read"
  | "approvals.decide"
  | "traces.read"
  | "policy.read"
  | "policy.simulate"
  | "audit.read"
  | "metrics.read";

/** What somebody wants to do, and to what. */
export interface Asked {
  readonly action: Action;
  /** Whose; null: every tenant's, or nobody's in particular. Tenants that the identity has no part in were refused before. */
  readonly tenantId: string | null;
  readonly jobId?: string;
  readonly traceId?: string;
  /** Of a job that is read: the ids of all who asked for it. */
  readonly actors?: readonly string[];
}

/** Says who makes a request; null where nobody is known. It MUST look at nothing but what your login vouches for. */
export type Authenticate = (request: Request) => Identity | null | Promise<Identity | null>;

/** Says whether they may. Whatever it throws, and whatever is not `true`, refuses. */
export type Authorize = (identity: Identity, asked: Asked) => boolean | Promise<boolean>;
