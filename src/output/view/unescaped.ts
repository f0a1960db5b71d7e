import type { View } from "../view.js";
import { focusedView } from "./focused.js";
import { replacing } from "./replaced.js";

/** Percent-encoding (RFC 3986), and the escapes of JSON, of most languages and of HTML for one character by its number. */
const ESCAPE =
  /%(?<percent>[0-9a-f]{2})|\\x(?<byte>[0-9a-f]{2})|\\u(?<unit>[0-9a-f]{4})|&#x(?<hex>[0-9a-f]{2,4});|&#(?<decimal>[0-9]{2,5});|&(?<entity>quot|apos|amp|lt|gt|nbsp);|\\u\{(?<point>[0-9a-f]{2,4})\}|(?<control>\\[nrtbf](?![\\/]))/gi;

/** How far around an escape something may reach that it is part of. */
const RADIUS = 2_048;

/**
 * The text with every escape of a character as the character, bytes as one character each: its parts around what was escaped.
 * Null where nothing was.
 */
export function unescapedView(before: View): View | null {
  const { text } = before;
  if (!/[%\\&]/.test(text)) return null;
  const { replace, done } = replacing(before);
  for (const { 0: written, index, groups = {} } of text.matchAll(ESCAPE)) {
    replace(index, index + written.length, characterOf(groups));
  }
  const replaced = done();
  return replaced === null ? null : focusedView(replaced.view, replaced.places, RADIUS);
}

const ENTITIES: Readonly<Record<string, string>> = { quot: '"', apos: "'", amp: "&", lt: "<", gt: ">", nbsp: " " };

function characterOf(groups: Readonly<Record<string, string | undefined>>): string {
  const { percent, byte, unit, hex, decimal, entity, control, point } = groups;
  if (entity !== undefined) return ENTITIES[entity.toLowerCase()] ?? " ";
  if (control !== undefined) return "\n";
  const code =
    decimal === undefined ? Number.parseInt(percent ?? byte ?? unit ?? hex ?? point ?? "", 16) : Number(decimal);
  // A NUL would part what is one value.
  return code === 0 || code > 0xffff ? "\u0001" : String.fromCharCode(code);
}
