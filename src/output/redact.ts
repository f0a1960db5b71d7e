import type { Sighting } from "./look.js";
import { markerOf } from "./mark.js";
import { setOwn } from "./plain.js";
import { record, type Scan } from "./scan.js";
import { type Leaf, type Sheet, textOf } from "./sheet.js";
import { lastNotPast, type Span } from "./view.js";

/**
 * Plain data with every sighting replaced by a marker, in the same shape; the findings go to the scan. For values that
 * `copyPlain` made and `layOut` laid out, which stay as they are. What cannot be redacted (bytes, URLs) adds a finding that
 * withholds. A large number becomes its marker, which is a text.
 */
export function redactValue(scan: Scan, value: unknown, { sheet, sightings }: Seen): unknown {
  const redaction: Redaction = {
    scan,
    cuts: cutsOf(scan, sheet, sightings),
    steps: [],
    keys: 0,
    values: 0,
    keyDepth: 0,
    under: "",
  };
  return redactAny(redaction, value);
}

/** What was found in a sheet. */
export interface Seen {
  readonly sheet: Sheet;
  readonly sightings: readonly Sighting[];
}

/** A part of one text that goes, and what comes in its place. */
interface Cut extends Span {
  readonly marker: string;
  /** What was found there, where it begins there. */
  readonly sighting: Sighting | null;
}

type Cuts = ReadonlyMap<number, readonly Cut[]>;

interface Redaction {
  readonly scan: Scan;
  readonly cuts: { readonly key: Cuts; readonly value: Cuts };
  readonly steps: string[];
  /** How many keys and values were met so far. */
  keys: number;
  values: number;
  /** Above 0 within the key of a Map. */
  keyDepth: number;
  /** The nearest key that is stood under, as it came. */
  under: string;
}

/** What goes of each text. A sighting that runs through several goes from each that is of the kind it begins in. */
function cutsOf(scan: Scan, { leaves }: Sheet, sightings: readonly Sighting[]): Redaction["cuts"] {
  const cuts = { key: new Map<number, Cut[]>(), value: new Map<number, Cut[]>() };
  const starts = leaves.map(({ start }) => start);
  for (const sighting of sightings) {
    let first: Leaf | undefined;
    for (let index = Math.max(0, lastNotPast(starts, sighting.start)); index < leaves.length; index += 1) {
      const leaf = leaves[index];
      if (leaf === undefined || leaf.start >= sighting.end) break;
      const start = Math.max(leaf.start, sighting.start);
      const end = Math.min(leaf.end, sighting.end);
      if (start >= end || (first?.kind === "value" && leaf.kind === "key")) continue;
      if (sighting.under !== undefined && leaf.under !== sighting.under) continue;
      const cut: Cut = {
        start: start - leaf.start,
        end: end - leaf.start,
        // Chunks of one text hold its marker once.
        marker: first !== undefined && leaf.follows ? "" : markerFor(scan, sighting),
        sighting: first === undefined ? sighting : null,
      };
      const known = cuts[leaf.kind].get(leaf.number);
      if (known === undefined) cuts[leaf.kind].set(leaf.number, [cut]);
      else known.push(cut);
      first ??= leaf;
    }
  }
  return cuts;
}

function markerFor({ fingerprint }: Scan, { kind, found, finder }: Sighting): string {
  return markerOf(kind, finder.guessable ? null : fingerprint(kind, found));
}

function redactAny(redaction: Redaction, value: unknown): unknown {
  const text = textOf(value, redaction.under);
  if (text !== undefined) return redactLeaf(redaction, value, text);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((item, index) => redactAt(redaction, String(index), item));
  if (value instanceof Map) return redactMap(redaction, value);
  if (value instanceof Set) return redactSet(redaction, value);
  return redactFields(redaction, value as Readonly<Record<string, unknown>>);
}

function redactAt(redaction: Redaction, step: string, value: unknown): unknown {
  redaction.steps.push(step);
  const redacted = redactAny(redaction, value);
  redaction.steps.pop();
  return redacted;
}

function redactLeaf(redaction: Redaction, value: unknown, text: string): unknown {
  const cuts = redaction.cuts.value.get(redaction.values);
  redaction.values += 1;
  if (cuts === undefined) return value;
  const canBe = typeof value !== "object";
  note(redaction, cuts, redaction.keyDepth > 0, canBe ? undefined : "quarantine");
  return canBe ? without(text, cuts) : value;
}

