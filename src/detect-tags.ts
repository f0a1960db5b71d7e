import type { AdmittedJob } from "./job/job.js";
import type { OutputRule } from "./outcome.js";
import { type HostDetector, readDetectors } from "./output/detectors.js";
import { findingsIn } from "./output/inspect.js";
import { refuseUnknown } from "./refuse-unknown.js";

/** What is looked for in a job. */
export interface DetectTagsOptions {
  /** Sets that ship with the gate, and names of `detectors`: each is a tag. Default `["secrets", "pii"]`. */
  readonly detect?: readonly string[];
  /** Detectors of the host's own. Default: none. */
  readonly detectors?: readonly HostDetector[];
}

/** Milliseconds that a job may be looked at for one tag. */
const LOOK_MS = 2_000;

/**
 * A `deriveTags` that looks at the job with the detectors that look at outputs: a job whose payload, annotations, labels or
 * resources hold a secret or personal data gets the tag `secrets` or `pii`. It throws for a job that cannot be looked at
 * whole, so that the gate refuses it. Throws a `TypeError` for a detector that is none.
 */
export function detectTags(options: DetectTagsOptions = {}): (job: AdmittedJob) => readonly string[] {
  refuseUnknown(options, ["detect", "detectors"], "detectTags");
  const { detect = ["secrets", "pii"], detectors = [] } = options;
  const own = readDetectors([...detectors]);
  const rules = detect.map((name): readonly [string, readonly OutputRule[]] => {
    const isSet = name === "secrets" || name === "pii";
    if (!isSet && !own.has(name)) throw new TypeError(`there is no detector \`${name}\``);
    return [name, Object.freeze([{ ruleId: name, detect: [isSet ? name : { detector: name }], action: "redact" }])];
  });
  const timer = (): (() => boolean) => {
    const until = performance.now() + LOOK_MS;
    return () => performance.now() > until;
  };
  return ({ payload, annotations, labels, resources }) => {
    const looked = { payload, annotations, labels, resources };
    return rules.filter(([, ofTag]) => findingsIn(looked, ofTag, { detectors: own, timer }) > 0).map(([name]) => name);
  };
}
