import type { Json, JsonObject } from "../outcome.js";
import type { PolicyDocument } from "../policy/document.js";
import type { Policy } from "../policy/policy.js";
import { isMap } from "../policy/report.js";
import { type ApprovalUsage, createApprovalTally } from "./usage/approvals.js";
import { createTagTally } from "./usage/tags.js";
import { createTally, type RecordedList, readList, textsOf } from "./usage/tally.js";

export type { ApprovalUsage } from "./usage/approvals.js";

/** What recorded decisions say about the rules of a policy: material for tuning it. */
export interface Usage {
  /** Takes one event of the log. Events MUST come in the order of the log. Never throws. */
  readonly take: (event: { readonly type: string; readonly body: JsonObject }) => void;
  /** Of what was taken so far. */
  readonly report: () => UsageReport;
}

/**
 * Where the log holds only the head of a long list, or what nobody can read, the rest is not known: it is never reported
 * as something that never happened. The gate decides a held job anew when it runs, so such a job counts twice.
 */
export interface UsageReport {
  /** Recorded decisions: of all policies, and of this one by its snapshot, which all but `tags` are about. */
  readonly decisions: { readonly all: number; readonly underPolicy: number };
  /** In file order. */
  readonly rules: readonly RuleUsage[];
  /** Output rules, in file order. */
  readonly outputs: readonly OutputUsage[];
  /** Ids of rules, then of output rules, that no decision names among those that matched, nor may have cut away. */
  readonly neverMatched: readonly string[];
  /** Ids of those that no decision shows, but some may have cut away. */
  readonly notKnown: readonly string[];
  readonly tags: {
    /** Tags of the vocabulary, the tiers, the rules and their conditions that no recorded job carried, declared or derived; sorted. */
    readonly neverCarried: readonly string[];
    readonly notKnown: readonly string[];
  };
  /** Of every rule that asks for approval, in file order; `@default` stands last, where it does. */
  readonly approvals: readonly ApprovalUsage[];
  readonly events: {
    readonly taken: number;
    /** Refusals before anything was decided. */
    readonly undecided: number;
    /** Some list in them was cut short. */
    readonly cut: number;
    /** Not of the shape of a record, or votes on requests that the log does not show. */
    readonly unusable: number;
  };
}

export interface RuleUsage {
  readonly id: string;
  readonly matched: number;
  /** How often it named the decision. */
  readonly decided: number;
  /** How often a condition of it could not be told. */
  readonly erred: number;
  /** False where `matched` is only what is known at least. */
  readonly exact: boolean;
}

export interface OutputUsage {
  readonly id: string;
  readonly matched: number;
  readonly exact: boolean;
}

/** Events that hold a decision. */
const DECIDED: ReadonlySet<string> = new Set([
  ...["job.dispatching", "job.refused", "job.evaluated", "approval.requested", "approval.joined"],
]);

