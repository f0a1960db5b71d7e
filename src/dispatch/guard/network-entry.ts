import { isIP } from "node:net";
import { type Address, inRange, type Range, rangeOf, readAddress, readRange } from "./network-address.js";

/** A host as it is compared: a name in lower case and punycode, without a final dot, or an address. */
export type Host =
  | { readonly name: string; readonly address: null }
  | { readonly name: null; readonly address: Address };

/** A host, and the port beside it; null where none is written. */
export interface Target {
  readonly host: Host;
  readonly port: number | null;
}

/** What stands in an `allow` or a `deny` list, read: a name, all names below one, or a range of addresses. */
export type Entry = { readonly text: string; readonly port: number | null } & (
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "below"; readonly suffix: string }
  | { readonly type: "range"; readonly range: Range }
);

/** RFC 1035 with `_`, which is in use. `*` is in none, so that no host is written like an entry. */
const NAME = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/;

/** What would end a host in a URL, or be dropped from it. */
const FOREIGN = /[\p{Cc}\p{Cf}\p{Z}\\/?#@:%[\]]/u;

/** Optional brackets, bits and port. */
const PARTS = /^(?<host>.+?)(?:\/(?<bits>\d{1,3}))?(?::(?<port>\d{1,5}))?$/s;

/**
 * Reads a host the way a URL does, which knows more spellings than one: `0x7f.1` and `127.0.0.1.` are 127.0.0.1, and
 * `BÜCHER.example` is `xn--bcher-kva.example`. IPv6 may stand in brackets. Null for what cannot be a host.
 */
export function readHost(text: string): Host | null {
  const bare = /^\[(.*)\]$/s.exec(text)?.[1] ?? text;
  if (isIP(bare) === 6) return hostOf(readAddress(bare));
  if (FOREIGN.test(text) || !URL.canParse(`http://${text}`)) return null;
  const name = new URL(`http://${text}`).hostname.replace(/\.$/, "");
  return hostOf(readAddress(name)) ?? (NAME.test(name) ? { name, address: null } : null);
}

/** Reads `host` or `host:port`, with IPv6 in brackets where a port follows. */
export function readTarget(text: string): Target | null {
  const parts = split(text);
  if (parts === null || parts.bits !== null) return null;
  const host = readHost(parts.host);
  return host === null ? null : { host, port: parts.port };
}

/**
 * Reads one entry of a list; null when it cannot be read. Where a port follows IPv6, the address stands in brackets:
 * `[::1]:443`, `[fd00::]/8:443`.
 */
export function readEntry(text: string): Entry | null {
  const parts = split(text);
  if (parts === null) return null;
  const { port } = parts;
  if (parts.bits !== null) {
    const range = readRange(/^\[(.*)\]$/s.exec(parts.host)?.[1] ?? parts.host, parts.bits);
    return range === null ? null : { text, port, type: "range", range };
  }
  const isBelow = parts.host.startsWith("*.");
  const host = readHost(isBelow ? parts.host.slice(2) : parts.host);
  if (host === null) return null;
  if (host.address === null) {
    return isBelow
      ? { text, port, type: "below", suffix: `.${host.name}` }
      : { text, port, type: "name", name: host.name };
  }
  // Nothing is below an address.
  return isBelow ? null : { text, port, type: "range", range: rangeOf(host.address) };
}

/** Whether the entry is about that name, on that port. */
export function matchesName(entry: Entry, name: string, port: number): boolean {
  if (!fitsPort(entry, port) || entry.type === "range") return false;
  return entry.type === "name" ? entry.name === name : name.endsWith(entry.suffix);
}

/** Whether the entry is about that address, on that port. */
export function matchesAddress(entry: Entry, address: Address, port: number): boolean {
  return fitsPort(entry, port) && entry.type === "range" && inRange(entry.range, address);
}

/** An entry without a port is about all of them. */
export function fitsPort(entry: Entry, port: number): boolean {
  return entry.port === null || entry.port === port;
}

function hostOf(address: Address | null): Host | null {
  return address === null ? null : { name: null, address };
}

interface Parts {
  readonly host: string;
  readonly bits: number | null;
  readonly port: number | null;
}

function split(text: string): Parts | null {
  if (isIP(text) === 6) return { host: text, bits: null, port: null };
  const { host, bits, port } = PARTS.exec(text)?.groups ?? {};
  if (host === undefined) return null;
  // `1:2:3:4:5:6:7:8:443` would be a guess.
  if (port !== undefined && bits === undefined && isIP(host) === 6) return null;
  const number = port === undefined ? null : Number(port);
  if (number !== null && (number < 1 || number > 65_535)) return null;
  return { host, bits: bits === undefined ? null : Number(bits), port: number };
}
