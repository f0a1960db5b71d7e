import { canonicalize } from "../canonical.js";
import { commit } from "../digest.js";
import { ApprovalError } from "../errors.js";
import { refuseUnknown } from "../refuse-unknown.js";
import { foldIdentity } from "../store/approval-state.js";
import type { Approver, Note } from "../store/port.js";
import type { VoteAssurance } from "../store/rows.js";
import { freshSalt } from "./ids.js";

/** Who votes, as the host knows them: never as an agent says. A plain object: of it only own properties count. */
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

/** Roles or tenants of one approver. */
const MAX_LIST = 64;

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

/** What a call was given as who makes it, copied and not looked at yet. */
export type GivenBy = Readonly<Record<keyof ApproverInput, unknown>>;

/**
 * Copies who makes a call, at once and once: whatever happens to the caller's object afterwards changes nothing, and what
 * an object inherits is not the host's word. Throws a `TypeError` for arguments that say nobody.
 */
export function copyBy(options: unknown, known: readonly string[], face: string, call: string): GivenBy {
  const { by } = (options ?? {}) as { readonly by?: unknown };
  if (typeof by !== "object" || by === null) throw new TypeError(`\`${call}\` needs \`by\`: who decides`);
  refuseUnknown(options as object, known, `${face}.${call}`);
  refuseUnknown(by, ["id", "kind", "roles", "tenants", "assurance"], "an approver");
  const own = (key: keyof ApproverInput): unknown => {
    const value: unknown = Object.getOwnPropertyDescriptor(by, key)?.value;
    // One item more than may be, and a hole as what it is: both are refused below.
    return Array.isArray(value)
      ? Array.from({ length: Math.min(value.length, MAX_LIST + 1) }, (_, n) => value[n])
      : value;
  };
  return {
    id: own("id"),
    kind: own("kind"),
    roles: own("roles"),
    tenants: own("tenants"),
    assurance: own("assurance"),
  };
}

/** An identity, checked. Throws an `ApprovalError` for one that is none. */
export function readIdentity(id: unknown): { readonly id: string; readonly key: string } {
  if (typeof id !== "string" || id.length > 256 || foldIdentity(id) === "") {
    throw new ApprovalError("approver_invalid", "an identity must be 1 to 256 characters that can be seen");
  }
  return { id: id.toWellFormed(), key: foldIdentity(id.toWellFormed()) };
}

/** Who votes, checked and copied. Throws an `ApprovalError` for an identity that is none. */
export function readApprover(by: GivenBy, defaultAssurance: VoteAssurance): Approver {
  const { kind = "human", roles = [], tenants, assurance = defaultAssurance } = by;
  if (kind !== "human" && kind !== "service") {
    throw new ApprovalError("approver_invalid", "an approver is human or service");
  }
  if (assurance !== "host" && assurance !== "token" && assurance !== "none") {
    throw new ApprovalError("approver_invalid", "an approver's assurance is host, token or none");
  }
  if (defaultAssurance === "none" && assurance !== "none") {
    throw new ApprovalError("approver_invalid", "these approvals were opened to vouch for nobody", {
      help: "open them with the `assurance` that identities rest on",
    });
  }
  if (!isListOfText(roles) || (tenants !== undefined && !isListOfText(tenants))) {
    throw new ApprovalError("approver_invalid", "an approver's roles and tenants must be lists of at most 64 strings");
  }
  return { ...readIdentity(by.id), kind, roles, tenants: tenants ?? null, assurance };
}

function isListOfText(list: unknown): list is readonly string[] {
  if (!Array.isArray(list) || list.length > MAX_LIST) return false;
  return list.every((item) => typeof item === "string" && item.length <= 256 && item.isWellFormed());
}
