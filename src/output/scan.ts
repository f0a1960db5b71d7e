import type { Detector, Finding, OutputRule } from "../outcome.js";
import { detectorKey, findersOf, type HostDetectors, KINDS } from "./detectors.js";
import type { Finder } from "./hit.js";
import { look, type Search, type Sighting } from "./look.js";
import { type Fingerprint, NO_FINGERPRINT } from "./mark.js";
import { pointerOf } from "./pointer.js";
import type { Sheet } from "./sheet.js";
import type { Span } from "./view.js";

/** Findings of one output. With more it is withheld: what would come after them was not looked for. */
export const MAX_FINDINGS = 1_000;

/** How outputs are looked at, beside the rules. */
export interface Looking {
  /** Tells equal findings. Default: {@link NO_FINGERPRINT}. */
  readonly fingerprint?: Fingerprint;
  /** The host's own detectors, by name. Default: none. */
  readonly detectors?: HostDetectors;
  /** Starts the time of one look; answers true once it is over: then the output is withheld. Default: there is no end. */
  readonly timer?: () => () => boolean;
}

/** Who looks under some rules. */
interface Watchers {
  /** Finders of the gate's own sets, over the whole sheet. */
  readonly finders: readonly Finder[];
  /** Patterns of the policy and detectors of the host, over each text by itself. */
  readonly alone: readonly Finder[];
  readonly watches: ReadonlyMap<Finder, Watch>;
}

/** One look at one output or error under all its rules: who looks, and what was found so far. */
export interface Scan extends Watchers {
  readonly fingerprint: Fingerprint;
  readonly isOver: () => boolean;
  readonly findings: Finding[];
  /** Sightings so far, in all looks. */
  seen: number;
}

/** The rule that acts on what a finder finds. */
export interface Watch {
  readonly ruleId: string;
  readonly action: "redact" | "quarantine";
}

/** Thrown when the time is over. */
export const OVERTIME: unique symbol = Symbol("inspection took too long");

/** A scan under these rules. Throws on a detector that does not exist. */
export function openScan(rules: readonly OutputRule[], looking: Looking = {}): Scan {
  const { finders, alone, watches } = watchersFor(rules, looking.detectors ?? NONE);
  return {
    finders,
    alone,
    watches,
    fingerprint: looking.fingerprint ?? NO_FINGERPRINT,
    isOver: looking.timer?.() ?? NEVER,
    findings: [],
    seen: 0,
  };
}

const NONE: HostDetectors = new Map();

const NEVER = (): boolean => false;

/** By rules, and by the host's detectors: a policy's rules are the same list for all jobs that they are for. */
const known = new WeakMap<HostDetectors, WeakMap<readonly OutputRule[], Watchers>>();

function watchersFor(rules: readonly OutputRule[], detectors: HostDetectors): Watchers {
  const before = known.get(detectors)?.get(rules);
  if (before !== undefined) return before;
  const byRules = known.get(detectors) ?? new WeakMap<readonly OutputRule[], Watchers>();
  known.set(detectors, byRules);
  const made = makeWatchers(rules, detectors);
  // A list that may change is not known again.
  if (Object.isFrozen(rules)) byRules.set(rules, made);
  return made;
}

/**
 * Where several rules look for the same, the first that quarantines acts, otherwise the first: the strictest action wins and
 * every hit is one finding.
 */
function makeWatchers(rules: readonly OutputRule[], detectors: HostDetectors): Watchers {
  const chosen = new Map<string, Watch & { readonly detector: Detector }>();
  for (const { ruleId, detect, action } of rules) {
    for (const detector of detect) {
      const key = detectorKey(detector);
      const other = chosen.get(key);
      // Any action but `redact` withholds: an unknown one must not be milder than both.
      if (other === undefined || (other.action === "redact" && action !== "redact")) {
        chosen.set(key, { detector, ruleId, action: action === "redact" ? "redact" : "quarantine" });
      }
    }
  }
  const finders: Finder[] = [];
  const alone: Finder[] = [];
  const watches = new Map<Finder, Watch>();
  for (const { detector, ruleId, action } of chosen.values()) {
    for (const finder of findersOf(detector, detectors)) {
      (typeof detector === "string" ? finders : alone).push(finder);
      watches.set(finder, { ruleId, action });
    }
  }
  return { finders, alone, watches };
}

/** Smaller sheets are looked at in no time, unless somebody else's detector looks at them. */
const SMALL = 4_096;

/**
 * All that stands in a sheet, as `lookAt` finds it. Throws a `RangeError` when the scan has seen more than `MAX_FINDINGS`, {@link OVERTIME} when
 * its time is over, and whatever a detector throws.
 */
export function sightingsIn(scan: Scan, sheet: Sheet, lookAt = look): readonly Sighting[] {
  const { finders, alone } = scan;
  const isTimed = sheet.text.length > SMALL || alone.length > 0;
  const search: Search = {
    finders,
    kinds: () => new Set([...KINDS, ...alone.flatMap(({ kinds }) => kinds)]),
    onSighting: () => {
      scan.seen += 1;
      if (scan.seen > MAX_FINDINGS) throw new RangeError(`more than ${MAX_FINDINGS} findings`);
    },
    onStep: () => {
      if (isTimed && scan.isOver()) throw OVERTIME;
    },
  };
  const found = lookAt(search, sheet);
  if (alone.length === 0) return found;
  const sightings = [...found];
  for (const { start, end } of textsOf(sheet)) {
    const leaf = { text: sheet.text.slice(start, end), leaves: [] };
    for (const seen of look({ ...search, finders: alone }, leaf)) {
      sightings.push({ ...seen, start: seen.start + start, end: seen.end + start });
    }
  }
  search.onStep();
  return sightings;
}

/** Each text by itself; chunks of one text are one. */
function textsOf({ leaves }: Sheet): readonly Span[] {
  const texts: Span[] = [];
  for (const { start, end, follows } of leaves) {
    const last = texts[texts.length - 1];
    if (follows && last !== undefined) texts[texts.length - 1] = { start: last.start, end };
    else texts.push({ start, end });
  }
  return texts;
}

/** What acts on a sighting. */
function watchOf(scan: Scan, { finder }: Sighting): Watch {
  // A finder that nobody put there cannot have found anything; if it has, nothing may leave.
  return scan.watches.get(finder) ?? { ruleId: "@unknown", action: "quarantine" };
}

/** Adds a finding at a place. `action` is what happens where that is not what the rule says. */
export function record(scan: Scan, sighting: Sighting, place: Place, action?: Finding["action"]): void {
  const watch = watchOf(scan, sighting);
  scan.findings.push({
    kind: sighting.kind,
    path: pointerOf(place.steps) + (place.isKey ? "#key" : ""),
    length: sighting.end - sighting.start,
    fingerprint: scan.fingerprint(sighting.kind, sighting.found),
    ruleId: watch.ruleId,
    action: action ?? watch.action,
  });
}

/** Where in a value. */
export interface Place {
  /** Keys as they may be shown, and positions. */
  readonly steps: readonly string[];
  /** Whether a key on the way is meant, not a value. */
  readonly isKey: boolean;
}
