import { nearest } from "./nearest.js";
import { quoted } from "./policy/source.js";

/** Throws a `TypeError` for the first option that `where` does not know, with the one that was meant, where it is plain. */
export function refuseUnknown(options: object, known: readonly string[], where: string): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    throw new TypeError(
      `${where} has no option ${quoted(key)}${meant === undefined ? "" : `: did you mean \`${meant}\`?`}`,
    );
  }
}
