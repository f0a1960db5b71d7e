import type { Finding, OutputRule } from "../outcome.js";
import { detectorKey, detectorSet } from "./detectors.js";
import type { DetectorSet, Hit } from "./hit.js";
import type { Step } from "./plain.js";
import { pointerOf } from "./pointer.js";

/** Findings of one output. With more it is withheld: what would come after them was not looked for. */
export const MAX_FINDINGS = 1_000;

/** One look at one output or error under all its rules: what is looked for, and what was found so far. */
export interface Scan {
  readonly watches: readonly Watch[];
  readonly findings: Finding[];
  /** Keys around the text being read, as they may be shown. */
  readonly steps: string[];
  /** Above 0 while keys, not values, are read. */
  keyDepth: number;
  /** Hits so far, those not recorded yet among them. */
  seen: number;
}

/** A detector set and the rule that acts on its hits. */
export interface Watch {
  readonly set: DetectorSet;
  readonly ruleId: string;
  readonly action: "redact" | "quarantine";
}

/**
 * A scan under these rules. Where several look for the same, the first that quarantines acts, otherwise the first:
 * the strictest action wins and every hit is one finding. Throws on a detector that does not exist.
 */
export function openScan(rules: readonly OutputRule[]): Scan {
  const watches = new Map<string, Watch>();
  for (const { ruleId, detect, action } of rules) {
    for (const detector of detect) {
      const key = detectorKey(detector);
      const known = watches.get(key);
      // Any action but `redact` withholds: an unknown one must not be milder than both.
      if (known === undefined || (known.action === "redact" && action !== "redact")) {
        watches.set(key, { set: detectorSet(detector), ruleId, action: action === "redact" ? "redact" : "quarantine" });
      }
    }
  }
  return { watches: [...watches.values()], findings: [], steps: [], keyDepth: 0, seen: 0 };
}

/** False when the recorded form of an output shows that no string of it can hold a hit. */
export function mayHold(scan: Scan, encoded: string): boolean {
  return scan.watches.some(({ set }) => set.clues.some((clue) => clue.test(encoded)));
}

/** A hit and the watch that saw it. */
export interface Sighting {
  readonly hit: Hit;
  readonly watch: Watch;
}

/** Enough of a field's name to know it by. */
const NAME_LENGTH = 64;

/** Every hit in one text. `name` is the field that holds it. Throws when the scan has seen more than `MAX_FINDINGS`. */
export function lookAt(scan: Scan, text: string, name?: string): readonly Sighting[] {
  const sightings: Sighting[] = [];
  for (const watch of scan.watches) {
    const { clues, names, find } = watch.set;
    const prefix = name !== undefined && names?.test(name) === true ? `${name.slice(-NAME_LENGTH)}=` : "";
    const whole = prefix + text;
    if (!clues.some((clue) => clue.test(whole))) continue;
    find(whole, ({ kind, start, end }) => {
      const hit: Hit = { kind, start: Math.max(0, start - prefix.length), end: end - prefix.length };
      if (hit.end <= 0 || sightings.some((sighting) => isSame(sighting.hit, hit))) return;
      scan.seen += 1;
      if (scan.seen > MAX_FINDINGS) throw new RangeError(`more than ${MAX_FINDINGS} findings`);
      sightings.push({ watch, hit });
    });
  }
  return sightings;
}

function isSame(a: Hit, b: Hit): boolean {
  return a.start === b.start && a.end === b.end && a.kind === b.kind;
}

/** Adds findings at the place where the scan stands. `action` is what happens when it is not what the rule says. */
export function record(scan: Scan, sightings: readonly Sighting[], action?: Finding["action"]): void {
  if (sightings.length === 0) return;
  const path = pointerOf(scan.steps) + (scan.keyDepth > 0 ? "#key" : "");
  for (const { hit, watch } of sightings) {
    const { ruleId } = watch;
    scan.findings.push({ kind: hit.kind, path, length: hit.end - hit.start, ruleId, action: action ?? watch.action });
  }
}

/** The text with every hit replaced by `[REDACTED:kind]`, hits that overlap by one. */
export function replaceHits(text: string, sightings: readonly Sighting[]): string {
  if (sightings.length === 0) return text;
  const hits = sightings.map(({ hit }) => hit).sort((a, b) => a.start - b.start || b.end - a.end);
  let result = "";
  let done = 0;
  for (const { kind, start, end } of hits) {
    if (start >= done) result += `${text.slice(done, start)}[REDACTED:${kind}]`;
    done = Math.max(done, end);
  }
  return result + text.slice(done);
}

/** The text with every hit in it redacted and recorded. */
export function redactText(scan: Scan, text: string, name?: string): string {
  const sightings = lookAt(scan, text, name);
  record(scan, sightings);
  return replaceHits(text, sightings);
}

/** The pointer to a place in a value that was not inspected, with every hit in its steps redacted but not recorded. */
export function safePointer(scan: Scan, steps: readonly Step[]): string {
  return pointerOf(steps.map((step) => (typeof step === "number" ? `${step}` : replaceHits(step, lookAt(scan, step)))));
}
