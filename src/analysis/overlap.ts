import type { Decision } from "../outcome.js";
import { type Block, covers, readBlock } from "./block.js";
import { type Finding, list, witnessOf } from "./finding.js";
import type { Answer } from "./oracle.js";
import { attempt } from "./reach.js";
import { search } from "./search.js";
import type { StudiedRule } from "./studied-rule.js";
import { isExact, isRefused, matchedFor, resolve, type Study, takersOf } from "./study.js";

/** A permission that meets a refusal, with a job in both. */
export interface Meeting {
  readonly refusal: StudiedRule;
  readonly grant: StudiedRule;
  readonly answer: Answer;
}

/** Pairs shown for one refusal, and pairs looked at: a refusal by tag meets every permission there is. */
const MAX_SHOWN = 3;
const MAX_TRIED = 60;

/**
 * Where permissions and refusals meet: `opposite_overlap`, `shadowed` under `first_match`, and `narrow_deny`.
 * Answers the pairs it found.
 */
export function studyOverlaps(study: Study): readonly Meeting[] {
  const meetings: Meeting[] = [];
  for (const refusal of study.rules) {
    if (refusal.part !== "refusal" || !study.reached.has(refusal.id)) continue;
    const near = study.neighbours.of(refusal.document.match);
    meetings.push(...reportMeetings(study, refusal, near));
    if (refusal.document.decision === "deny")
      reportNarrow(
        study,
        refusal,
        grantsAmong(study, near, () => true),
      );
  }
  return meetings;
}

/** The first few permissions of these rules. */
function grantsAmong(
  study: Study,
  near: readonly number[],
  isWanted: (rule: StudiedRule) => boolean,
): readonly StudiedRule[] {
  const grants: StudiedRule[] = [];
  for (const number of near) {
    const rule = study.rules[number] as StudiedRule;
    if (rule.part === "grant" && !rule.block.never && isWanted(rule)) grants.push(rule);
    if (grants.length === MAX_TRIED) break;
  }
  return grants;
}

function reportMeetings(study: Study, refusal: StudiedRule, near: readonly number[]): readonly Meeting[] {
  const first = study.document.combining === "first_match";
  const before = first ? grantsAmong(study, near, (grant) => grant.number < refusal.number) : [];
  const after = grantsAmong(study, near, (grant) => !first || grant.number > refusal.number);
  const taken = meetingsOf(study, refusal, before);
  if (taken.length > 0) study.report(partlyShadowed(refusal, taken));
  const met = meetingsOf(study, refusal, after);
  const crossing = met.filter(
    ({ grant }) => grantsOutside(study, grant, refusal) && grantsOutside(study, refusal, grant),
  );
  if (crossing.length > 0) study.report(crossed(refusal, crossing));
  return met;
}

/** The pairs of one refusal, each with a job that the one of them decides which comes first or is more severe. */
function meetingsOf(study: Study, refusal: StudiedRule, grants: readonly StudiedRule[]): readonly Meeting[] {
  const meetings: Meeting[] = [];
  for (const grant of grants) {
    if (meetings.length === MAX_SHOWN) break;
    const first = study.document.combining === "first_match";
    const winner = first && grant.number < refusal.number ? grant : refusal;
    // Under first match the engine does not look at the later rule: of one with a condition nothing is known.
    const loser = winner === grant ? refusal : grant;
    if (first && !isExact(loser.block)) {
      study.undecided(
        [refusal.id, grant.id],
        "because of `when`: under `first_match` the later of the two is not looked at",
      );
      continue;
    }
    const reply = resolve(study, {
      about: [refusal, grant],
      inside: [refusal.block, grant.block],
      takers: takersOf(study, winner),
      isWanted: (decision) => {
        if (first) return isTakenBy(decision, winner);
        return isRefused(decision) && matchedFor(decision, refusal) && matchedFor(decision, grant);
      },
    });
    if (reply.status === "found") meetings.push({ refusal, grant, answer: reply.answer });
  }
  return meetings;
}

/**
 * Under first match: does this rule end the search, for or against? Where declared tags are not trusted a rule before it
 * may restrict without ending anything, and then gives the decision its name.
 */
