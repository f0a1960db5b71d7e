import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Decision } from "../../src/outcome.js";
import { compilePolicy } from "../../src/policy/policy.js";
import { cases, FULL_TIME } from "../scale.js";
import { jobs, policies, type RandomPolicy } from "./arbitrary.js";
import { ask } from "./ask.js";
import { neverLess } from "./severity.js";

const JOBS_EACH = 10;
const PAIRS = cases("a condition replaced by an error", 5_000, 100_000);

/** No job of these tests has it, so that it always errs. */
const ERRING = "job.payload.nowhere.at.all == 1.0";

type Block = Readonly<Record<string, unknown>>;

/** Every policy that comes of replacing one condition by one that always errs. */
function broken(policy: RandomPolicy): readonly RandomPolicy[] {
  const inBlock = (block: Block): readonly Block[] => [
    ...(block.when === undefined ? [] : [{ ...block, when: ERRING }]),
    ...(block.unless === undefined ? [] : inBlock(block.unless as Block).map((unless) => ({ ...block, unless }))),
  ];
  const inList = <Rule extends { readonly match: Block }>(list: readonly Rule[]): readonly (readonly Rule[])[] =>
    list.flatMap((rule, index) => inBlock(rule.match).map((match) => list.with(index, { ...rule, match })));
  return [
    ...inList(policy.rules).map((rules) => ({ ...policy, rules: rules as RandomPolicy["rules"] })),
    ...inList(policy.outputs ?? []).map((outputs) => ({ ...policy, outputs: outputs as RandomPolicy["outputs"] })),
  ] as readonly RandomPolicy[];
}

/** Tries every broken policy on every job, until so many pairs were compared. Answers how many answers changed. */
function compare(lessOf: (before: Decision, after: Decision) => string | null, pairs: number): number {
  let left = pairs;
  let changed = 0;
  while (left > 0) {
    fc.assert(
      fc.property(policies, fc.array(jobs, { minLength: JOBS_EACH, maxLength: JOBS_EACH }), (document, asked) => {
        const whole = compilePolicy({ document });
        for (const other of broken(document)) {
          const policy = compilePolicy({ document: other });
          for (const job of asked) {
            const [before, after] = [ask(whole, job), ask(policy, job)];
            const less = lessOf(before, after);
            if (less !== null) throw new Error(`${less}: ${JSON.stringify({ before, after, job, other })}`);
            if (!isDeepStrictEqual({ ...before, snapshot: "" }, { ...after, snapshot: "" })) changed += 1;
            left -= 1;
          }
        }
      }),
      {
        numRuns: 500,
        includeErrorInReport: true,
        endOnFailure: lessOf !== neverLess,
        seed: (Number(process.env.SEED) + left) | 0,
      },
    );
  }
  return changed;
}

test(
  "an error in place of any condition never makes an answer less severe and never takes an obligation away",
  () => {
    const changed = compare(neverLess, PAIRS);
    console.info(`${changed} answers changed, none for less`);
    expect(changed).toBeGreaterThan(PAIRS / 20);
  },
  FULL_TIME,
);

test("the comparison sees an answer that becomes less: the control", () => {
  expect(() => compare((before, after) => neverLess(after, before), 20_000)).toThrow("Got error");
});
