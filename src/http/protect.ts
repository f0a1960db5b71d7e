import { HttpProblem } from "./problem.js";

/**
 * Refuses what a browser was tricked into: a name of this service that is not its own (DNS rebinding), and a change that another
 * site asks for. Throws an {@link HttpProblem}.
 */
export function checkHost(request: Request, hosts: ReadonlySet<string>): string {
  const url = new URL(request.url);
  const host = (request.headers.get("host") ?? url.host).toLowerCase();
  if (isNamed(host, hosts)) return host;
  throw new HttpProblem({
    status: 421,
    code: "host_unknown",
    detail: "this service does not go by that name",
    help: "whoever runs it names its hosts with `hosts`",
  });
}

function isNamed(host: string, hosts: ReadonlySet<string>): boolean {
  return hosts.has(host) || hosts.has(host.replace(/:\d{1,5}$/, ""));
}

/** A change comes from this very origin, or from what is no browser. */
export function checkOrigin(request: Request, host: string): void {
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  if ((origin === null || hostOf(origin) === host) && (site === null || site === "same-origin" || site === "none")) {
    return;
  }
  throw new HttpProblem({ status: 403, code: "origin_foreign", detail: "another site may change nothing here" });
}

/** Null for an origin that is opaque, or none. A proxy in front may have ended TLS: the scheme says nothing. */
function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host.toLowerCase() : null;
}

/** A form of another site cannot send this type without asking first. */
export function checkJsonType(request: Request): void {
  const [type = ""] = (request.headers.get("content-type") ?? "").split(";");
  if (type.trim().toLowerCase() === "application/json") return;
  throw new HttpProblem({
    status: 415,
    code: "content_type_unsupported",
    detail: "the body must be `application/json`",
    help: "send the header `Content-Type: application/json`",
  });
}
