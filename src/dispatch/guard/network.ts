import { GuardError } from "../../errors.js";
import { quoted } from "../../policy/source.js";
import { readAddress } from "./network-address.js";
import { type Host, readHost, readTarget } from "./network-entry.js";
import {
  listsName,
  type NetworkLimits,
  type ReadLimits,
  type Refusal,
  readLimits,
  refuseAddress,
  refuseName,
} from "./network-limits.js";

export type { NetworkLimits } from "./network-limits.js";

/** In UTF-16 code units. */
const MAX_URL = 8_192;

/** A URL parser drops or turns these, so that what a person reads is not where it leads. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Z}\\]/u;

/** Up to the path. A URL parser would take `http:x` and `http:///x` as well. */
const AUTHORITY = /^https?:\/\/(?<authority>[^/?#]+)/i;

/** Stands for each port that no entry names. */
const OTHER_PORT = 0;

/**
 * Whether a job may declare that host, written `host` or `host:port`. Without a port it is enough that one port is
 * allowed. A name is allowed by name alone: what it resolves to is judged when it is fetched. False for what is no host.
 */
export function allowsHost(limits: NetworkLimits | undefined, host: string): boolean {
  const target = readTarget(host);
  if (target === null) return false;
  const read = readLimits(limits);
  const ports = target.port === null ? portsIn(read) : [target.port];
  return ports.some((port) => declares(read, target.host, port));
}

/**
 * The URL that may be asked for, made anew: host in lower case and punycode without a final dot, no fragment. Only
 * `http:` and `https:`, without user name or password, at most 8,192 characters. DNS is not asked: of a name this says
 * nothing about where it leads.
 * Throws a {@link GuardError} `url_invalid`, `host_denied`, or `address_denied` where the host is an address.
 */
export function checkUrl(limits: NetworkLimits | undefined, url: string | URL): URL {
  return checkPlace(readLimits(limits), url).url;
}

/** A URL that was checked, and what is left to check: the addresses of its host. */
export interface Place {
  readonly url: URL;
  readonly host: Host;
  readonly port: number;
}

/** @internal {@link checkUrl} with limits that were read before. */
export function checkPlace(limits: ReadLimits, input: string | URL): Place {
  const place = parse(textOf(input));
  const { host, port } = place;
  const refusal =
    host.address === null ? refuseName(limits, host.name, port) : refuseAddress(limits, null, host.address, port);
  if (refusal !== null) throw describeRefusal(refusal, place);
  return place;
}

/**
 * @internal What is left to check of a place whose host is a name: all that it resolves to. The message does not tell
 * the addresses, which the agent may see and would otherwise learn from it.
 */
export function checkAddresses(limits: ReadLimits, { url, host, port }: Place, addresses: readonly string[]): void {
  const where = `the host ${quoted(url.hostname)} resolves to an address that`;
  for (const text of addresses) {
    const address = readAddress(text);
    if (address === null) throw new GuardError("address_denied", `${where} cannot be read`);
    const refusal = refuseAddress(limits, host.name, address, port);
    if (refusal === null) continue;
    if (refusal.by === "kind") throw new GuardError("address_denied", `${where} is not public`, LIST_IT);
    const rule = refusal.by === "allow" ? "is not in `network.allow`" : "`network.deny` denies";
    throw new GuardError("address_denied", `${where} ${rule} on port ${port}`);
  }
}

const LIST_IT = { help: "list the address, or a range of its kind, in `network.allow` of the policy" };

function textOf(input: unknown): unknown {
  return typeof input === "object" && input !== null && "href" in input ? input.href : input;
}

function parse(text: unknown): Place {
  if (typeof text !== "string") throw new GuardError("url_invalid", "the URL must be a string or a URL");
  if (text.length > MAX_URL) throw new GuardError("url_invalid", "the URL is over 8,192 characters");
  if (HIDDEN.test(text)) {
    throw new GuardError("url_invalid", "the URL holds white space, a backslash or a character that does not show", {
      help: "write such characters percent-encoded",
    });
  }
  const authority = AUTHORITY.exec(text)?.groups?.authority;
  if (authority === undefined) {
    throw new GuardError("url_invalid", "the URL must begin with `http://` or `https://` and a host");
  }
  // The password is not in the message: messages are recorded.
  if (authority.includes("@")) {
    throw new GuardError("url_invalid", "the URL holds a user name or a password", { help: "send them in a header" });
  }
  if (!URL.canParse(text)) throw new GuardError("url_invalid", `the host ${quoted(authority)} is no host`);
  const url = new URL(text);
  const host = readHost(url.hostname);
  if (host === null || url.port === "0") {
    throw new GuardError("url_invalid", `the host ${quoted(authority)} is no host`);
  }
  if (host.name !== null) url.hostname = host.name;
  url.hash = "";
  return { url, host, port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port) };
}

/** The error for a URL that is refused for what stands in it: it may say all, for it tells nothing that was not given. */
function describeRefusal(refusal: Refusal, { url, host, port }: Place): GuardError {
  const code = host.address === null || refusal.by === "allow" ? "host_denied" : "address_denied";
  const where = `the host ${quoted(url.hostname)}`;
  switch (refusal.by) {
    case "unreadable":
      return new GuardError(
        "host_denied",
        `${where} is denied, for the entry ${quoted(refusal.entry)} cannot be read`,
        {
          help: "correct the entry in `network.deny` of the policy",
        },
      );
    case "deny":
      return new GuardError(code, `${where} is denied by ${quoted(refusal.entry)} on port ${port}`);
    case "kind":
      return new GuardError(code, `${where} is not a public address`, LIST_IT);
    case "allow":
      return new GuardError(code, `${where} is not in \`network.allow\` on port ${port}`);
  }
}

function declares(limits: ReadLimits, host: Host, port: number): boolean {
  if (host.address !== null) return refuseAddress(limits, null, host.address, port) === null;
  return refuseName(limits, host.name, port) === null && listsName(limits, host.name, port);
}

function portsIn({ allow, deny }: ReadLimits): readonly number[] {
  return [...new Set([...allow.flat(), ...deny].map((entry) => entry.port ?? OTHER_PORT)).add(OTHER_PORT)];
}
