import { encodeOutput } from "../output/encode.js";
import { copyPlain } from "../output/plain.js";
import type { ChunkSource, Step } from "./source.js";

/** What a stream came to, when all of it was gathered before anybody saw it. */
export interface Gathered {
  readonly chunks: readonly unknown[];
  /** True when it went on past what is gathered, and was told to stop. */
  readonly isCut: boolean;
}

/** What is gathered of one stream. */
export interface GatherCaps {
  readonly chunks: number;
  /** UTF-16 code units of texts and bytes of arrays together. */
  readonly content: number;
}

/** Reads a stream to its end, or over a cap. Rejects with what it fails with, or with the signal's reason. */
export async function gather(source: ChunkSource, signal: AbortSignal, caps: GatherCaps): Promise<Gathered> {
  const chunks: unknown[] = [];
  let content = 0;
  for (;;) {
    const step = await nextUntil(source, signal);
    if (step.done) return { chunks, isCut: false };
    // Copied as it comes: what the function does to it later changes nothing, and what is no data ends it here.
    const copied = copyPlain(step.value);
    chunks.push(copied.ok ? copied.value : step.value);
    if (!copied.ok) {
      source.cancel(new Error("a chunk is not plain data"));
      return { chunks, isCut: false };
    }
    content += sizeOf(copied.value);
    if (chunks.length > caps.chunks || content > caps.content) {
      source.cancel(new Error("the output is over a limit"));
      return { chunks: [], isCut: true };
    }
  }
}

/** The next chunk, unless the signal comes first: then the stream is told to stop, and this rejects. */
export async function nextUntil(source: ChunkSource, signal: AbortSignal): Promise<Step> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([source.next(), aborted]);
  } catch (error) {
    source.cancel(error);
    throw error;
  } finally {
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}

/** Characters of a text, bytes of an array, and of any other value those of its recorded form. */
export function sizeOf(chunk: unknown): number {
  if (typeof chunk === "string") return chunk.length;
  return chunk instanceof Uint8Array ? chunk.byteLength : encodeOutput(chunk).length;
}