function isTakenBy(decision: Decision, winner: StudiedRule): boolean {
  if (!matchedFor(decision, winner) || isRefused(decision) !== (winner.part === "refusal")) return false;
  return decision.ruleId === winner.id || isExact(winner.block);
}

function partlyShadowed(refusal: StudiedRule, meetings: readonly Meeting[]): Finding {
  const ids = meetings.map(({ grant }) => grant.id);
  return {
    kind: "shadowed",
    severity: "warning",
    message: `some jobs that \`${refusal.id}\` would refuse are permitted before it, by ${list(ids)}`,
    help: `under \`first_match\` put \`${refusal.id}\` first, or use \`combining: most_restrictive\``,
    ruleIds: [refusal.id, ...ids],
    path: `/rules/${refusal.number}`,
    witnesses: meetings.map(({ answer }) => witnessOf(answer)),
  };
}

function crossed(refusal: StudiedRule, meetings: readonly Meeting[]): Finding {
  const ids = meetings.map(({ grant }) => grant.id);
  return {
    kind: "opposite_overlap",
    severity: "info",
    message: `\`${refusal.id}\` refuses some of the jobs that ${list(ids)} would permit`,
    ruleIds: [refusal.id, ...ids],
    path: `/rules/${refusal.number}`,
    witnesses: meetings.map(({ answer }) => witnessOf(answer)),
  };
}

/** Is there a job in the one block and not in the other? One with a condition never holds all of another. */
function grantsOutside(study: Study, rule: StudiedRule, other: StudiedRule): boolean {
  if (!isExact(other.block)) return true;
  const point = attempt(() =>
    search(study.solver, [rule.block], (at) => (covers(other.block, at) ? other.block : undefined)),
  );
  return point !== null && point !== undefined;
}

/** `narrow_deny`: one segment further down than the refusal reaches, the permission around it still permits. */
function reportNarrow(study: Study, refusal: StudiedRule, grants: readonly StudiedRule[]): void {
  const { match } = refusal.document;
  for (const [index, pattern] of (match.topics ?? []).entries()) {
    if (!pattern.endsWith(".*")) continue;
    const topics = (list: readonly string[]): Block =>
      readBlock({ ...match, topics: list }, "restriction", study.trust);
    const deeper = topics([`${pattern}.**`]);
    for (const grant of grants) {
      const narrow = narrowIn(study, refusal, topics([pattern]), deeper, grant);
      if (narrow === undefined) continue;
      study.report({
        kind: "narrow_deny",
        severity: "warning",
        message: `\`${refusal.id}\` refuses \`${pattern}\` but not what lies deeper, where \`${grant.id}\` permits`,
        help: `\`*\` is one segment: write \`${pattern.slice(0, -1)}**\` for all that lies below`,
        ruleIds: [refusal.id, grant.id],
        path: `/rules/${refusal.number}/match/topics/${index}`,
        witnesses: narrow.map(witnessOf),
      });
      break;
    }
  }
}

function narrowIn(
  study: Study,
  refusal: StudiedRule,
  here: Block,
  deeper: Block,
  grant: StudiedRule,
): readonly Answer[] | undefined {
  // Most permissions nearby do not reach deeper, or do not meet the refusal at all: that is quickly told from the keys.
  const keys = [here, deeper].map((block) =>
    attempt(() => search(study.solver, [block, grant.block], () => undefined)),
  );
  if (keys.some((point) => point === null)) return undefined;
  const about = [refusal, grant];
  const denied = resolve(study, {
    about,
    inside: [here, grant.block],
    takers: study.document.combining === "first_match" ? takersOf(study, refusal) : () => false,
    isWanted: (decision) => isRefused(decision) && matchedFor(decision, refusal),
  });
  if (denied.status !== "found") return undefined;
  const permitted = resolve(study, {
    about,
    inside: [deeper, grant.block],
    takers: takersOf(study, grant),
    isWanted: (decision) => !isRefused(decision) && matchedFor(decision, grant),
  });
  return permitted.status === "found" ? [denied.answer, permitted.answer] : undefined;
}
