import { createHash } from "node:crypto";
import { encodeOutput } from "../output/encode.js";
import { freshSalt } from "./ids.js";
import { MAX_KEPT } from "./kept.js";

/** What is recorded of a stream: the list of its chunks, as `commit` and `encodeOutput` would have it, chunk by chunk. */
export interface StreamRecord {
  readonly add: (chunk: unknown) => void;
  /** Ends the record; nothing may be added after. */
  readonly close: () => {
    readonly chunks: number;
    readonly kept: readonly unknown[] | null;
    readonly salt: string;
    readonly commitment: string;
  };
}

/** The record of one stream, in memory that does not grow beyond what is kept. */
export function openStreamRecord(): StreamRecord {
  const salt = freshSalt();
  const hash = createHash("sha256").update(`dispatch-gate/value/v1\0${salt}\0[`);
  let kept: unknown[] | null = [];
  let length = 2;
  let chunks = 0;
  return {
    add: (chunk) => {
      const text = encodeOutput(chunk);
      hash.update(chunks === 0 ? text : `,${text}`);
      chunks += 1;
      length += text.length + 1;
      if (length > MAX_KEPT) kept = null;
      kept?.push(chunk);
    },
    close: () => ({ chunks, kept, salt, commitment: hash.update("]").digest("hex") }),
  };
}
