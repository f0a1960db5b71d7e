/** A text as a shell takes it: one word, and never an option. */
export function shellWord(text: string): string {
  return /^[\w./:@+-]+$/.test(text) && !text.startsWith("-") ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
