/** Where the bytes of a blob stand in an SQLite file: from the first, up to but without the last. */
export type Range = readonly [from: number, to: number];

/**
 * Finds the places of the last column of every row of a table with row ids, wherever its b-tree and its overflow pages keep them
 * (sqlite.org/fileformat2.html). `root`: the table's root page.
 */
export function lastColumns(file: Buffer, root: number): readonly Range[] {
  const pageSize = file.readUInt16BE(16) === 1 ? 65_536 : file.readUInt16BE(16);
  const usable = pageSize - file.readUInt8(20);
  const ranges: Range[] = [];

  const walk = (page: number): void => {
    const start = (page - 1) * pageSize;
    const header = start + (page === 1 ? 100 : 0);
    const kind = file.readUInt8(header);
    const cells = file.readUInt16BE(header + 3);
    const pointers = header + (kind === 5 ? 12 : 8);
    for (let cell = 0; cell < cells; cell += 1) {
      const at = start + file.readUInt16BE(pointers + 2 * cell);
      if (kind === 5) walk(file.readUInt32BE(at));
      else ranges.push(...lastColumn(at));
    }
    if (kind === 5) walk(file.readUInt32BE(header + 8));
  };

  /** The pieces of a row's payload, in order: on its own page, then on those that it overflows to. */
  const piecesOf = (at: number, size: number): readonly Range[] => {
    const most = usable - 35;
    if (size <= most) return [[at, at + size]];
    const least = Math.floor(((usable - 12) * 32) / 255) - 23;
    const fitting = least + ((size - least) % (usable - 4));
    const local = fitting <= most ? fitting : least;
    const pieces: Range[] = [[at, at + local]];
    let left = size - local;
    for (let page = file.readUInt32BE(at + local); left > 0; ) {
      const start = (page - 1) * pageSize;
      const length = Math.min(left, usable - 4);
      pieces.push([start + 4, start + 4 + length]);
      left -= length;
      page = file.readUInt32BE(start);
    }
    return pieces;
  };

  const lastColumn = (cell: number): readonly Range[] => {
    const [size, afterSize] = varint(file, cell);
    const [, payload] = varint(file, afterSize);
    const [headerSize, first] = varint(file, payload);
    let type = 0;
    for (let at = first; at < payload + headerSize; ) [type, at] = varint(file, at);
    let skip = size - Math.floor((type - 12) / 2);
    const found: Range[] = [];
    for (const [from, to] of piecesOf(payload, size)) {
      const skipped = Math.min(skip, to - from);
      skip -= skipped;
      if (from + skipped < to) found.push([from + skipped, to]);
    }
    return found;
  };

  walk(root);
  return ranges;
}

function varint(file: Buffer, from: number): readonly [value: number, next: number] {
  let value = 0;
  for (let at = from; at < from + 8; at += 1) {
    const byte = file.readUInt8(at);
    value = value * 128 + (byte & 127);
    if (byte < 128) return [value, at + 1];
  }
  return [value * 256 + file.readUInt8(from + 8), from + 9];
}
