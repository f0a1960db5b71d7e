import type { Finding, OutcomeError } from "../outcome.js";

/** What became of a stream that was passed on as it came. */
export type Streamed = {
  /** Chunks that left. */
  readonly chunks: number;
  readonly findings: readonly Finding[];
  /** All that left, as one list; null where it is too long to be kept. */
  readonly kept: readonly unknown[] | null;
  /** Salt and commitment of the recorded form of that list, kept or not. */
  readonly salt: string;
  readonly commitment: string;
} & (
  | { readonly how: "ended" | "idle" | "cancelled" | "aborted" }
  | { readonly how: "failed"; readonly error: OutcomeError }
  | { readonly how: "withheld"; readonly message: string }
);
