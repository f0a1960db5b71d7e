import { deepFreeze } from "../job/freeze.js";
import type { Decision, OutputRule } from "../outcome.js";
import { combine, type Match } from "./combine.js";
import type { Engine, Output, Rule } from "./compile.js";
import { ERRS, MISSES, PERMITS, type Reach, reach } from "./match.js";
import { refuseTags } from "./refuse.js";
import type { View } from "./view.js";

/**
 * What is kept of decisions: steps in the tree of all combinations, and rules that the decisions name. Beyond it, and
 * twice the rules there are, all is made again: so the longest combination of all fits, too.
 */
const MAX_KEPT = 16_384;

/** One matching rule, or output rule, further in a combination. */
interface Step {
  readonly next: Map<number, Step>;
  readonly before: Step | null;
  /** Of the rule (above 0) or output rule (below) that led here: its number times 4, and how far it matched. */
  readonly code: number;
  decision: Decision | null;
}

function createStep(before: Step | null, code: number): Step {
  return { next: new Map(), before, code, decision: null };
}

/**
 * Decides jobs under one policy. Pure: a decision depends on which rules matched and how far, and on nothing else, so
 * that of each such combination is made once. Nothing is allocated for a rule that does not match.
 */
export function createDecide(engine: Engine): (view: View) => Decision {
  const { rules, index, outputs, outputIndex } = engine;
  const firstMatch = engine.combining === "first_match";
  const checksTags = engine.vocabulary !== null || engine.tiers !== null;
  const maxKept = MAX_KEPT + 2 * rules.length;
  let root = createStep(null, 0);
  let kept = 0;

  const follow = (step: Step, code: number): Step => {
    const known = step.next.get(code);
    if (known !== undefined) return known;
    const made = createStep(step, code);
    step.next.set(code, made);
    kept += 1;
    return made;
  };

  return (view) => {
    if (checksTags) {
      const refusal = refuseTags(engine, view);
      if (refusal !== null) return refusal;
    }
    let step = root;
    for (const number of index.candidates(view)) {
      const rule = rules[number] as Rule;
      const reached = reach(rule.test, view);
      if (reached === MISSES) continue;
      step = follow(step, number * 4 + reached);
      if (firstMatch && ends(rule, reached)) break;
    }
    if (outputs.length > 0) {
      for (const number of outputIndex.candidates(view)) {
        const reached = reach((outputs[number] as Output).test, view);
        if (reached !== MISSES) step = follow(step, -(number * 4 + reached));
      }
    }
    if (step.decision === null) {
      step.decision = decideStep(engine, step);
      kept += step.decision.matched.length;
    }
    const { decision } = step;
    if (kept > maxKept) {
      root = createStep(null, 0);
      kept = 0;
    }
    return decision;
  };
}

/** Under `first_match`: a refusal ends the search, so does a grant that permits, and so does an error. A limit never does. */
function ends(rule: Rule, reached: Reach): boolean {
  if (reached === ERRS || rule.type === "DENY") return true;
  if (rule.type === "THROTTLE") return rule.limit === null;
  return reached === PERMITS;
}

/** The decision of a combination, from the steps that lead to it. */
function decideStep(engine: Engine, last: Step): Decision {
  const matches: Match[] = [];
  const outputs: OutputRule[] = [];
  let sure = false;
  for (let step = last; step.before !== null; step = step.before) {
    const number = Math.abs(step.code) >> 2;
    const reached = (Math.abs(step.code) & 3) as Reach;
    if (step.code > 0) matches.push({ rule: engine.rules[number] as Rule, reached });
    else {
      outputs.push((engine.outputs[number] as Output).rule);
      sure ||= reached === PERMITS;
    }
  }
  matches.reverse();
  outputs.reverse();
  // An output rule that only may match adds to the default, and does not take its place.
  return deepFreeze(combine(engine, matches, sure ? outputs : [...outputs, ...engine.outputDefault]));
}
