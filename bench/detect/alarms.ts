import { inspectOutput } from "../../src/output/inspect.js";
import { RULES } from "../../test/output/found.js";
import { type Corpus, slices } from "./corpus.js";
import type { Peer } from "./tool.js";

/** Something found where nothing is secret. */
export interface Alarm {
  readonly kind: string;
  readonly text: string;
  /** What stands before it. */
  readonly before: string;
}

/** What one tool found in one corpus. */
export interface Alarms {
  readonly corpus: Corpus["name"];
  readonly tool: string;
  /** False, or for somebody to judge. */
  readonly alarms: readonly Alarm[];
  /** Addresses as people have them: the corpus holds those of authors, and to find them is right. */
  readonly addresses: number;
  /** Finds of kinds that are none of ours. */
  readonly others: number;
}

/** What one output may hold here: less than makes the gate withhold a whole output for too many findings. */
const SLICE = 16_000;

/** Ours, every slice as one text and as a list of its lines: what is said of lists must not make alarms of lines. */
export function alarmsOfOurs(corpus: Corpus): readonly Alarms[] {
  const asText = slices(corpus.text, SLICE).flatMap((slice) => lookAt(slice, slice));
  const asLines = slices(corpus.text, SLICE).flatMap((slice) => lookAt(slice, slice.split("\n")));
  return [judge(corpus, "dispatch-gate", asText), judge(corpus, "dispatch-gate, a list of lines", asLines)];
}

export async function alarmsOfPeer(peer: Peer, corpus: Corpus): Promise<Alarms> {
  const all: Alarm[] = [];
  let others = 0;
  for (const slice of slices(corpus.text, SLICE)) {
    for (const find of await peer.find(slice)) {
      const kind = peer.ours(find);
      if (kind === undefined) others += 1;
      else all.push({ kind, ...excerpt(slice, find.start, find.end) });
    }
  }
  return { ...judge(corpus, peer.name, all), others };
}

function judge({ name }: Corpus, tool: string, all: readonly Alarm[]): Alarms {
  const alarms = all.filter((alarm) => !isAddress(alarm));
  return { corpus: name, tool, alarms, addresses: all.length - alarms.length, others: 0 };
}

/** Not `git@host:path`, which is how to reach a machine, nor what stands in a URL. */
function isAddress({ kind, text, before }: Alarm): boolean {
  if (kind !== "email" || text.startsWith("git@") || before.endsWith("://")) return false;
  return /^'?[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,24}$/.test(text);
}

function lookAt(slice: string, value: string | readonly string[]): readonly Alarm[] {
  const inspection = inspectOutput(value, RULES);
  if (inspection.verdict === "quarantine") return [{ kind: "withheld", text: inspection.message, before: "" }];
  const shown = inspection.output.value;
  return differences(slice, typeof shown === "string" ? shown : (shown as readonly string[]).join("\n"));
}

const MARK = /\[REDACTED:([a-z0-9_]+)(?::[0-9a-f]{12})?\]/g;

/** What marks of redaction stand for: the text between them tells where each was. */
function differences(original: string, redacted: string): readonly Alarm[] {
  const marks = [...redacted.matchAll(MARK)];
  const alarms: Alarm[] = [];
  let at = marks[0]?.index ?? 0;
  marks.forEach((mark, index) => {
    const rest = mark.index + mark[0].length;
    const between = redacted.slice(rest, marks[index + 1]?.index ?? redacted.length);
    // Documentation may hold a mark itself.
    const same = original.startsWith(mark[0], at);
    const end = same ? at + mark[0].length : between === "" ? at : indexOrEnd(original, between, at);
    if (!same) alarms.push({ kind: mark[1] ?? "", ...excerpt(original, at, end) });
    at = end + between.length;
  });
  return alarms;
}

function indexOrEnd(text: string, part: string, from: number): number {
  const index = text.indexOf(part, from);
  return index === -1 ? text.length : index;
}

function excerpt(text: string, start: number, end: number): { readonly text: string; readonly before: string } {
  return { text: text.slice(start, end), before: text.slice(Math.max(0, start - 24), start) };
}

/** An excerpt that can be shown: on one line, and long ones without their middle, so that no scanner takes it for a leak. */
export function displaySafe(text: string, most = 48): string {
  const plain = text.replace(/[^\u0020-\u007e]/g, (character) => {
    return character === "\n" ? "⏎" : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  const shown = plain.length <= most ? plain : `${plain.slice(0, most / 2)}…${plain.slice(-most / 4)}`;
  return shown.length < 16 ? shown : shown.replace(/([A-Za-z0-9]{6})[A-Za-z0-9]{10,}/g, "$1…");
}
