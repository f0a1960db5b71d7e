import type { Policy } from "../policy/policy.js";
import type { Block, Trust } from "./block.js";
import { BudgetSpent, type Ledger } from "./meter.js";
import type { Neighbours } from "./neighbours.js";
import { createOracle, type Oracle, type Wanted } from "./oracle.js";
import { type Key, ORIGIN, type Point } from "./space.js";
import type { StudiedRule } from "./studied-rule.js";
import { DECLARED } from "./tag-set.js";
import type { Language } from "./text.js";

// What a study does besides the steps that questions count themselves, paid for by the run. Without it a policy of long
// lists or of many conditions would take minutes for the steps of a second. The weights are measured: no step of the
// dearest policies found takes much more than a microsecond.

/** Whoever asks for the rules around a job goes on to look at each of them. @throws BudgetSpent from `of`, between questions. */
export function chargedNeighbours(neighbours: Neighbours, ledger: Ledger): Neighbours {
  const charged = (found: readonly number[]): readonly number[] => {
    ledger.charge(found.length);
    return found;
  };
  return {
    at: (point) => charged(neighbours.at(point)),
    of: (match) => {
      if (ledger.isSpent()) throw new BudgetSpent();
      return charged(neighbours.of(match));
    },
  };
}

/** Steps that one look at a state of an automaton stands for. */
const LOOK = 1 / 4;

/**
 * The same language, its walks paid for: whoever follows a text asks for the edges of every state it may be in, and of
 * a list of a thousand patterns that is a thousand for one character, which no meter sees.
 */
export function chargedLanguage(language: Language, ledger: Ledger): Language {
  return {
    ...language,
    get edges() {
      ledger.charge(LOOK);
      return language.edges;
    },
  };
}

/** The same block, with all its languages paid for. */
export function chargedBlock(block: Block, ledger: Ledger): Block {
  const charged = (key: Key): Key =>
    "language" in key && key.language !== null ? { ...key, language: chargedLanguage(key.language, ledger) } : key;
  return { ...block, keys: block.keys.map(charged), unless: block.unless?.map(charged) ?? null };
}

/** Steps that one answer of the engine stands for, each rule and each condition that it looks at, and each value tried for a condition. */
const ANSWER = 40;
const RULE = 1;
const CONDITION = 6;
const VALUE = 64;

/** The engine is only asked freely while the run has steps left; what a solved question needs to be told is asked all the same. */
export function chargedOracle(policy: Policy, trust: Trust, known: Charged, ledger: Ledger): Oracle {
  const { byId, rules, neighbours } = known;
  const oracle = createOracle(policy, trust, (id) => {
    const conditions = byId.get(id)?.conditions ?? [];
    for (const { probes } of conditions) for (const { values } of probes) ledger.charge(VALUE * values.length);
    return conditions;
  });
  const costAt = (point: Point): number => {
    let cost = ANSWER;
    for (const number of neighbours.at(point)) cost += RULE + CONDITION * (rules[number]?.conditions.length ?? 0);
    return cost;
  };
  return {
    ask: (job, derivedTags) => {
      if (ledger.isSpent()) throw new BudgetSpent();
      const tags = new Map([...(job.riskTags ?? []), ...derivedTags].map((tag) => [tag, DECLARED]));
      ledger.charge(costAt({ ...ORIGIN, topic: job.topic, tags }));
      return oracle.ask(job, derivedTags);
    },
    confirm: (point, isWanted, conditions) => {
      const cost = costAt(point);
      const told: Wanted = (decision) => {
        ledger.charge(cost);
        return isWanted(decision);
      };
      return oracle.confirm(point, told, conditions);
    },
  };
}

/** What the cost of an answer is told by. */
interface Charged {
  readonly byId: ReadonlyMap<string, StudiedRule>;
  readonly rules: readonly StudiedRule[];
  readonly neighbours: Neighbours;
}
