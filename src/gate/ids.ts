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

/** The millisecond of the latest id, and the number that it has within it. */
let [latest, number] = [Number.NaN, 0];

/** Numbers that an id can have within its millisecond. */
const NUMBERS = 4_096;

/**
 * A UUIDv7 (RFC 9562 section 5.7): its order is that of `now`, in milliseconds, and of ids of one millisecond that of their making, as
 * far as one process made them (section 6.2, method 1: 12 bits of counter, from anywhere in the lower half, so for 2,048 of them at least).
 */
export function uuidv7(now: number): string {
  const hex = draw(10);
  const drawn = Number.parseInt(hex.slice(0, 3), 16);
  number = now === latest && number + 1 < NUMBERS ? number + 1 : drawn % (NUMBERS / 2);
  latest = now;
  const time = now.toString(16).padStart(12, "0");
  // 4 bits of version, then the number; 2 bits of variant, then 62 random.
  const counter = number.toString(16).padStart(3, "0");
  const variant = (8 + (Number.parseInt(hex.slice(3, 4), 16) % 4)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8, 12)}-7${counter}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
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
