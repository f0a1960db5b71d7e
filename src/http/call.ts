import type { Gate } from "../gate.js";
import { didYouMean } from "../nearest.js";
import type { JsonObject } from "../outcome.js";
import { quoted } from "../policy/source.js";
import type { Live } from "./console/live.js";
import type { Asked, Identity } from "./identity.js";
import type { HttpSettings } from "./options.js";
import { HttpProblem } from "./problem.js";
import { readJsonObject } from "./read-json.js";

/** One request that is let in, on its way to a route. */
export interface Call {
  readonly gate: Gate;
  readonly settings: HttpSettings;
  /** Tells pages of what changes. */
  readonly live: Live;
  readonly request: Request;
  /** A part of the path, decoded. */
  readonly param: (name: string) => string;
  /** The query: of the names that the route knows, those that are given. */
  readonly query: ReadonlyMap<string, string>;
  readonly body: () => Promise<JsonObject>;
}

/** One that is made by somebody who is known. */
export interface KnownCall extends Call {
  readonly identity: Identity;
  /** Throws an {@link HttpProblem} unless they may. */
  readonly permit: (asked: Asked) => Promise<void>;
}

/** What a call is made of. */
export interface CallParts {
  readonly gate: Gate;
  readonly settings: HttpSettings;
  readonly live: Live;
  readonly request: Request;
  readonly params: Readonly<Record<string, string>>;
  /** What the query may name. */
  readonly known: readonly string[];
}

/** A call by nobody in particular. Throws an {@link HttpProblem} for a query that names what is not known, or one thing twice. */
export function createCall({ gate, settings, live, request, params, known }: CallParts): Call {
  return {
    gate,
    settings,
    live,
    request,
    param: (name) => {
      const value = Object.hasOwn(params, name) ? params[name] : undefined;
      if (value === undefined) throw new TypeError(`the path has no ${name}`);
      return value;
    },
    query: readQuery(new URL(request.url).searchParams, known),
    body: () => readJsonObject(request, settings.maxBodyBytes),
  };
}

function readQuery(params: URLSearchParams, known: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const [name, value] of params) {
    if (!known.includes(name)) {
      const help = didYouMean(name, known, `known: ${known.join(", ")}`);
      throw queryProblem(`there is no query parameter ${quoted(name)} here`, known.length === 0 ? undefined : help);
    }
    if (given.has(name)) throw queryProblem(`the query parameter \`${name}\` is given twice`);
    given.set(name, value);
  }
  return given;
}

/** What a query says wrong. */
export function queryProblem(detail: string, help?: string): HttpProblem {
  return new HttpProblem({ status: 400, code: "query_invalid", detail, help });
}

/** Asks the host who it is. Throws an {@link HttpProblem} where nobody is known. */
export async function identify(request: Request, settings: HttpSettings): Promise<Identity> {
  let identity: Identity | null;
  try {
    identity = await settings.authenticate(request);
  } catch {
    const detail = "who you are could not be found out";
    throw new HttpProblem({ status: 503, code: "identity_unavailable", detail });
  }
  if (typeof identity === "object" && identity !== null && isText(identity.id)) return identity;
  throw new HttpProblem({
    status: 401,
    code: "identity_required",
    detail: "say who you are",
    headers: { "www-authenticate": settings.challenge },
  });
}

function isText(id: unknown): boolean {
  return typeof id === "string" && id !== "";
}

/** The same call, by somebody. */
export function callBy(call: Call, identity: Identity): KnownCall {
  const permit = async (asked: Asked): Promise<void> => {
    let may: unknown;
    try {
      may = await call.settings.authorize(identity, asked);
    } catch {
      may = false;
    }
    if (may !== true) {
      throw new HttpProblem({ status: 403, code: "not_permitted", detail: `you may not do this: ${asked.action}` });
    }
  };
  return { ...call, identity, permit };
}

/** The tenant that somebody's own jobs are of. */
export function tenantOf({ tenantId }: Identity): string {
  return tenantId ?? "default";
}

/**
 * The tenant that a request is about: the one that `tenant_id` names, or the identity's own; null where the identity has a part in
 * all and names none. Throws an {@link HttpProblem} for one that it has no part in.
 */
export function tenantAsked(identity: Identity, named: string | undefined): string | null {
  if (named === undefined) return identity.tenants === "all" ? null : tenantOf(identity);
  if (hasPartIn(identity, named)) return named;
  throw new HttpProblem({ status: 403, code: "tenant_foreign", detail: "you have no part in that tenant" });
}

/** Whether an identity has a part in a tenant. */
export function hasPartIn(identity: Identity, tenantId: string): boolean {
  return identity.tenants === "all" || tenantId === tenantOf(identity) || identity.tenants?.includes(tenantId) === true;
}
