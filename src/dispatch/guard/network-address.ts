import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** An address as it is judged: IPv4-mapped IPv6 (`::ffff:0:0/96`) is the IPv4 address that a connection would go to. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** All addresses with the same first `bits` bits. */
export interface Range {
  readonly first: Address;
  readonly bits: number;
  /** What its addresses are, see {@link kindOf}; null where they are of more than one kind. */
  readonly kind: string | null;
}

/** Answered inside every virtual machine of Azure, though its number is a public one. */
const AZURE_PLATFORM = "168.63.129.16";

/** All that was ever given out as global unicast (RFC 4291, IANA). */
const GLOBAL_UNICAST = ipaddr.IPv6.parse("2000::");

/** Where IPv4 addresses are carried: RFC 6052, RFC 2765, RFC 4291 2.5.5.1, RFC 3056 and RFC 4380. */
const NAT64 = ipaddr.IPv6.parse("64:ff9b::");
const TRANSLATED = ipaddr.IPv6.parse("::ffff:0:0:0");
const COMPATIBLE = ipaddr.IPv6.parse("::");
const SIX_TO_FOUR = ipaddr.IPv6.parse("2002::");
const TEREDO = ipaddr.IPv6.parse("2001::");

/** Only the usual spelling is an address: `127.1` or `0177.0.0.1` is null here, and for a URL to fold before. */
export function readAddress(text: string): Address | null {
  const address = parse(text);
  return address !== null && isMapped(address) ? address.toIPv4Address() : address;
}

/** Null when there are no such ranges. Bits of `address` after the first `bits` do not matter. */
export function readRange(text: string, bits: number): Range | null {
  const written = parse(text);
  if (written === null || bits > (isSix(written) ? 128 : 32)) return null;
  // A range of mapped addresses is one of IPv4 addresses: mapped ones are never compared as they are written.
  if (isMapped(written) && bits >= 96) return rangeOf(written.toIPv4Address(), bits - 96);
  return rangeOf(written, bits);
}

/** The one address as a range. */
export function rangeOf(address: Address, bits: number = address.toByteArray().length * 8): Range {
  const [first, last] = endsOf(address, bits);
  const kind = kindOf(first);
  return { first, bits, kind: kind === kindOf(last) ? kind : null };
}

/** Whether the address is one of the range. */
export function inRange({ first, bits }: Range, address: Address): boolean {
  // Of one kind both, which `match` insists on.
  return address.kind() === first.kind() && address.match(first, bits);
}

/**
 * `public`, or what keeps the address from being that: the name of its special range. Public is global unicast by the
 * registries of IANA, and nothing else: of IPv6 that is what lies in `2000::/3`, and `64:ff9b::/96` where the IPv4
 * address in it is public.
 */
export function kindOf(address: Address): string {
  const range = address.range();
  if (isSix(address) && address.match(NAT64, 96)) {
    return carriedBy(address).every((inner) => kindOf(inner) === "public") ? "public" : range;
  }
  if (range !== "unicast") return range;
  if (isSix(address)) return address.match(GLOBAL_UNICAST, 3) ? "public" : "unallocated";
  return address.toString() === AZURE_PLATFORM ? "platform" : "public";
}

/** The IPv4 addresses that an IPv6 address carries, to which a translator or a tunnel might take the connection. */
export function carriedBy(address: Address): readonly Address[] {
  if (!isSix(address)) return [];
  const bytes = address.toByteArray();
  const at = (start: number): ipaddr.IPv4 => new ipaddr.IPv4(bytes.slice(start, start + 4));
  if (address.match(NAT64, 96) || address.match(TRANSLATED, 96)) return [at(12)];
  // `::` and `::1` have a meaning of their own.
  if (address.match(COMPATIBLE, 96) && address.range() === "unicast") return [at(12)];
  if (address.match(SIX_TO_FOUR, 16)) return [at(2)];
  // The server, and the client with all bits turned over.
  if (address.match(TEREDO, 32)) return [at(4), new ipaddr.IPv4(bytes.slice(12).map((byte) => 255 - byte))];
  return [];
}

/** What both take for an address: Node knows more zones, `ipaddr.js` more spellings. */
function parse(text: string): Address | null {
  return isIP(text) !== 0 && ipaddr.isValid(text) ? ipaddr.parse(text) : null;
}

function isSix(address: Address): address is ipaddr.IPv6 {
  return address.kind() === "ipv6";
}

function isMapped(address: Address): address is ipaddr.IPv6 {
  return isSix(address) && address.isIPv4MappedAddress();
}

function endsOf(address: Address, bits: number): readonly [Address, Address] {
  const bytes = address.toByteArray();
  const masks = bytes.map((_, index) => 255 >> Math.min(8, Math.max(0, bits - index * 8)));
  const first = bytes.map((byte, index) => byte & ~(masks[index] ?? 0));
  const last = bytes.map((byte, index) => byte | (masks[index] ?? 0));
  return [ipaddr.fromByteArray(first), ipaddr.fromByteArray(last)];
}
