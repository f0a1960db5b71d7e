import { compileLinearPattern } from "../linear-pattern.js";
import type { Detector } from "../outcome.js";
import type { DetectorSet } from "./hit.js";
import { PII } from "./pii.js";
import { SECRETS } from "./secrets.js";

const SETS: ReadonlyMap<string, DetectorSet> = new Map([
  ["secrets", SECRETS],
  ["pii", PII],
]);

/** A policy's own pattern. */
type Custom = Exclude<Detector, string>;

/** Policies are frozen and shared by all jobs, so each pattern is compiled once. */
const compiled = new WeakMap<Custom, DetectorSet>();

/** The detectors of that name. Throws on one it does not know: to skip it would release what a rule asked to look for. */
export function detectorSet(detector: Detector): DetectorSet {
  if (typeof detector !== "string") return customSet(detector);
  const set = SETS.get(detector);
  if (set === undefined) throw new TypeError(`there is no detector set \`${detector}\``);
  return set;
}

/** Names a detector among others: two of one name and pattern find the same. */
export function detectorKey(detector: Detector): string {
  return typeof detector === "string" ? detector : JSON.stringify([detector.name, detector.pattern]);
}

/** What a text may be looked at for, in steps of some 50 ns: under half a second. Over it the output is withheld. */
const MAX_STEPS = 8_000_000;

function customSet(custom: Custom): DetectorSet {
  const known = compiled.get(custom);
  if (known !== undefined) return known;
  const read = compileLinearPattern(custom.pattern);
  if (!read.ok) throw new TypeError(`the pattern of \`${custom.name}\` is not valid: ${read.message}`);
  const set: DetectorSet = {
    // A pattern may match anything, so nothing rules it out beforehand.
    clues: [/^/],
    names: null,
    bytewise: false,
    find: (text, report) => {
      for (const { start, end } of read.value.findAll(text, MAX_STEPS)) report({ kind: custom.name, start, end });
    },
  };
  compiled.set(custom, set);
  return set;
}
