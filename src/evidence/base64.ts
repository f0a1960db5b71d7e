/** Standard base64 with padding (RFC 4648, section 4). */
export function writeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** The bytes of a base64 text, or null unless it is the one text that those bytes have: no spaces, no missing padding, no spare bits. */
export function readBase64(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}
