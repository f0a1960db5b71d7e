// PLACEHOLDER by the owner until the rendering helper writes this file: overwrite it.
import type { ApprovalRequirement, Constraints, Decision } from "../outcome.js";
import type { ApprovalChange } from "./approval.js";

export interface Asked {
  readonly decision: Decision;
  readonly requirements: readonly ApprovalRequirement[];
  readonly constraints: Constraints;
  readonly derivedTags: readonly string[];
  readonly snapshot: string;
  readonly dispatcher: string;
}

export function changesBetween(before: Asked, after: Asked): readonly ApprovalChange[] {
  return before.snapshot === after.snapshot
    ? []
    : [{ field: "snapshot", before: before.snapshot, after: after.snapshot }];
}
