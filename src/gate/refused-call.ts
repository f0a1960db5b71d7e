import { boundText, type EventFacts } from "../evidence/event.js";
import type { GivenBy } from "./approver.js";
import type { ApprovalRef } from "./desk.js";

/** Characters of what a refused call named: whoever can only be refused must not be able to write much. */
const MAX_NAMED = 128;

/** What the record of a refused call says, whatever it was about. */
export function refusedCall(call: string, { id }: GivenBy, code: string): EventFacts {
  return { call, by: typeof id === "string" ? boundText(id, MAX_NAMED) : null, code };
}

/** What a call named that was not found. */
export function notFound(ref: ApprovalRef): EventFacts {
  return { ref: boundText(typeof ref === "string" ? ref : ref.jobId, MAX_NAMED) };
}
