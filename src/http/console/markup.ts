import { html } from "hono/html";
import { displaySafe } from "../../evidence/display.js";

/** HTML that is safe to send. Only `markup` makes it. */
export type Markup = ReturnType<typeof html>;

/** What may stand between the parts of a template: a text is only ever a text. */
export type Value = string | number | null | Markup | readonly Value[];

/**
 * HTML of a template. Every text that stands in it is escaped, and what is not plainly visible of it is written out; null is
 * nothing.
 */
export function markup(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return html(parts, ...values.map(safe));
}

function safe(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(safe);
  return typeof value === "string" ? displaySafe(value) : value;
}
