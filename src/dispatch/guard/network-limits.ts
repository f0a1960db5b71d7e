import type { Constraints } from "../../outcome.js";
import type { Address } from "./network-address.js";
import { carriedBy, kindOf } from "./network-address.js";
import { type Entry, fitsPort, matchesAddress, matchesName, readEntry } from "./network-entry.js";

/**
 * What a policy says of the network. An entry is a host, `*.host` (all below it, not itself), an address or a CIDR range,
 * for all ports or for one: `api.example.com:443`, `10.0.0.0/8:5432`, `[::1]:8080`. Denied wins.
 */
export type NetworkLimits = NonNullable<Constraints["network"]>;

/** The entries, read once. */
export interface ReadLimits {
  /** Each must allow; none at all does not limit. An entry that cannot be read allows nothing. */
  readonly allow: readonly (readonly Entry[])[];
  readonly deny: readonly Entry[];
  /** The first deny entry that cannot be read. It might mean anything, so everything is denied. */
  readonly unreadable: string | null;
}

/** Which rule refuses. */
export type Refusal =
  | { readonly by: "unreadable"; readonly entry: string }
  | { readonly by: "deny"; readonly entry: string }
  | { readonly by: "allow" }
  | { readonly by: "kind" };

/** Never throws: what cannot be read only ever refuses. */
export function readLimits(limits: NetworkLimits | undefined): ReadLimits {
  const deny = (limits?.deny ?? []).map((text) => ({ text, entry: readEntry(text) }));
  return {
    allow: (limits?.allow ?? []).map((list) => list.map(readEntry).filter((entry) => entry !== null)),
    deny: deny.map(({ entry }) => entry).filter((entry) => entry !== null),
    unreadable: deny.find(({ entry }) => entry === null)?.text ?? null,
  };
}

/** What a name alone is refused for, by all that can be told before it is resolved. */
export function refuseName(limits: ReadLimits, name: string, port: number): Refusal | null {
  const denied = refuseDenied(limits, (entry) => matchesName(entry, name, port));
  if (denied !== null) return denied;
  // A list that names addresses may allow this name for those that it resolves to.
  const mayAllow = (entry: Entry): boolean =>
    matchesName(entry, name, port) || (entry.type === "range" && fitsPort(entry, port));
  return limits.allow.every((list) => list.some(mayAllow)) ? null : { by: "allow" };
}

/** True when every list allows the name, whatever it resolves to. */
export function listsName(limits: ReadLimits, name: string, port: number): boolean {
  return limits.allow.every((list) => list.some((entry) => matchesName(entry, name, port)));
}

/**
 * What one address is refused for, reached under `name`, or under its own number where that is null.
 *
 * Every list must allow it by itself: it has an entry for the name or for the address and, where the address is not
 * public, one that names the address. No name vouches for such an address, because DNS says what a name resolves to,
 * and no range does that reaches beyond what the address is: `0.0.0.0/0` does not mean loopback, `127.0.0.0/8` does.
 * What an IPv6 address carries is held to the same.
 */
export function refuseAddress(limits: ReadLimits, name: string | null, address: Address, port: number): Refusal | null {
  const forms = [address, ...carriedBy(address)];
  const denied = refuseDenied(limits, (entry) => forms.some((form) => matchesAddress(entry, form, port)));
  if (denied !== null) return denied;

  const closed = forms.filter((form) => kindOf(form) !== "public");
  const vouches = (list: readonly Entry[]): boolean =>
    closed.every((form) => list.some((entry) => vouchesFor(entry, form, port)));
  if (closed.length > 0 && !(limits.allow.length > 0 && limits.allow.every(vouches))) return { by: "kind" };

  const allows = (entry: Entry): boolean =>
    matchesAddress(entry, address, port) || (name !== null && matchesName(entry, name, port));
  return limits.allow.every((list) => list.some(allows)) ? null : { by: "allow" };
}

function refuseDenied({ unreadable, deny }: ReadLimits, matches: (entry: Entry) => boolean): Refusal | null {
  if (unreadable !== null) return { by: "unreadable", entry: unreadable };
  const entry = deny.find(matches);
  return entry === undefined ? null : { by: "deny", entry: entry.text };
}

function vouchesFor(entry: Entry, address: Address, port: number): boolean {
  return matchesAddress(entry, address, port) && entry.type === "range" && entry.range.kind === kindOf(address);
}
