import { isIP, type LookupFunction } from "node:net";
import { carryBody } from "./fetch-body.js";
import type { Call } from "./fetch-call.js";

/**
 * Sends one request to the first of these addresses that takes the connection. Certificates are checked against the host
 * name, but DNS is not asked for it again: between two answers it could change its mind. No proxy, no cookies, no
 * redirects. The connection ends with the body, or with the signal.
 */
export async function fetchPinned(call: Call, addresses: readonly string[], signal: AbortSignal): Promise<Response> {
  // Loaded with the first call: most processes that load this package never make one.
  const { default: undici } = await import("undici");
  const client = new undici.Client(call.url.origin, { connect: { lookup: pin(addresses) } });
  try {
    const { status, statusText, headers, body } = await undici.fetch(call.url, {
      method: call.method,
      headers: Object.fromEntries(call.headers),
      body: call.body,
      redirect: "manual",
      signal,
      dispatcher: client,
    });
    const carried = body === null ? null : carryBody(body.getReader(), client);
    // A `Response` of this realm, which undici's is not. Throws for a status that it cannot have.
    const response = new Response(carried, { status, statusText, headers: [...headers] });
    // What has come whole takes the connection with it, also where nobody reads it.
    client.close().catch(() => {});
    return response;
  } catch (error) {
    await client.destroy();
    throw error;
  }
}

function pin(addresses: readonly string[]): LookupFunction {
  const pins = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, callback) => {
    // Never in the same turn, as with the lookup of Node.
    process.nextTick(() => {
      const [first] = pins;
      if (first === undefined) callback(new Error("no address was checked"), "", 0);
      else if (options.all === true) callback(null, pins);
      else callback(null, first.address, first.family);
    });
  };
}
