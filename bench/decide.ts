// One decision against other engines over the same rules. By itself: `tsx bench/decide.ts [--short]`.
import { pathToFileURL } from "node:url";
import { casbin } from "./peers/casbin.js";
import { casl } from "./peers/casl.js";
import { cedar } from "./peers/cedar.js";
import { compareAt, type Measured, versionOf } from "./peers/compare.js";
import { type Footprint, footprintOf } from "./peers/footprint.js";
import { governanceSdk } from "./peers/governance-sdk.js";
import { loop } from "./peers/loop.js";
import { allowedSeen, BATCH } from "./peers/meter.js";
import { ours } from "./peers/ours.js";
import { rulesEngine } from "./peers/rules-engine.js";
import { trie } from "./peers/trie.js";
import type { Peer } from "./peers/workload.js";
import { medianRatio } from "./sample.js";
import { digits, left, right, table } from "./table.js";

/** One promise of the decision's cost, and whether this run kept it. */
export interface DecideClaim {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly bound: "at most" | "at least";
  readonly target: number;
  readonly holds: boolean;
}

export interface DecideReport {
  readonly markdown: string;
  readonly claims: readonly DecideClaim[];
  /** How many times a plain loop's cost is that of `decide`, at 1,000 rules. */
  readonly loopAtThousand: number;
}

const LIBRARIES: readonly Peer[] = [cedar, casbin, casl, rulesEngine, governanceSdk];
const CONTENDERS: readonly Peer[] = [ours, trie, loop, ...LIBRARIES];
const COLD: readonly Peer[] = [ours, trie];

interface Size {
  readonly rules: number;
  readonly measured: readonly Measured[];
  readonly footprint: Footprint;
}

/** Measures `decide`, a hand-made trie, a plain loop and other engines at every size, each answer checked against ours. */
export async function measureDecide(options: { readonly short: boolean }): Promise<DecideReport> {
  const { short } = options;
  const rounds = short ? 10 : 40;
  const sizes: Size[] = [];
  for (const rules of short ? [10, 1_000] : [10, 100, 1_000, 10_000]) {
    const bounds = short ? { sampleMs: 8, budgetMs: 400 } : { sampleMs: 20, budgetMs: 6_000 };
    const measured = await compareAt(rules, CONTENDERS, COLD, rounds, bounds);
    sizes.push({ rules, measured, footprint: await footprintOf(rules) });
  }
  const claims = claimsOf(sizes);
  const parts = [
    costTable(sizes),
    `A cell is the median of one decision, then the 99th percentile of passes over ${BATCH} jobs (of single decisions above 200 µs). Warm: 64 jobs in turn; cold: topics never seen before.`,
    "SKIPPED: OPA (no compiler to be had here)",
    peerTable(sizes),
    footprintTable(sizes),
    ...footprintNote(sizes),
    `${digits(allowedSeen())} of the answers were to allow.`,
  ];
  return { markdown: parts.join("\n\n"), claims, loopAtThousand: loopRatio(sizes) };
}

function loopRatio(sizes: readonly Size[]): number {
  const size = sizes.find(({ rules }) => rules === 1_000);
  if (size === undefined) throw new Error("1,000 rules were not measured");
  return measuredOf(size, loop).warm.median / measuredOf(size, ours).warm.median;
}

const micros = (nanoseconds: number): string => {
  const value = nanoseconds / 1_000;
  return digits(value, value < 100 ? 2 : 0);
};

function costTable(sizes: readonly Size[]): string {
  const rows = CONTENDERS.flatMap((peer) => {
    const of = (size: Size): Measured => measuredOf(size, peer);
    const cells = (pick: (measured: Measured) => Measured["warm"] | null): readonly string[] =>
      sizes.map((size) => {
        const timing = pick(of(size));
        return timing === null ? "" : `${micros(timing.median)} / ${micros(timing.p99)}`;
      });
    const warm = [COLD.includes(peer) ? `${peer.name}, warm` : peer.name, ...cells(({ warm }) => warm)];
    return COLD.includes(peer) ? [warm, [`${peer.name}, cold`, ...cells(({ cold }) => cold)]] : [warm];
  });
  const heads = sizes.map(({ rules }) => right(`${digits(rules)} rules, µs`));
  return table([left("one decision"), ...heads], rows);
}

function peerTable(sizes: readonly Size[]): string {
  const rows = CONTENDERS.map((peer) => [
    peer.name,
    versionOf(peer),
    peer.globsAndTags ? "all" : "all, with topics split and tags flagged by the host",
    peer.how,
    sizes.map((size) => digits(measuredOf(size, peer).checked)).join(" / "),
  ]);
  const heads = ["engine", "version", "rules it can say", "how they are said", "answers equal to ours, by size"];
  return table(heads.map(left), rows);
}

