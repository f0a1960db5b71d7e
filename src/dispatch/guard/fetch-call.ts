import { GuardError } from "../../errors.js";
import { nearest } from "../../nearest.js";
import { quoted } from "../../policy/source.js";

/** How a guarded call is made. Unknown keys are refused: there is no `dispatcher`, `agent` or `credentials` here. */
export interface GuardedInit {
  /** Default `GET`. */
  readonly method?: string | undefined;
  /**
   * A `Host` of its own is refused: it could name another server than the one that was checked. So is a `Content-Length`:
   * one that does not fit the body leaves the server waiting.
   */
  readonly headers?: Headers | Iterable<readonly [string, string]> | Readonly<Record<string, string>> | undefined;
  /** Read whole before anything is sent, so that it can be sent again after a redirect. */
  readonly body?: string | Uint8Array | URLSearchParams | FormData | Blob | null | undefined;
  /** `"manual"` answers the redirect itself, `"error"` throws. Default `"follow"`. */
  readonly redirect?: "follow" | "error" | "manual" | undefined;
  readonly signal?: AbortSignal | null | undefined;
}

/** What one request sends. The URL was checked. */
export interface Call {
  readonly url: URL;
  readonly method: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array | null;
}

const KNOWN: readonly (keyof GuardedInit)[] = ["method", "headers", "body", "redirect", "signal"];
const REDIRECTS: readonly unknown[] = ["follow", "error", "manual", undefined];

/** The options of a call, copied once. Throws a `TypeError` for what is no option. */
export function copyInit(init: GuardedInit | undefined): GuardedInit {
  const copy = { ...init };
  for (const key of Object.keys(copy)) {
    if (KNOWN.some((known) => known === key)) continue;
    const meant = nearest(key, KNOWN);
    throw new TypeError(
      `unknown option ${quoted(key)} of a guarded fetch${meant === undefined ? "" : `; did you mean \`${meant}\`?`}`,
    );
  }
  if (!REDIRECTS.includes(copy.redirect)) {
    throw new TypeError("the option `redirect` must be `follow`, `error` or `manual`");
  }
  return copy;
}

/** Method, headers and body as the fetch standard reads them. */
export async function readCall(url: URL, { method, headers, body }: GuardedInit): Promise<Call> {
  const request = new Request(url, {
    method: method ?? "GET",
    headers: new Headers(listOf(headers)),
    body: body ?? null,
  });
  if (request.headers.has("host")) {
    throw new GuardError("host_denied", "the header `host` cannot be set: it follows from the URL");
  }
  if (request.headers.has("content-length")) {
    throw new TypeError("the header `content-length` cannot be set: it is computed from the body");
  }
  return {
    url,
    method: request.method,
    headers: new Map(request.headers),
    body: request.body === null ? null : new Uint8Array(await request.arrayBuffer()),
  };
}

/** What describes a body, and goes where it goes. */
const OF_BODY = ["content-encoding", "content-language", "content-length", "content-location", "content-type"];
/** What is for one origin alone. Any other header goes along, also one that carries a key. */
const OF_ORIGIN = ["authorization", "cookie", "proxy-authorization"];

/** The request that follows a redirect: https://fetch.spec.whatwg.org/#http-redirect-fetch. */
export function redirectCall(call: Call, status: number, url: URL): Call {
  const isPost = call.method === "POST" && (status === 301 || status === 302);
  const isOther = status === 303 && call.method !== "GET" && call.method !== "HEAD";
  const drops = [...(isPost || isOther ? OF_BODY : []), ...(url.origin === call.url.origin ? [] : OF_ORIGIN)];
  const headers = new Map([...call.headers].filter(([name]) => !drops.includes(name)));
  return isPost || isOther ? { url, method: "GET", headers, body: null } : { ...call, url, headers };
}

function listOf(headers: GuardedInit["headers"]): [string, string][] {
  if (headers === undefined) return [];
  const entries = Symbol.iterator in headers ? [...headers] : Object.entries(headers);
  return entries.map(([name, value]) => [name, value]);
}
