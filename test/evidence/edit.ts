/** A replacement that MUST find what it replaces: an unedited file would show nothing. */
export function edit(text: string, from: string | RegExp, to: string): string {
  const edited = text.replace(from, () => to);
  if (edited === text) throw new Error(`nothing to edit: ${from}`);
  return edited;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The same with a spare bit set in the padded base64 at its end: who is not strict reads the same bytes. */
export function withSpareBit(text: string): string {
  const [, letter = "", padding = ""] = /([A-Za-z0-9+/])(=+\n?)$/.exec(text) ?? [];
  return edit(text, /[A-Za-z0-9+/]=+\n?$/, `${ALPHABET[ALPHABET.indexOf(letter) + 1]}${padding}`);
}