function note(redaction: Redaction, cuts: readonly Cut[], isKey: boolean, action?: "quarantine"): void {
  for (const { sighting } of cuts) {
    if (sighting !== null) record(redaction.scan, sighting, { steps: redaction.steps, isKey }, action);
  }
}

/** The text with each cut replaced by its marker, cuts that overlap or touch one another's inside by one. */
function without(text: string, cuts: readonly Cut[]): string {
  let result = "";
  let done = 0;
  for (const { start, end, marker } of [...cuts].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (start >= done) result += text.slice(done, start) + marker;
    done = Math.max(done, end);
  }
  return result + text.slice(done);
}

function redactFields(redaction: Redaction, object: Readonly<Record<string, unknown>>): object {
  const keys = Object.keys(object);
  const shown = redactNames(redaction, keys);
  const above = redaction.under;
  const copy = {};
  keys.forEach((key, index) => {
    const name = shown[index] ?? key;
    redaction.under = key;
    setOwn(copy, name, redactAt(redaction, name, object[key]));
    redaction.under = above;
  });
  return copy;
}

function redactMap(redaction: Redaction, map: ReadonlyMap<unknown, unknown>): Map<unknown, unknown> {
  const keys = [...map.keys()];
  const shownNames = redactNames(redaction, keys.filter(isString));
  const names = shownNames.values();
  const above = redaction.under;
  const copy = new Map<unknown, unknown>();
  const texts = new Set<unknown>(shownNames);
  keys.forEach((key, position) => {
    let step = String(position);
    let shown: unknown;
    if (isString(key)) {
      shown = names.next().value ?? key;
      step = String(shown);
    } else {
      redaction.keyDepth += 1;
      shown = redactAt(redaction, step, key);
      redaction.keyDepth -= 1;
      if (isString(shown)) shown = untaken(shown, texts);
      texts.add(shown);
    }
    if (isString(key)) redaction.under = key;
    copy.set(shown, redactAt(redaction, step, map.get(key)));
    redaction.under = above;
  });
  return copy;
}

function redactSet(redaction: Redaction, set: ReadonlySet<unknown>): Set<unknown> {
  const members = [...set];
  const redacted = members.map((member, position) => redactAt(redaction, String(position), member));
  // A number that became its marker is a text now.
  const isText = redacted.map(isString);
  const texts = numberEqual(
    members.filter((_, index) => isText[index]).map((member) => (isString(member) ? member : "")),
    redacted.filter(isString),
  ).values();
  return new Set(redacted.map((member, index) => (isText[index] ? texts.next().value : member)));
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

/** The keys of one object or Map, redacted. A finding's path shows the key as it is after redaction. */
function redactNames(redaction: Redaction, keys: readonly string[]): readonly string[] {
  const first = redaction.keys;
  redaction.keys += keys.length;
  const cuts = keys.map((_, index) => redaction.cuts.key.get(first + index) ?? []);
  if (cuts.every(({ length }) => length === 0)) return keys;
  const names = numberEqual(
    keys,
    keys.map((key, index) => (cuts[index]?.length === 0 ? key : without(key, cuts[index] ?? []))),
  );
  cuts.forEach((ofKey, index) => {
    redaction.steps.push(names[index] ?? "");
    note(redaction, ofKey, true);
    redaction.steps.pop();
  });
  return names;
}

function untaken(text: string, taken: ReadonlySet<unknown>): string {
  let name = text;
  for (let count = 2; taken.has(name); count += 1) name = `${text}#${count}`;
  return name;
}

/** Distinct texts stay distinct after redaction: of those that became equal all but the first get a number. */
function numberEqual(originals: readonly string[], redacted: readonly string[]): readonly string[] {
  const taken = new Set(originals.filter((original, index) => original === redacted[index]));
  const counts = new Map<string, number>();
  return redacted.map((text, index) => {
    if (text === originals[index]) return text;
    let name = text;
    for (let count = counts.get(text) ?? 1; taken.has(name); count += 1) {
      name = `${text}#${count + 1}`;
      counts.set(text, count + 1);
    }
    taken.add(name);
    return name;
  });
}
