const NEWLINE = 0x0a;

/** Splits bytes into lines, in memory that no line can make grow beyond its bound. */
export interface LineSplitter {
  /** The lines that end in this chunk, without their newlines; null for one of more bytes than may be. */
  readonly push: (chunk: Uint8Array) => readonly (Uint8Array | null)[];
  /** Whether something stands after the last newline. */
  readonly isUnfinished: () => boolean;
}

/** A splitter for lines of at most so many bytes. Chunks MUST NOT be changed after they were handed over. */
export function createLineSplitter(most: number): LineSplitter {
  let parts: Uint8Array[] = [];
  let length = 0;
  const hold = (part: Uint8Array): void => {
    length += part.length;
    // Of a line that is too long nothing is kept but that it is.
    if (length > most) parts = [];
    else if (part.length > 0) parts.push(part);
  };
  const end = (): Uint8Array | null => {
    const line = length > most ? null : Buffer.concat(parts);
    [parts, length] = [[], 0];
    return line;
  };
  return {
    push: (chunk) => {
      const lines: (Uint8Array | null)[] = [];
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        hold(chunk.subarray(from, at));
        lines.push(end());
        from = at + 1;
      }
      hold(chunk.subarray(from));
      return lines;
    },
    isUnfinished: () => length > 0,
  };
}
