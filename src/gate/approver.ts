import { canonicalize } from "../canonical.js";
import { commit } from "../digest.js";
import { ApprovalError } from "../errors.js";
import { foldIdentity } from "../store/approval-state.js";
import type { Approver } from "../store/port.js";
import { freshSalt } from "./ids.js";
import { refuseUnknown } from "./options.js";

/** Who votes, as the host knows them: never as an agent says. */
export interface ApproverInput {
  /** 1 to 256 characters. Compared without invisible characters, NFKC, case-folded, trimmed. */
  readonly id: string;
  /** Default `"human"`. */
  readonly kind?: "human" | "service";
  readonly roles?: readonly string[];
  /** Tenants whose jobs this person may decide. Default: all. */
  readonly tenants?: readonly string[];
}

const MAX_NOTE = 4_096;

/** The note of a vote with its commitment, or null where there is none. Throws a `TypeError` for anything else. */
export function readNote(
  text: unknown,
): { readonly text: string; readonly salt: string; readonly commitment: string } | null {
  if (text === undefined) return null;
  if (typeof text !== "string" || text.length > MAX_NOTE) {
    throw new TypeError(`a note must be a string of at most ${MAX_NOTE} characters`);
  }
  const note = text.toWellFormed();
  const salt = freshSalt();
  return { text: note, salt, commitment: commit(salt, canonicalize(note)) };
}

/** Who votes, checked and copied. Throws an `ApprovalError` for an identity that is none. */
export function readApprover(options: { readonly by: ApproverInput }): Approver {
  if (typeof options !== "object" || options === null || typeof options.by !== "object" || options.by === null) {
    throw new TypeError("a vote needs `by`: who votes");
  }
  refuseUnknown(options, ["by", "note"], "a vote");
  const { by } = options;
  refuseUnknown(by, ["id", "kind", "roles", "tenants"], "an approver");
  const { id, kind = "human", roles = [], tenants } = by;
  if (typeof id !== "string" || foldIdentity(id) === "" || id.length > 256) {
    throw new ApprovalError("approver_invalid", "an approver must have an id of 1 to 256 characters");
  }
  if (kind !== "human" && kind !== "service")
    throw new ApprovalError("approver_invalid", "an approver is human or service");
  if (!isListOfText(roles) || (tenants !== undefined && !isListOfText(tenants))) {
    throw new ApprovalError("approver_invalid", "an approver's roles and tenants must be lists of at most 64 strings");
  }
  return { id: id.toWellFormed(), kind, roles: [...roles], tenants: tenants === undefined ? null : [...tenants] };
}

function isListOfText(list: unknown): list is readonly string[] {
  if (!Array.isArray(list) || list.length > 64) return false;
  return list.every((item) => typeof item === "string" && item.length <= 256 && item.isWellFormed());
}
