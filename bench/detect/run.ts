// How much is found, how much of what is not secret, and how fast: ours and published tools in the same run.
//   tsx bench/detect/run.ts              everything, with what was missed and every alarm
//   tsx bench/detect/run.ts --markdown   the section for docs/detection.md
//   --short: one round of speed; --seed=N: other examples and other logs
import { cpus } from "node:os";
import { leastCpu } from "../../test/cpu.js";
import { ADVERSARIAL, ADVERSARIAL_SIZE, inspectionsOf } from "../../test/output/adversarial.js";
import { drawExamples, EXAMPLE_SEED } from "../../test/output/kinds.js";
import { type Alarms, alarmsOfOurs, alarmsOfPeer } from "./alarms.js";
import { openCorpora } from "./corpus.js";
import { coverOurs, coverPeer, type Row } from "./coverage.js";
import { openredaction } from "./openredaction.js";
import {
  alarmList,
  alarmTable,
  corpusTable,
  coverageTable,
  missedList,
  slowTable,
  speedTable,
  summaryTable,
} from "./report.js";
import { secretlint } from "./secretlint.js";
import { measureSpeed } from "./speed.js";

const markdown = process.argv.includes("--markdown");
const rounds = process.argv.includes("--short") ? 1 : 7;
const seed = Number(process.argv.find((word) => word.startsWith("--seed="))?.slice("--seed=".length) ?? EXAMPLE_SEED);

const peers = [secretlint, openredaction];
const examples = drawExamples(seed);
const corpora = openCorpora(seed);

function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown";
  const date = new Date().toISOString().slice(0, 10);
  return `${model}, ${cpus().length} cores; ${process.platform}, Node ${process.versions.node}; ${date}; seed ${seed}`;
}

const ours = await coverOurs(examples);
const covered: { readonly name: string; readonly claims: ReadonlySet<string> | null; readonly rows: readonly Row[] }[] =
  [{ name: "dispatch-gate", claims: null, rows: ours }];
for (const peer of peers) {
  covered.push({ name: peer.name, claims: peer.claims, rows: await coverPeer(peer, examples) });
}

const alarms: Alarms[] = [];
for (const corpus of corpora) {
  alarms.push(...alarmsOfOurs(corpus));
  for (const peer of peers) alarms.push(await alarmsOfPeer(peer, corpus));
}

const speeds = await measureSpeed(corpora, { rounds, seed });

const slow = ADVERSARIAL.map(([name, text]) => {
  const inspections = inspectionsOf(text(ADVERSARIAL_SIZE));
  return { name, ms: Math.max(...inspections.map((inspection) => leastCpu(inspection, 3))) };
}).sort((a, b) => b.ms - a.ms);

console.log(`${describeMachine()}\n`);
console.log(`### What is found\n\n${summaryTable(covered)}\n`);
for (const { name, claims, rows } of covered) console.log(`#### ${name}\n\n${coverageTable(rows, claims)}\n`);
console.log(`### False alarms\n\n${corpusTable(corpora)}\n\n${alarmTable(alarms)}\n`);
console.log(`${alarmList(alarms, markdown ? 3 : 100)}\n`);
console.log(`### Speed\n\n${speedTable(speeds)}\n`);
console.log(`### Texts made to be slow\n\n${slowTable(slow.slice(0, 8))}`);
if (!markdown) console.log(`\n### Missed by dispatch-gate\n\n${missedList(ours)}`);
// What secretlint's profiler would still do takes minutes, and nobody reads it.
process.exit();
