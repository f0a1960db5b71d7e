/** What does not hold of evidence, by name. Documented in `docs/evidence-export.md`. */
export type FaultCode =
  | "file_missing"
  | "file_unexpected"
  | "file_not_regular"
  | "file_too_large"
  | "key_malformed"
  | "key_differs"
  | "checkpoint_malformed"
  | "checkpoint_unsigned"
  | "checkpoint_misplaced"
  | "size_differs"
  | "root_differs"
  | "line_unfinished"
  | "event_too_large"
  | "event_not_canonical"
  | "event_malformed"
  | "event_version_unknown"
  | "event_foreign"
  | "proof_malformed"
  | "proof_misplaced"
  | "proof_checkpoint_differs"
  | "proof_event_differs"
  | "proof_not_valid"
  | "proofs_miscounted"
  | "policy_missing"
  | "policy_malformed"
  | "policy_differs"
  | "value_malformed"
  | "value_unknown"
  | "value_differs"
  | "timeline_differs"
  | "timeline_unchecked";

/** One thing that does not hold, and where. */
export interface Fault {
  readonly code: FaultCode;
  /** A file of the folder, with the line where there is one. Text of others: it is shown with care. */
  readonly place: string;
  /** One line, lower case; what comes from outside is not in it. */
  readonly message: string;
}

/** What was found so far. */
export interface Faults {
  readonly add: (code: FaultCode, place: string, message: string) => void;
  /** The first {@link MAX_FAULTS}. */
  readonly list: () => readonly Fault[];
  /** Of all. */
  readonly count: () => number;
}

/** As many are kept: whoever makes a folder can make any number. */
const MAX_FAULTS = 100;

/** An empty list of what does not hold. */
export function createFaults(): Faults {
  const list: Fault[] = [];
  let count = 0;
  return {
    add: (code, place, message) => {
      count += 1;
      if (list.length < MAX_FAULTS) list.push({ code, place, message });
    },
    list: () => list,
    count: () => count,
  };
}
