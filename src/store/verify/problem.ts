import { displayLiteral } from "../../evidence/display.js";

/** What can be wrong with a log or with the tables beside it: a closed list. */
export type ProblemCode =
  /** An event is not the one that was appended, is not canonical JSON, or stands under columns that say something else. */
  | "event_bytes"
  /** Events are missing, in between or at the end. */
  | "event_missing"
  /** Stored hashes of the tree are not those of the events, are missing, or are too many. */
  | "tile"
  /** The stored head of the tree is not that of the events. */
  | "head"
  /** A checkpoint is no signed note, or was signed by none of the keys. */
  | "checkpoint_signature"
  /** A checkpoint is of another log: its root is not that of as many events, or there never were so many. */
  | "checkpoint_root"
  /** A job's row is not what the log says; is missing; or is one that the log does not know. */
  | "state_job"
  /** The same of a request for approval. */
  | "state_approval"
  /** The same of a vote. */
  | "state_vote"
  /** The same of a policy, or its document is not the one that was put in force. */
  | "state_policy"
  /** The same of a turn of the switch that stops claims. */
  | "state_halt"
  /** A private value is not the one that the log commits to, is missing, or stands there though it was erased. */
  | "value"
  /** The database's tables, indexes or triggers are not those that it was made with. */
  | "schema"
  /** Rows cannot be read, or do not stand in their order: what lies behind them was not looked at. */
  | "unreadable"
  /** The database's own check of its structure found something. */
  | "integrity";

/** One thing that is wrong. */
export interface VerifyProblem {
  readonly code: ProblemCode;
  /** One line, display-safe. Of what an event says nothing stands in it but ids. */
  readonly message: string;
  /** The number of the event that it is about; null where it is about none. */
  readonly seq: number | null;
}

export interface VerifyRequest {
  /** Verifier keys (C2SP signed-note) of the log: a checkpoint that none of them signed is a problem. */
  readonly keys: readonly string[];
  /** Whether jobs, approvals, votes, policies and private values are held against the log as well. */
  readonly state: boolean;
}

export interface VerifyAnswer {
  /** Events that were read. */
  readonly events: number;
  /** Leaves of the recomputed tree: `events`, and one for each that is missing in between. */
  readonly size: number;
  /** Its root, in standard base64. */
  readonly root: string;
  /** Checkpoints that were looked at. */
  readonly checkpoints: number;
  /** The first 100. */
  readonly problems: readonly VerifyProblem[];
  /** How many there are beyond those. */
  readonly more: number;
  /** What the database's own check of its structure says: `"ok"`, or what it found; null in a store that has none. */
  readonly integrity: string | null;
}

/** Problems that are told one by one; of the rest, only how many there are. */
const MOST_PROBLEMS = 100;

/** Collects what is wrong, in bounded space. */
export interface Problems {
  readonly add: (code: ProblemCode, message: string, seq?: number | null) => void;
  readonly end: () => Pick<VerifyAnswer, "problems" | "more">;
}

export function collectProblems(): Problems {
  const problems: VerifyProblem[] = [];
  let more = 0;
  return {
    add: (code, message, seq = null) => {
      if (problems.length < MOST_PROBLEMS) problems.push(Object.freeze({ code, message, seq }));
      else more += 1;
    },
    end: () => ({ problems, more }),
  };
}

/** Characters of an id in a message. */
const MAX_SHOWN = 128;

/** An id from a file that anybody may have written, as it may stand in a message. */
export function shownId(id: unknown): string {
  if (typeof id === "number") return String(id);
  if (typeof id !== "string") return "?";
  const text = id.toWellFormed();
  return displayLiteral(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN).toWellFormed()}...` : text);
}
