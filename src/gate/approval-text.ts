// PLACEHOLDER by the owner until the rendering helper writes this file: overwrite it.
import type { Approval } from "./approval.js";

export function renderApproval(approval: Approval): string {
  return JSON.stringify(approval);
}
