import { canonicalize } from "../canonical.js";
import { commit } from "../digest.js";
import { ApprovalError } from "../errors.js";
import { foldIdentity } from "../store/approval-state.js";
import type { Approver, Note } from "../store/port.js";
import type { VoteAssurance } from "../store/rows.js";
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
  /**
   * What the identity rests on: the host vouches for it (`"host"`, the default in a gate), the host has checked a signed
   * token that carries it (`"token"`), or nothing but what somebody typed (`"none"`).
   */
  readonly assurance?: VoteAssurance;
}

const MAX_NOTE = 4_096;

/** A note with its commitment, or null where there is none. Throws a `TypeError` for anything else. */
export function readNote(text: unknown): Note | null {
  if (text === undefined) return null;
  if (typeof text !== "string" || text.length > MAX_NOTE) {
    throw new TypeError(`a note must be a string of at most ${MAX_NOTE} characters`);
  }
  const note = text.toWellFormed();
  const salt = freshSalt();
  return { text: note, salt, commitment: commit(salt, canonicalize(note)) };
}

/** The view that a vote names, or null where it names none. Throws a `TypeError` for what is no text. */
export function readView(view: unknown): string | null {
  if (view === undefined) return null;
  if (typeof view !== "string") throw new TypeError("`view` must be the `view` of the approval that was shown");
  return view;
}

/** Checks that a call says who makes it. Throws a `TypeError` for arguments that are none. */
export function checkBy(
  options: unknown,
  known: readonly string[],
  call: string,
): asserts options is { by: ApproverInput } {
  const { by } = (options ?? {}) as { readonly by?: unknown };
  if (typeof by !== "object" || by === null) throw new TypeError(`\`${call}\` needs \`by\`: who decides`);
  refuseUnknown(options as object, known, `approvals.${call}`);
  refuseUnknown(by, ["id", "kind", "roles", "tenants", "assurance"], "an approver");
}

/** An identity, checked. Throws an `ApprovalError` for one that is none. */
export function readIdentity(id: unknown): { readonly id: string; readonly key: string } {
  if (typeof id !== "string" || id.length > 256 || foldIdentity(id) === "") {
    throw new ApprovalError("approver_invalid", "an identity must be 1 to 256 characters that can be seen");
  }
  return { id: id.toWellFormed(), key: foldIdentity(id.toWellFormed()) };
}

/** Who votes, checked and copied. Throws an `ApprovalError` for an identity that is none. */
export function readApprover(by: ApproverInput, defaultAssurance: VoteAssurance): Approver {
  const { kind = "human", roles = [], tenants, assurance = defaultAssurance } = by;
  if (kind !== "human" && kind !== "service") {
    throw new ApprovalError("approver_invalid", "an approver is human or service");
  }
  if (assurance !== "host" && assurance !== "token" && assurance !== "none") {
    throw new ApprovalError("approver_invalid", "an approver's assurance is host, token or none");
  }
  if (!isListOfText(roles) || (tenants !== undefined && !isListOfText(tenants))) {
    throw new ApprovalError("approver_invalid", "an approver's roles and tenants must be lists of at most 64 strings");
  }
  const tenantsOf = tenants === undefined ? null : [...tenants];
  return { ...readIdentity(by.id), kind, roles: [...roles], tenants: tenantsOf, assurance };
}

function isListOfText(list: unknown): list is readonly string[] {
  if (!Array.isArray(list) || list.length > 64) return false;
  return list.every((item) => typeof item === "string" && item.length <= 256 && item.isWellFormed());
}