/** Counts what the log says of a policy. Pure: the same events give the same report. */
export function createUsage(policy: Policy): Usage {
  const document = policy.document as unknown as PolicyDocument;
  const rules = createTally(policy.ruleIds);
  const outputs = createTally((document.outputs ?? []).map(({ id }) => id));
  const approvals = createApprovalTally(askingRules(document));
  const known = new Set(policy.ruleIds);
  const decided = new Map<string, number>();
  const erred = new Map<string, number>();
  const tags = createTagTally(document);
  const counts = { all: 0, underPolicy: 0, taken: 0, undecided: 0, cut: 0, unusable: 0 };

  const takeDecision = (type: string, body: JsonObject): "whole" | "cut" | "unusable" => {
    const read = readDecision(body.decision);
    if (read === null) return "unusable";
    counts.all += 1;
    if (read.snapshot !== policy.snapshot) return "whole";
    const ids = textsOf(read.matched);
    if (!ids.every((id) => known.has(id))) return "unusable";
    counts.underPolicy += 1;
    rules.take(read.matched, [read.ruleId]);
    outputs.take(read.outputs, []);
    bump(decided, read.ruleId);
    for (const id of textsOf(read.erred)) bump(erred, id);
    if (type === "approval.requested") approvals.request(body.approval_id, read.approvals);
    return [read.matched, read.outputs, read.erred, read.approvals].some(({ cut }) => cut) ? "cut" : "whole";
  };

  const takeEnd = (type: "approval.voted" | "approval.resolved", body: JsonObject): void => {
    if (!isMap(body) || (type === "approval.voted" && typeof body.snapshot !== "string")) {
      counts.unusable += 1;
      approvals.blur();
      return;
    }
    const ours = type === "approval.resolved" || body.snapshot === policy.snapshot;
    if (ours && !approvals.resolve(body, type)) counts.unusable += 1;
  };

  /** An event with a decision cannot be read: from here on nothing is known never to have happened. */
  const lose = (): void => {
    counts.unusable += 1;
    for (const tally of [rules, outputs, approvals, tags]) tally.blur();
  };

  const take = ({ type, body }: { readonly type: string; readonly body: JsonObject }): void => {
    counts.taken += 1;
    if (type === "approval.voted" || type === "approval.resolved") {
      takeEnd(type, body);
      return;
    }
    if (!DECIDED.has(type)) return;
    if (!isMap(body)) {
      lose();
      return;
    }
    const cutTags = tags.take(body);
    if (type === "job.refused" && (body.decision === undefined || body.decision === null)) {
      counts.undecided += 1;
      counts.cut += cutTags ? 1 : 0;
      return;
    }
    const came = takeDecision(type, body);
    if (came === "unusable") lose();
    else if (came === "cut" || cutTags) counts.cut += 1;
  };

  const report = (): UsageReport => {
    const ruleUsage = rules.report();
    const outputUsage = outputs.report();
    const unseen = [...ruleUsage, ...outputUsage].filter(({ matched }) => matched === 0);
    const { all, underPolicy, taken, undecided, cut, unusable } = counts;
    return {
      decisions: { all, underPolicy },
      rules: ruleUsage.map(({ id, matched, exact }) => ({
        id,
        matched,
        decided: decided.get(id) ?? 0,
        erred: erred.get(id) ?? 0,
        exact,
      })),
      outputs: outputUsage,
      neverMatched: unseen.filter(({ exact }) => exact).map(({ id }) => id),
      notKnown: unseen.filter(({ exact }) => !exact).map(({ id }) => id),
      tags: tags.report(),
      approvals: approvals.report(),
      events: { taken, undecided, cut, unusable },
    };
  };

  return Object.freeze({ take, report });
}

interface RecordedDecision {
  readonly ruleId: string;
  readonly snapshot: string;
  readonly matched: RecordedList;
  readonly erred: RecordedList;
  readonly outputs: RecordedList;
  readonly approvals: RecordedList;
}

/** A decision as `decisionFacts` records it; null when it is something else. */
function readDecision(decision: Json | undefined): RecordedDecision | null {
  if (!isMap(decision)) return null;
  const { rule_id: ruleId, snapshot } = decision;
  const [matched, erred] = [readList(decision.matched), readList(decision.erred)];
  const [outputs, approvals] = [readList(decision.outputs), readList(decision.approvals)];
  if (typeof ruleId !== "string" || typeof snapshot !== "string") return null;
  if (matched === null || erred === null || outputs === null || approvals === null) return null;
  return { ruleId, snapshot, matched, erred, outputs, approvals };
}

/** Who may ask for approval, in file order. The gate's own requirement stands first in a decision. */
function askingRules(document: PolicyDocument): readonly string[] {
  const asking = document.rules.filter(({ decision }) => decision === "require_approval").map(({ id }) => id);
  return document.default === "require_approval" ? ["@default", ...asking] : asking;
}

function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
