import { setOwn } from "./plain.js";
import { lookAt, record, redactText, replaceHits, type Scan } from "./scan.js";

/**
 * Plain data with every hit in its strings and keys redacted, in the same shape; the findings go to the scan.
 * For values that `copyPlain` made, which stay as they are. What cannot be redacted (bytes, URLs) adds a finding that withholds.
 */
export function redactValue(scan: Scan, value: unknown, name?: string): unknown {
  if (typeof value === "string") return redactText(scan, value, name);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((item, index) => redactAt(scan, String(index), item));
  if (value instanceof Map) return redactMap(scan, value);
  if (value instanceof Set) return redactSet(scan, value);
  if (value instanceof URL) withholdHits(scan, value.href);
  else if (value instanceof Uint8Array) withholdBytes(scan, value);
  else return redactFields(scan, value as Readonly<Record<string, unknown>>);
  return value;
}

function withholdHits(scan: Scan, text: string): void {
  record(scan, lookAt(scan, text), "quarantine");
}

/** As one character a byte, in which ASCII stands whatever is around it; and for other characters as UTF-8. */
function withholdBytes(scan: Scan, bytes: Uint8Array): void {
  withholdHits(scan, latin1(bytes));
  if (scan.watches.every(({ set }) => set.bytewise)) return;
  withholdHits(scan, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function redactAt(scan: Scan, step: string, value: unknown, name?: string): unknown {
  scan.steps.push(step);
  const redacted = redactValue(scan, value, name);
  scan.steps.pop();
  return redacted;
}

function redactFields(scan: Scan, object: Readonly<Record<string, unknown>>): object {
  const keys = Object.keys(object);
  const shown = redactNames(scan, keys);
  const copy = {};
  keys.forEach((key, index) => {
    const name = shown[index] ?? key;
    setOwn(copy, name, redactAt(scan, name, object[key], key));
  });
  return copy;
}

function redactMap(scan: Scan, map: ReadonlyMap<unknown, unknown>): Map<unknown, unknown> {
  const keys = [...map.keys()];
  const names = redactNames(scan, keys.filter(isString)).values();
  const copy = new Map<unknown, unknown>();
  keys.forEach((key, position) => {
    if (isString(key)) {
      const name = names.next().value ?? key;
      copy.set(name, redactAt(scan, name, map.get(key), key));
    } else {
      scan.keyDepth += 1;
      const shown = redactAt(scan, String(position), key);
      scan.keyDepth -= 1;
      copy.set(shown, redactAt(scan, String(position), map.get(key)));
    }
  });
  return copy;
}

function redactSet(scan: Scan, set: ReadonlySet<unknown>): Set<unknown> {
  const members = [...set];
  const redacted = members.map((member, position) => redactAt(scan, String(position), member));
  const isText = members.map(isString);
  const texts = numberEqual(
    members.filter(isString),
    redacted.filter((_, index) => isText[index]) as readonly string[],
  ).values();
  return new Set(redacted.map((member, index) => (isText[index] ? texts.next().value : member)));
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

/** The keys of one object or Map, redacted. A finding's path shows the key as it is after redaction. */
function redactNames(scan: Scan, keys: readonly string[]): readonly string[] {
  const sightings = keys.map((key) => lookAt(scan, key));
  if (sightings.every((seen) => seen.length === 0)) return keys;
  const names = numberEqual(
    keys,
    keys.map((key, index) => replaceHits(key, sightings[index] ?? [])),
  );
  scan.keyDepth += 1;
  sightings.forEach((seen, index) => {
    scan.steps.push(names[index] ?? "");
    record(scan, seen);
    scan.steps.pop();
  });
  scan.keyDepth -= 1;
  return names;
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
