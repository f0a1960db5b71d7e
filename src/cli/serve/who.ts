import { userInfo } from "node:os";
import type { HttpOptions } from "../../http/options.js";
import { ACTIONS, type Tokens } from "./tokens.js";

/** How a service knows who asks. */
export interface Who extends Pick<HttpOptions, "authenticate" | "authorize" | "challenge"> {
  /** Whom all requests are taken to come from; null where each says by a token who it is. */
  readonly everybody: string | null;
}

/** Everybody who reaches this machine's own address is its user; who submits is nobody in particular, and votes rest on nothing. */
export function anybody(): Who {
  const id = userName();
  return {
    everybody: id,
    authenticate: () => ({ id, type: "human", tenants: "all", assurance: "none", actor: null }),
    authorize: () => true,
  };
}

/** Names of systems may hold what an approver's name may not. */
function userName(): string {
  const name = userInfo()
    .username.replace(/[^\x21-\x7e]/gu, "_")
    .slice(0, 256);
  return name === "" ? "unknown" : name;
}

/** Who asks says so by a bearer token (RFC 6750), or in a browser, which asks people for one, by a password (RFC 7617). */
export function byToken(tokens: Tokens): Who {
  return {
    everybody: null,
    challenge: 'Bearer realm="dispatch-gate", Basic realm="dispatch-gate", charset="UTF-8"',
    authenticate: (request) => {
      const token = tokenOf(request.headers.get("authorization") ?? "");
      return token === null ? null : tokens.identityOf(token);
    },
    authorize: (identity, { action, actors = [] }) =>
      [...tokens.dutiesOf(identity)].some((duty) => ACTIONS[duty].has(action)) ||
      // Whoever asked for a job may read what became of it.
      (action === "jobs.read" && actors.includes(identity.id)),
  };
}

/** A token as it stands, or as the password beside any name. */
function tokenOf(authorization: string): string | null {
  const [, scheme = "", credentials = ""] = /^(bearer|basic) +([\x21-\x7e]+)$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() !== "basic") return credentials === "" ? null : credentials;
  const pair = Buffer.from(credentials, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  return colon < 0 ? null : pair.slice(colon + 1);
}
