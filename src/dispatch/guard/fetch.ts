import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { GuardError } from "../../errors.js";
import { quoted } from "../../policy/source.js";
import { copyInit, type GuardedInit, readCall, redirectCall } from "./fetch-call.js";
import { fetchPinned } from "./fetch-pinned.js";
import { checkAddresses, checkPlace, type Place } from "./network.js";
import { type NetworkLimits, type ReadLimits, readLimits } from "./network-limits.js";

export type { GuardedInit } from "./fetch-call.js";

/** One address that a host resolves to. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** How a guarded fetch is made. */
export interface FetchGuardOptions {
  readonly limits: NetworkLimits | undefined;
  /** All addresses of a host. Default: the system's, `/etc/hosts` included, in the order it gives. */
  readonly resolve?: (host: string) => Promise<readonly ResolvedAddress[]>;
  /** Ends every call of this guard, also one whose body is being read. */
  readonly signal?: AbortSignal;
}

/** `fetch`, held to limits. */
export type GuardedFetch = (input: string | URL, init?: GuardedInit) => Promise<Response>;

/** Followed in a row; the next is an error. */
const MAX_REDIRECTS = 10;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * A `fetch` that connects only where the limits allow. For each URL, that of each redirect too, it checks the text,
 * resolves the host once, checks every address, and connects to one of those. One address that is refused refuses the
 * call: no connection is opened.
 *
 * Without limits every host is allowed whose addresses are all public. To reach one that is not, list the address beside
 * the host: `localhost:8080` and `127.0.0.1`. A guard on arguments is not a sandbox: whatever does not ask it is not held.
 *
 * Rejects with a {@link GuardError} as `checkUrl` throws it, and `address_denied`, `host_unresolved` or
 * `redirects_exceeded`, also where `redirect` is `"error"`; with the reason of a signal; and as `fetch` does.
 */
export function createFetchGuard({ limits, resolve = lookupAll, signal }: FetchGuardOptions): GuardedFetch {
  const read = readLimits(limits);

  return async (input, init) => {
    const options = copyInit(init);
    const signals = AbortSignal.any([signal, options.signal].filter((one) => one !== undefined && one !== null));

    let place = checkPlace(read, input);
    let call = await readCall(place.url, options);
    for (let redirects = 0; ; redirects += 1) {
      const addresses = await addressesOf(read, place, resolve, signals);
      const response = await fetchPinned(call, addresses, signals);
      const location = response.headers.get("location");
      if (!REDIRECTS.has(response.status) || options.redirect === "manual") return label(response, call.url, redirects);
      if (location === null && options.redirect !== "error") return label(response, call.url, redirects);

      await response.body?.cancel();
      const host = `the host ${quoted(place.url.hostname)}`;
      if (options.redirect === "error") {
        throw new GuardError("redirects_exceeded", `${host} redirects, and the call follows no redirect`);
      }
      if (redirects === MAX_REDIRECTS) {
        throw new GuardError("redirects_exceeded", `${host} redirects for the ${MAX_REDIRECTS + 1}th time in a row`);
      }
      place = checkPlace(read, targetOf(place, location ?? ""));
      call = redirectCall(call, response.status, place.url);
    }
  };
}

/** Says where the response came from, which a constructed one does not. */
function label(response: Response, url: URL, redirects: number): Response {
  const clone = response.clone.bind(response);
  return Object.defineProperties(response, {
    url: { value: url.href },
    redirected: { value: redirects > 0 },
    clone: { value: () => label(clone(), url, redirects) },
  });
}

function targetOf({ url }: Place, location: string): URL {
  if (URL.canParse(location, url.href)) return new URL(location, url.href);
  throw new GuardError("url_invalid", `the host ${quoted(url.hostname)} redirects to what is no URL`);
}

/** The addresses to connect to, every one of them checked. */
async function addressesOf(
  limits: ReadLimits,
  place: Place,
  resolve: (host: string) => Promise<readonly ResolvedAddress[]>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  // Checked with the URL, and never looked up.
  if (place.host.address !== null) return [place.host.address.toString()];
  const { name } = place.host;
  const found = await unlessAborted(signal, () => resolve(name)).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new GuardError("host_unresolved", `the host ${quoted(name)} cannot be resolved`, { cause });
  });
  // Copied once: what is checked is what is connected to.
  const addresses = [...new Set(found.map(({ address }) => address))];
  if (addresses.length === 0 || !addresses.every((address) => isIP(address) !== 0)) {
    throw new GuardError("host_unresolved", `the host ${quoted(name)} resolves to no address`);
  }
  checkAddresses(limits, place, addresses);
  return addresses;
}

function lookupAll(host: string): Promise<readonly ResolvedAddress[]> {
  return lookup(host, { all: true, verbatim: true });
}

/** A lookup cannot be stopped, but need not be waited for. */
async function unlessAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
  });
  signal.addEventListener("abort", stop);
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
