import { deepFreeze } from "../job/freeze.js";
import { nearest } from "../nearest.js";
import type { Decision } from "../outcome.js";
import type { Engine } from "./compile.js";
import type { View } from "./view.js";

// Jobs of which no rule is asked.

/** In a larger vocabulary nobody looks for what was meant: a job must not cost what a policy's words are many. */
const MAX_SUGGESTED = 256;

/**
 * A job whose tags the policy does not take: one outside its vocabulary, or not exactly one tier. Null when they are
 * taken. A tier that only the job declares counts against it and never for it, where declared tags are not trusted.
 */
export function refuseTags(engine: Engine, view: View): Decision | null {
  const { vocabulary, tiers } = engine;
  const stray = vocabulary === null ? undefined : view.tags.find((tag) => !vocabulary.has(tag));
  if (vocabulary !== null && stray !== undefined) {
    const meant = vocabulary.size > MAX_SUGGESTED ? undefined : nearest(stray, vocabulary);
    const hint = meant === undefined ? "" : ` (did you mean \`${meant}\`?)`;
    return refuse(engine, "@tags", `the tag \`${stray}\` is not in the policy's vocabulary${hint}`);
  }
  if (tiers === null) return null;
  const carried = view.tags.filter((tag) => tiers.has(tag));
  const trusted = view.trustedTags.filter((tag) => tiers.has(tag));
  if (carried.length === 1 && trusted.length === 1) return null;
  const had = carried.length === 1 ? `only declares \`${carried[0]}\`` : `carries ${carried.length} of them`;
  return refuse(
    engine,
    "@tiers",
    `a job must carry exactly one of the policy's ${tiers.size} tiers, and this one ${had}`,
  );
}

/** A job that no policy can be asked about. It is never admitted either, so nothing of it will be inspected. */
export function refuseMalformed(engine: Engine, reason: string): Decision {
  return refuse(engine, "@invalid", reason);
}

function refuse(engine: Pick<Engine, "snapshot" | "outputDefault">, ruleId: string, reason: string): Decision {
  return deepFreeze<Decision>({
    type: "DENY",
    ruleId,
    reason,
    snapshot: engine.snapshot,
    matched: [],
    erred: [],
    constraints: {},
    obligations: { approvals: [], limits: [], pools: [], outputs: engine.outputDefault },
    remediations: [],
  });
}
