import { canonicalize, sortKeys } from "../canonical.js";
import type { ApprovalRequirement, Constraints, Decision, Json, JsonObject } from "../outcome.js";
import type { ApprovalChange } from "./approval.js";

/** What a request asks. */
export interface Asked {
  readonly decision: Decision;
  readonly requirements: readonly ApprovalRequirement[];
  readonly constraints: Constraints;
  readonly derivedTags: readonly string[];
  readonly snapshot: string;
  readonly binding: string;
  readonly dispatcher: string;
  readonly expiresInMs: number;
  readonly useWithinMs: number;
  readonly rejectionStandsMs: number;
}

/** What one request asks otherwise than another, by field, in the order of the fields' names. Empty for equal ones. */
export function changesBetween(before: Asked, after: Asked): readonly ApprovalChange[] {
  const [from, to] = [fieldsOf(before), fieldsOf(after)];
  const changes: ApprovalChange[] = [];
  for (const field of sortKeys([...new Set([...from.keys(), ...to.keys()])])) {
    const [was, is] = [from.get(field) ?? null, to.get(field) ?? null];
    if (canonicalize(was) !== canonicalize(is)) changes.push(Object.freeze({ field, before: was, after: is }));
  }
  return Object.freeze(changes);
}

/** Each part that can differ, under its name. */
function fieldsOf(asked: Asked): ReadonlyMap<string, Json> {
  const { decision, requirements, constraints, derivedTags, snapshot, binding, dispatcher } = plain(asked);
  const { expiresInMs, useWithinMs, rejectionStandsMs } = asked;
  const { type, ruleId, reason, matched, erred, constraints: asking, obligations, remediations } = decision;
  const { approvals: _approvals, ...others } = obligations;
  return new Map<string, Json>([
    ["decision.type", type],
    ["decision.ruleId", ruleId],
    ["decision.reason", reason],
    ["decision.matched", matched],
    ["decision.erred", erred],
    ["decision.remediations", remediations],
    ["requirements", requirements],
    ["derivedTags", derivedTags],
    ["snapshot", snapshot],
    ["binding", binding],
    ["dispatcher", dispatcher],
    ["expiresInMs", expiresInMs],
    ["useWithinMs", useWithinMs],
    ["rejectionStandsMs", rejectionStandsMs],
    ...under("policy", asking),
    ...under("constraints", constraints),
    ...under("obligations", others),
  ] as [string, Json][]);
}

function under(name: string, parts: object): readonly (readonly [string, Json])[] {
  return Object.entries(parts as JsonObject).map(([key, value]) => [`${name}.${key}`, value] as const);
}

/** As JSON has it: what is absent and what is undefined are one. */
function plain(asked: Asked): Asked {
  return JSON.parse(JSON.stringify(asked)) as Asked;
}
