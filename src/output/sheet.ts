import { isUtf8 } from "node:buffer";
import type { Span } from "./view.js";

/**
 * All texts of a value, one after the other: `key=value`, each value ended by a NUL. A NUL in a text is written as U+0001,
 * of the same length, so that nothing but the end of a value looks like one.
 */
export interface Sheet {
  readonly text: string;
  /** In the order of their places. */
  readonly leaves: readonly Leaf[];
}

/** A text of a value: a key, or a string, a large number, bytes or a URL. */
export interface Leaf extends Span {
  /**
   * Keys and values are numbered apart, keys from an object's first to its last before those of what it holds, values as they
   * come: as {@link layOut} meets them.
   */
  readonly kind: "key" | "value";
  readonly number: number;
  /** True for a chunk that goes on with the text of the one before. */
  readonly follows: boolean;
  /** The nearest key that it stands under; empty where there is none. */
  readonly under: string;
}

/** Smaller numbers hold nothing that is looked for. */
const LEAST_NUMBER = 1e12;

/** The same under a name that says what it is. */
const LEAST_NAMED = 1_000;

/** The names under which one field names what another holds, and under which that stands. */
const NAMING = /^(?:name|key|header|field|variable|param|parameter|option|attribute|property|setting|id|label)$/i;
const HOLDING = /^(?:value|val|content|data|default|text|string_?value)$/i;

/** What names a secret: no other name matters. */
const NAME =
  /^[\w .:=-]{0,48}(?:pass|pwd|secret|token|key|auth|credential|phone|tel|mobile|fax)[\w.-]{0,12}[ :=]{0,3}$/i;

interface Layout {
  readonly parts: string[];
  readonly leaves: Leaf[];
  length: number;
  keys: number;
  values: number;
  under: string;
}

/** The sheet of plain data, as `copyPlain` makes it. */
export function layOut(value: unknown): Sheet {
  const layout = openLayout();
  addValue(layout, value);
  return { text: layout.parts.join(""), leaves: layout.leaves };
}

/** A sheet of chunks, and where in it each of them ends. */
export interface ChunkSheet extends Sheet {
  readonly ends: readonly number[];
}

/** The sheet of chunks of which the texts are one text: no text ends before the last. */
export function layOutChunks(chunks: readonly unknown[]): ChunkSheet {
  const layout = openLayout();
  const ends: number[] = [];
  for (const chunk of chunks) {
    if (typeof chunk === "string") addLeaf(layout, "value", layout.values++, chunk);
    else addValue(layout, chunk);
    ends.push(layout.length);
  }
  return { text: layout.parts.join(""), leaves: layout.leaves, ends };
}

function openLayout(): Layout {
  return { parts: [], leaves: [], length: 0, keys: 0, values: 0, under: "" };
}

function write(layout: Layout, text: string): void {
  layout.parts.push(text);
  layout.length += text.length;
}

function addLeaf(layout: Layout, kind: Leaf["kind"], number: number, text: string): void {
  const start = layout.length;
  const follows = kind === "value" && start > 0 && layout.leaves[layout.leaves.length - 1]?.end === start;
  write(layout, text.includes("\0") ? text.replaceAll("\0", "\u0001") : text);
  layout.leaves.push({ kind, number, start, end: layout.length, follows, under: layout.under });
}

function addText(layout: Layout, text: string): void {
  addLeaf(layout, "value", layout.values++, text);
  part(layout);
}

/** Ends a value, if it has not ended. */
function part(layout: Layout): void {
  if (layout.parts[layout.parts.length - 1] !== "\0") write(layout, "\0");
}

function addValue(layout: Layout, value: unknown): void {
  const text = textOf(value, layout.under);
  if (text !== undefined) addText(layout, text);
  else if (typeof value !== "object" || value === null || value instanceof Date) return;
  else if (Array.isArray(value)) addList(layout, value);
  else if (value instanceof Map) addMap(layout, value);
  else if (value instanceof Set) addList(layout, [...value]);
  else addFields(layout, value as Readonly<Record<string, unknown>>);
}

/**
 * The text of what has one, and is a leaf; undefined for what is none. `under` is the nearest key that it stands under: a number
 * counts where that is the name of a secret or of a telephone, too. The same for layout and redaction.
 */
export function textOf(value: unknown, under: string): string | undefined {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      if (!Number.isFinite(value)) return undefined;
      return Math.abs(value) >= LEAST_NUMBER || (Math.abs(value) >= LEAST_NAMED && NAME.test(under))
        ? String(value)
        : undefined;
    case "bigint":
      return value >= LEAST_NUMBER || value <= -LEAST_NUMBER || (value >= LEAST_NAMED && NAME.test(under))
        ? value.toString()
        : undefined;
    case "object":
      if (value instanceof URL) return value.href;
      return value instanceof Uint8Array ? textOfBytes(value) : undefined;
    default:
      return undefined;
  }
}

/** As UTF-8 where they are, and else as one character a byte, in which ASCII stands whatever is around it. */
function textOfBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString(isUtf8(buffer) ? "utf8" : "latin1");
}

function addList(layout: Layout, list: readonly unknown[]): void {
  let named = "";
  // Names and values take turns, as raw headers do, or an option comes before its value; a list of names has no values.
  const isPairs = list.length % 2 === 0;
  list.forEach((item, index) => {
    if (named !== "" && typeof item === "string") write(layout, `${named}=`);
    addValue(layout, item);
    const isName =
      typeof item === "string" && ((isPairs && index % 2 === 0) || item.startsWith("-") || /[:=]\s*$/.test(item));
    named = isName ? nameOf(item) : "";
  });
}

/** The name of a secret that a text is, without its mark of assignment; empty where it is none. */
function nameOf(text: string): string {
  return NAME.test(text) ? text.replace(/[ :=]+$/, "") : "";
}

/** The name of a secret that one field says of another; undefined where no field says a name. */
function nameAmong(keys: readonly string[], heldUnder: (key: string) => unknown): string | undefined {
  const said = keys
    .filter((key) => NAMING.test(key))
    .map(heldUnder)
    .filter((value) => typeof value === "string");
  return said.map(nameOf).find((name) => name !== "") ?? (said.length === 0 ? undefined : "");
}

function addFields(layout: Layout, object: Readonly<Record<string, unknown>>): void {
  const keys = Object.keys(object);
  if (layout.length > 0) part(layout);
  const first = layout.keys;
  layout.keys += keys.length;
  const name = nameAmong(keys, (key) => object[key]) ?? nameOf(layout.under);
  const above = layout.under;
  keys.forEach((key, index) => {
    addLeaf(layout, "key", first + index, key);
    write(layout, name !== "" && HOLDING.test(key) ? `=${name}=` : "=");
    layout.under = key;
    addValue(layout, object[key]);
    layout.under = above;
    // What has no text must not read on into the next key.
    part(layout);
  });
}

function addMap(layout: Layout, map: ReadonlyMap<unknown, unknown>): void {
  const first = layout.keys;
  const names = [...map.keys()].filter((key) => typeof key === "string");
  if (layout.length > 0) part(layout);
  layout.keys += names.length;
  const name = nameAmong(names, (key) => map.get(key)) ?? nameOf(layout.under);
  const above = layout.under;
  let index = 0;
  for (const [key, value] of map) {
    if (typeof key === "string") {
      addLeaf(layout, "key", first + index, key);
      write(layout, name !== "" && HOLDING.test(key) ? `=${name}=` : "=");
      index += 1;
      layout.under = key;
    } else addValue(layout, key);
    addValue(layout, value);
    layout.under = above;
    part(layout);
  }
}