function footprintTable(sizes: readonly Size[]): string {
  const heads = [
    "rules",
    "YAML",
    "compile YAML",
    "a rule",
    "compile document",
    "a rule",
    "heap kept",
    "after 20,000 jobs",
  ];
  const rows = sizes.map(({ rules, footprint }) => [
    digits(rules),
    `${digits(footprint.yamlBytes / 1_024)} KiB`,
    `${digits(footprint.yamlMs, 1)} ms`,
    `${digits((footprint.yamlMs * 1_000) / rules, 1)} µs`,
    `${digits(footprint.documentMs, 1)} ms`,
    `${digits((footprint.documentMs * 1_000) / rules, 1)} µs`,
    `${digits(Math.max(0, footprint.heapBytes) / 2 ** 20, 2)} MiB`,
    `${digits(Math.max(0, footprint.heapAfterBytes) / 2 ** 20, 2)} MiB`,
  ]);
  return table(heads.map(right), rows);
}

/** Growth beyond one and a half times as much a rule, from the second largest size to the largest, is not linear. */
function footprintNote(sizes: readonly Size[]): readonly string[] {
  const [before, last] = sizes.slice(-2);
  // Of a few rules one sees what every compilation costs, not what a rule does.
  if (before === undefined || last === undefined || before.rules < 1_000) return [];
  const grows = (what: string, of: (footprint: Footprint) => number): string => {
    const ratio = of(last.footprint) / last.rules / (of(before.footprint) / before.rules);
    return `${what} ${digits(ratio, 2)}× (${ratio <= 1.5 ? "linear" : "MORE THAN LINEAR"})`;
  };
  const told = [
    grows("YAML", ({ yamlMs }) => yamlMs),
    grows("document", ({ documentMs }) => documentMs),
    grows("heap", ({ heapBytes }) => heapBytes),
  ];
  return [`What one rule costs at ${digits(last.rules)} rules against ${digits(before.rules)}: ${told.join(", ")}.`];
}

function claimsOf(sizes: readonly Size[]): readonly DecideClaim[] {
  const claims: DecideClaim[] = [];
  const claim = (name: string, value: number, bound: DecideClaim["bound"], target: number, unit: string): void => {
    claims.push({ name, value, unit, bound, target, holds: bound === "at most" ? value <= target : value >= target });
  };
  const kinds = ["warm", "cold"] as const;
  const timingOf = (size: Size, peer: Peer, kind: "warm" | "cold"): Measured["warm"] => {
    const timing = measuredOf(size, peer)[kind];
    if (timing === null) throw new Error(`${peer.name} was not measured ${kind}`);
    return timing;
  };

  for (const kind of kinds) {
    for (const size of sizes) {
      const value = timingOf(size, ours, kind).median / 1_000;
      claim(
        `decide, ${kind}, ${digits(size.rules)} rules: median`,
        value,
        "at most",
        size.rules > 1_000 ? 2 : 1,
        " µs",
      );
    }
  }
  const [smallest] = sizes;
  const largest = sizes.at(-1);
  if (smallest === undefined || largest === undefined) return claims;
  for (const kind of kinds) {
    const value = timingOf(largest, ours, kind).median / timingOf(smallest, ours, kind).median;
    const name = `decide, ${kind}, ${digits(largest.rules)} rules against ${digits(smallest.rules)}`;
    claim(name, value, "at most", 4, "×");
  }
  for (const kind of kinds) {
    for (const size of sizes) {
      const value = medianRatio(timingOf(size, ours, kind).rounds, timingOf(size, trie, kind).rounds);
      claim(`decide, ${kind}, ${digits(size.rules)} rules, against the hand-made trie`, value, "at most", 3, "×");
    }
  }
  for (const size of sizes) {
    const able = size.measured.filter(({ peer }) => LIBRARIES.includes(peer) && peer.globsAndTags);
    const fastest = able.reduce((one, other) => (other.warm.median < one.warm.median ? other : one));
    const value = fastest.warm.median / timingOf(size, ours, "warm").median;
    const name = `faster than the fastest engine with globs and tags, ${digits(size.rules)} rules (${fastest.peer.name})`;
    claim(name, value, "at least", 8, "×");
  }
  const heap = largest.footprint.heapBytes / 1e6;
  claim(`heap a policy of ${digits(largest.rules)} rules keeps`, heap, "at most", 10, " MB");
  return claims;
}

function claimsTable(claims: readonly DecideClaim[]): string {
  const rows = claims.map(({ name, value, unit, bound, target, holds }) => [
    name,
    `${digits(value, 2)}${unit}`,
    `${bound} ${target}${unit}`,
    holds ? "pass" : "MISS",
  ]);
  return table([left("claim"), right("measured"), right("target"), left("holds")], rows);
}

function measuredOf(size: Size, peer: Peer): Measured {
  const found = size.measured.find((measured) => measured.peer === peer);
  if (found === undefined) throw new Error(`${peer.name} was not measured`);
  return found;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { markdown, claims } = await measureDecide({ short: process.argv.includes("--short") });
  console.log(`${markdown}\n\n${claimsTable(claims)}`);
}
