import type { ApprovalUsage, UsageReport } from "../analysis/usage.js";
import { count, type Ink, inked, type Line, shownPath } from "./print.js";

/** What recorded decisions say of a policy, for people. That something never happened is said only where the log is whole. */
export function usageLines(log: string, usage: UsageReport): readonly Line[] {
  const { decisions, rules, neverMatched, notKnown, tags, approvals, events } = usage;
  const head: Line = [
    inked("strong", shownPath(log)),
    `: ${count(decisions.all, "recorded decision")}, ${decisions.underPolicy} of them under this very policy`,
  ];
  const unusable =
    events.unusable === 0 ? [] : [[inked("wait", `  ${count(events.unusable, "event")} could not be used`)]];
  // Rules are counted under this snapshot alone: of a log of other policies, "never" would be true of each and mean nothing.
  if (decisions.underPolicy === 0) {
    return [head, ["  nothing is known of its rules: no decision was made under it"], ...unusable];
  }
  return [
    head,
    ...rules.map(({ id, matched, decided, erred, exact }): Line => {
      const errors = erred === 0 ? "" : `, a condition could not be told ${count(erred, "time")}`;
      const times = `matched ${exact ? "" : "at least "}${count(matched, "time")}`;
      return [`  rule \`${id}\`: `, inked(matched === 0 ? "wait" : "good", times), `, decided ${decided}${errors}`];
    }),
    ...listLine("never matched", neverMatched),
    ...listLine("not known to have matched, since lists in the log are cut short", notKnown),
    ...listLine("tags that no job carried", tags.neverCarried),
    ...listLine("tags not known to have been carried, since lists in the log are cut short", tags.notKnown),
    ...approvals.map(approvalLine),
    ...unusable,
  ];
}

function listLine(what: string, items: readonly string[]): readonly Line[] {
  return items.length === 0 ? [] : [[`  ${what}: `, inked("wait", items.map((item) => `\`${item}\``).join(", "))]];
}

const VERDICTS: Readonly<Record<ApprovalUsage["verdict"], readonly [text: string, ink: Ink]>> = {
  always_granted: ["always granted", "wait"],
  always_rejected: ["always rejected", "wait"],
  mixed: ["granted and rejected", "good"],
  never_decided: ["never decided", "wait"],
  never_requested: ["never asked for", "note"],
  not_known: ["not known", "note"],
};

function approvalLine({ id, requested, granted, rejected, lapsed, verdict }: ApprovalUsage): Line {
  const [text, ink] = VERDICTS[verdict];
  const counts = `${requested} asked, ${granted} granted, ${rejected} rejected, ${lapsed} lapsed`;
  return [`  approvals of \`${id}\`: `, inked(ink, text), requested === 0 ? "" : ` (${counts})`];
}
