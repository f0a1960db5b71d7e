// Run with `--expose-gc`: compiles one policy of as many rules as its argument says, and prints what that took and keeps.
import type { Policy } from "dispatch-gate";
import { compilePolicy } from "../built.js";
import { median } from "../sample.js";
import type { Footprint } from "./footprint.js";
import { documentOf, hostJobOf, jobsOf, rulesOf, yamlOf } from "./workload.js";

const collect = (globalThis as { readonly gc?: () => void }).gc;
if (collect === undefined) throw new Error("run with --expose-gc");

const rules = rulesOf(Number(process.argv[2]));
const document = documentOf(rules);
const yaml = yamlOf(rules);
const DIFFERENT = 20_000;

function timesOf(compile: () => Policy, forMs: number): readonly number[] {
  const times: number[] = [];
  const began = performance.now();
  do {
    const start = performance.now();
    compile();
    times.push(performance.now() - start);
  } while (performance.now() - began < forMs || times.length < 3);
  return times;
}

const heapUsed = (): number => {
  for (let time = 0; time < 3; time += 1) collect();
  return process.memoryUsage().heapUsed;
};

// What the first compilation makes once and for all belongs to the package, not to this policy.
const warmUp = documentOf(rulesOf(100));
for (let time = 0; time < 30; time += 1) compilePolicy({ document: warmUp });
for (let time = 0; time < 5; time += 1) compilePolicy({ yaml: yamlOf(rulesOf(100)) });

const fromDocument = timesOf(() => compilePolicy({ document }), 300);
const fromYaml = timesOf(() => compilePolicy({ yaml }), 300);

// Texts of its own, so that what the policy keeps of them is counted.
const text = JSON.stringify(document);
const before = heapUsed();
// In a function of its own: what it is given must not be kept by this one.
const compileText = (): Policy => compilePolicy({ document: JSON.parse(text) as unknown });
const policy = compileText();
const kept = heapUsed() - before;

let seen = 0;
for (const [n, job] of jobsOf(DIFFERENT, rules.length, "heap").entries()) {
  if (policy.decide(hostJobOf(job, n)).type === "ALLOW") seen += 1;
}
const keptAfter = heapUsed() - before;

const footprint: Footprint = {
  rules: policy.ruleIds.length,
  yamlBytes: Buffer.byteLength(yaml),
  documentMs: median(fromDocument),
  yamlMs: median(fromYaml),
  heapBytes: kept,
  heapAfterBytes: keptAfter,
  allowed: seen,
};
console.log(JSON.stringify(footprint));
