import { type Locate, type Path, pointer } from "../../policy/source.js";

/** One thing that does not mean the same any more. */
export interface ImportNote {
  /** `changed`: carried over, but narrower, stricter or under a condition. `dropped`: had no effect there, or has none here. `refused`: could not be carried over. */
  readonly kind: "changed" | "dropped" | "refused";
  /** Where in the source, 1-based. */
  readonly line?: number;
  readonly column?: number;
  /** JSON Pointer (RFC 6901) into the source. */
  readonly path: string;
  readonly message: string;
  readonly help?: string;
}

/** Collects notes with their places. */
export interface Notes {
  readonly add: (kind: ImportNote["kind"], path: Path, message: string, help?: string) => void;
  readonly all: () => readonly ImportNote[];
  /** Runs `work` and answers also the notes it made: they stand beside the rule they are about. */
  readonly during: <T>(work: () => T) => { readonly value: T; readonly notes: readonly ImportNote[] };
}

export function createNotes(locate: Locate): Notes {
  const notes: ImportNote[] = [];
  return {
    add: (kind, path, message, help) => {
      notes.push({
        kind,
        ...locate(path, "key"),
        path: pointer(path),
        message,
        ...(help === undefined ? {} : { help }),
      });
    },
    all: () => notes,
    during: (work) => {
      const start = notes.length;
      const value = work();
      return { value, notes: notes.slice(start) };
    },
  };
}
