/** A word of a language, or several run together; capitals alone may be a part of a key. */
const WORD = /^[A-Z]?[a-z]{2,}[,;.:!?]?$/;

/** True when half or more of a text, after its first piece, is words: white space parts words, and seldom a secret. */
export function isProse(text: string): boolean {
  const [, ...pieces] = text.split(/\s+/);
  const total = pieces.reduce((sum, { length }) => sum + length, 0);
  const words = pieces.filter((piece) => WORD.test(piece)).reduce((sum, { length }) => sum + length, 0);
  return words * 2 >= total && words > 0;
}
