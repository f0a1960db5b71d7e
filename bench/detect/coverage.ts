import type { Example } from "../../test/output/example.js";
import { FORMS, type Form, forms, type Probe } from "../../test/output/forms.js";
import { isFound, survives } from "../../test/output/found.js";
import { groupBy } from "./group.js";
import type { Peer } from "./tool.js";

/** Of the examples of one kind, how many were found in one form. An example is when all its probes are. */
export interface Cell {
  readonly found: number;
  readonly of: number;
  /** The first that was missed. */
  readonly missed: Example | undefined;
}

export interface Row {
  readonly kind: string;
  readonly cells: Readonly<Record<Form, Cell>>;
}

type Look = (probe: Probe) => boolean | Promise<boolean>;

export function coverOurs(examples: readonly Example[]): Promise<readonly Row[]> {
  return cover(examples, (probe) => isFound(probe));
}

export function coverPeer(peer: Peer, examples: readonly Example[]): Promise<readonly Row[]> {
  return cover(examples, (probe) => isFoundBy(peer, probe));
}

async function cover(examples: readonly Example[], look: Look): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [kind, ofKind] of groupBy(examples, (example) => example.kind)) {
    const cells: [Form, Cell][] = [];
    for (const form of FORMS) cells.push([form, await coverForm(ofKind, form, look)]);
    rows.push({ kind, cells: Object.fromEntries(cells) as Record<Form, Cell> });
  }
  return rows;
}

async function coverForm(examples: readonly Example[], form: Form, look: Look): Promise<Cell> {
  const missed: Example[] = [];
  for (const example of examples) {
    if (!(await findsAll(forms(example)[form], look))) missed.push(example);
  }
  return { found: examples.length - missed.length, of: examples.length, missed: missed[0] };
}

async function findsAll(probes: readonly Probe[], look: Look): Promise<boolean> {
  for (const probe of probes) {
    if (!(await look(probe))) return false;
  }
  return true;
}

/**
 * Peers look at text, so each gets the better of two ways to give it: every text of the value by itself, after the name
 * of its field; and the value as indented JSON.
 */
async function isFoundBy(peer: Peer, probe: Probe): Promise<boolean> {
  const left: string[] = [];
  for (const { name, text } of textsOf(probe.value)) {
    const prefix = name === undefined ? "" : `${name}: `;
    const kept = await leftBy(peer, prefix + text);
    left.push(kept.slice(prefix.length));
  }
  if (!survives(probe.carrier, left.join("").replaceAll(GONE, ""))) return true;
  // Chunks in JSON are apart, so nothing of a secret would be left in one piece whether it was found or not.
  if (probe.from === "thrown" || probe.form === "chunks" || probe.form === "list") return false;
  const json = await leftBy(peer, JSON.stringify(probe.value, null, 2));
  return !survives(JSON.stringify(probe.carrier).slice(1, -1), json.replaceAll(GONE, ""));
}

/** In the place of what was found, so that what is left keeps its place. */
const GONE = "\0";

async function leftBy(peer: Peer, text: string): Promise<string> {
  const units = text.split("");
  for (const { start, end } of await peer.find(text)) {
    if (peer.reports === "places") units.fill(GONE, start, end);
    else units.fill(GONE, text.lastIndexOf("\n", start) + 1, lineEnd(text, end));
  }
  return units.join("");
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end;
}

interface Named {
  readonly name?: string;
  readonly text: string;
}

/** Every key and text of a value; of an error, what a logger would print of it. */
function textsOf(value: unknown, name?: string): readonly Named[] {
  if (typeof value === "string") return [name === undefined ? { text: value } : { name, text: value }];
  if (Array.isArray(value)) return value.flatMap((item) => textsOf(item));
  if (value instanceof Error) {
    const { message, stack, cause } = value;
    return [message, stack ?? "", ...Object.values(value), cause].flatMap((part: unknown) => textsOf(part));
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [{ text: key }, ...textsOf(item, key)]);
}
