import { types } from "node:util";
import { compileLinearPattern } from "../linear-pattern.js";
import type { Detector } from "../outcome.js";
import { SETS } from "./detect/sets.js";
import type { Finder } from "./hit.js";

/** A detector of the host's own: what a policy's `detect` names as `{ detector: name }`. */
export interface HostDetector {
  /** What its findings are called: 1 to 64 of a-z, 0-9 and _. */
  readonly name: string;
  /**
   * Answers every place that holds what it looks for, as offsets in UTF-16 code units. It is called with each string, key and
   * number of an output and with what they decode to, and MUST take time linear in the text. What it throws withholds the
   * output, and so does a place that is none.
   */
  readonly find: (text: string) => Iterable<{ readonly start: number; readonly end: number }>;
  /**
   * False where so many values are possible that nobody can try them all: then equal ones have equal fingerprints in what
   * leaves, too. Default true.
   */
  readonly guessable?: boolean;
}

/** The detectors of a host, by name. */
export type HostDetectors = ReadonlyMap<string, Finder>;

/** Every kind that the gate's own sets report. */
export const KINDS: readonly string[] = [...SETS.values()].flat().flatMap(({ kinds }) => kinds);

/** The finders of a detector. Throws on one it does not know: to skip it would release what a rule asked to look for. */
export function findersOf(detector: Detector, own: HostDetectors): readonly Finder[] {
  if (typeof detector === "string") return known(detector, SETS.get(detector));
  if ("pattern" in detector) return [patternFinder(detector)];
  const finder = own.get(detector.detector);
  return known(detector.detector, finder === undefined ? undefined : [finder]);
}

function known(name: string, finders: readonly Finder[] | undefined): readonly Finder[] {
  if (finders === undefined) throw new TypeError(`there is no detector \`${name}\``);
  return finders;
}

/** Names a detector among others: two of one name and pattern find the same. */
export function detectorKey(detector: Detector): string {
  if (typeof detector === "string") return detector;
  return JSON.stringify("pattern" in detector ? [detector.name, detector.pattern] : [detector.detector]);
}

/** A policy's own pattern. */
type Pattern = Extract<Detector, { readonly pattern: string }>;

/** Policies are frozen and shared by all jobs, so each pattern is compiled once. */
const compiled = new WeakMap<Pattern, Finder>();

/** What a text may be looked at for, in steps of some 50 ns: under half a second. Over it the output is withheld. */
const MAX_STEPS = 8_000_000;

function patternFinder(custom: Pattern): Finder {
  const before = compiled.get(custom);
  if (before !== undefined) return before;
  const read = compileLinearPattern(custom.pattern);
  if (!read.ok) throw new TypeError(`the pattern of \`${custom.name}\` is not valid: ${read.message}`);
  const finder: Finder = {
    kinds: [custom.name],
    breaks: "never",
    guessable: true,
    find: (text, report) => {
      for (const { start, end } of read.value.findAll(text, MAX_STEPS)) report({ kind: custom.name, start, end });
    },
  };
  compiled.set(custom, finder);
  return finder;
}

const NAME = /^[a-z0-9_]{1,64}$/;

/** The host's detectors, checked. Throws a `TypeError` for one that is none, or that has the name of another. */
export function readDetectors(detectors: readonly HostDetector[]): HostDetectors {
  const finders = new Map<string, Finder>();
  for (const { name, find, guessable = true } of detectors) {
    if (typeof name !== "string" || !NAME.test(name) || SETS.has(name)) {
      throw new TypeError("a detector's `name` must be 1 to 64 of a-z, 0-9 and _, and neither `secrets` nor `pii`");
    }
    if (finders.has(name)) throw new TypeError(`there are two detectors \`${name}\``);
    if (typeof find !== "function") throw new TypeError(`the detector \`${name}\` needs a function \`find\``);
    if (typeof guessable !== "boolean")
      throw new TypeError(`\`guessable\` of the detector \`${name}\` must be a boolean`);
    finders.set(name, hostFinder(name, find, guessable));
  }
  return finders;
}

function hostFinder(name: string, find: HostDetector["find"], guessable: boolean): Finder {
  return {
    kinds: [name],
    breaks: "never",
    guessable,
    find: (text, report) => {
      const found: unknown = find(text);
      if (types.isPromise(found)) {
        found.catch(() => undefined);
        throw new TypeError(`\`find\` of the detector \`${name}\` must not be async`);
      }
      for (const { start, end } of found as ReturnType<HostDetector["find"]>) {
        const isPlace =
          Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start < end && end <= text.length;
        if (!isPlace) throw new RangeError(`the detector \`${name}\` answered a place that is none`);
        report({ kind: name, start, end });
      }
    },
  };
}
