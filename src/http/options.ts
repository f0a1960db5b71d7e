import { DEFAULT_DISPATCHER } from "../dispatch/dispatcher.js";
import { refuseUnknown } from "../refuse-unknown.js";
import type { Authenticate, Authorize } from "./identity.js";

/** How a handler is made. Unknown keys are refused. */
export interface HttpOptions {
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  /**
   * Names that requests may call this service by, each as in a `Host` header: `gate.example.com`, `gate.example.com:8443`. A name
   * without a port stands for every port. Default: those of this machine alone, `localhost`, `127.0.0.1` and `[::1]`.
   */
  readonly hosts?: readonly string[];
  /** The dispatcher that jobs which are submitted here run by. Default `"default"`. */
  readonly dispatcher?: string;
  /**
   * `"record"`: jobs are decided and recorded, approvals asked for, and nothing is dispatched; every answer says so. Default
   * `"dispatch"`.
   */
  readonly jobs?: "dispatch" | "record";
  /**
   * What a 401 says in `WWW-Authenticate` (RFC 9110). Default `Bearer`. With a `Basic` in it browsers ask people for a name and a
   * password, which `authenticate` then finds in the request.
   */
  readonly challenge?: string;
  /** Bytes of a request's body, 1,024 to 16,777,216. Default 1,114,112: a job of the greatest size, and what is around it. */
  readonly maxBodyBytes?: number;
}

/** The options with their defaults, copied once. */
export interface HttpSettings {
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  readonly hosts: ReadonlySet<string>;
  readonly dispatcher: string;
  readonly jobs: "dispatch" | "record";
  readonly challenge: string;
  readonly maxBodyBytes: number;
}

const LOOPBACK: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** Copies and checks the options, or throws a `TypeError` that says what to change. */
export function readHttpOptions(options: HttpOptions): HttpSettings {
  if (typeof options !== "object" || options === null) {
    throw new TypeError("createHttpHandler takes a gate, and an object of options");
  }
  const known = ["authenticate", "authorize", "hosts", "dispatcher", "jobs", "challenge", "maxBodyBytes"];
  refuseUnknown(options, known, "createHttpHandler");
  const { authenticate, authorize, hosts = LOOPBACK, dispatcher = DEFAULT_DISPATCHER, jobs = "dispatch" } = options;
  const { challenge = "Bearer", maxBodyBytes = 1_114_112 } = options;
  if (typeof authenticate !== "function" || typeof authorize !== "function") {
    throw new TypeError("createHttpHandler needs `authenticate` and `authorize`: who somebody is, and what they may");
  }
  if (!Array.isArray(hosts) || hosts.length === 0 || !hosts.every(isHost)) {
    throw new TypeError("`hosts` must be a list of names as in a `Host` header, such as `gate.example.com`");
  }
  if (typeof dispatcher !== "string" || dispatcher === "")
    throw new TypeError("`dispatcher` must be a dispatcher's name");
  if (jobs !== "dispatch" && jobs !== "record") throw new TypeError('`jobs` must be one of "dispatch", "record"');
  if (!Number.isInteger(maxBodyBytes) || maxBodyBytes < 1_024 || maxBodyBytes > 16_777_216) {
    throw new TypeError("`maxBodyBytes` must be an integer from 1,024 to 16,777,216");
  }
  if (typeof challenge !== "string" || !/^[\x21-\x7e][\x20-\x7e]{0,511}$/.test(challenge)) {
    throw new TypeError("`challenge` must be a `WWW-Authenticate` header, such as 'Basic realm=\"gate\"'");
  }
  const named = new Set((hosts as readonly string[]).map((host) => host.toLowerCase()));
  return Object.freeze({ authenticate, authorize, hosts: named, dispatcher, jobs, challenge, maxBodyBytes });
}

function isHost(host: unknown): boolean {
  return typeof host === "string" && /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host);
}
