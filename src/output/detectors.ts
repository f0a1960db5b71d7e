import type { Detector } from "../outcome.js";
import type { DetectorSet } from "./hit.js";
import { PII } from "./pii.js";
import { SECRETS } from "./secrets.js";

const SETS: ReadonlyMap<string, DetectorSet> = new Map<Detector, DetectorSet>([
  ["secrets", SECRETS],
  ["pii", PII],
]);

/** The detectors of that name. Throws on a name it does not know: to skip it would release what a rule asked to look for. */
export function detectorSet(name: Detector): DetectorSet {
  const set = SETS.get(name);
  if (set === undefined) throw new TypeError(`there is no detector set \`${name}\``);
  return set;
}
