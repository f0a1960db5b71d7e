import { randomFillSync } from "node:crypto";

const PAGE = 16 * 256;
const page = Buffer.alloc(PAGE);
let used = PAGE;

/** Random bytes in lower-case hex, drawn from the system a page at a time and given out once. */
function draw(size: number): string {
  if (used + size > PAGE) {
    randomFillSync(page);
    used = 0;
  }
  used += size;
  const hex = page.toString("hex", used - size, used);
  // What was given out must not lie here for the next reader of this memory.
  page.fill(0, used - size, used);
  return hex;
}

/** A UUIDv7 (RFC 9562 section 5.7): its order is that of `now`, in milliseconds. */
export function uuidv7(now: number): string {
  const hex = draw(10);
  const time = now.toString(16).padStart(12, "0");
  // 4 bits of version, then 12 random; 2 bits of variant, then 62 random.
  const variant = (8 + (Number.parseInt(hex.slice(3, 4), 16) % 4)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8, 12)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}

/** A trace id of W3C trace context: 32 lower-case hex digits, not all zero. */
export function freshTraceId(): string {
  const hex = draw(16);
  return /^0+$/.test(hex) ? freshTraceId() : hex;
}

/** 32 fresh random bytes in lower-case hex: the salt of one commitment. */
export function freshSalt(): string {
  return draw(32);
}
