/** The colours in use, by what they are for. */
const CODES = { good: 32, bad: 31, wait: 33, note: 36, faint: 90, strong: 1 } as const;

export type Ink = keyof typeof CODES;

/** A text with its colour. */
export interface Inked {
  readonly ink: Ink;
  readonly text: string;
}

/** A piece of a line. */
export type Part = string | Inked;

/** Writes lines in which nothing but the drill's own colours can act on a terminal. */
export interface Printer {
  readonly line: (...parts: readonly Part[]) => void;
  /** A table: each cell is wrapped to the width of its column. */
  readonly table: (columns: readonly Column[], rows: readonly (readonly Part[])[]) => void;
}

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Characters, 1 or more. */
  readonly width: number;
}

/** Gives a text a colour. */
export function inked(ink: Ink, text: string): Inked {
  return { ink, text };
}

/** True when a stream shows colours, and nobody asked for none (no-color.org); `FORCE_COLOR` decides where it is set. */
export function showsColours(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  const { FORCE_COLOR: forced } = env;
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return stream.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}

/** Makes a printer. `write` is handed one line at a time, with its newline. */
export function createPrinter(write: (text: string) => void, colours: boolean): Printer {
  const paint = (part: Part): string => {
    if (typeof part === "string") return displaySafe(part);
    const text = displaySafe(part.text);
    return colours ? `\u001b[${CODES[part.ink]}m${text}\u001b[0m` : text;
  };
  const line = (...parts: readonly Part[]): void => write(`${parts.map(paint).join("").trimEnd()}\n`);

  const row = (columns: readonly Column[], cells: readonly Part[]): void => {
    const wrapped = columns.map(({ width }, index) => wrap(displaySafe(textOf(cells[index] ?? "")), width));
    const height = Math.max(...wrapped.map((lines) => lines.length));
    for (let at = 0; at < height; at += 1) {
      const parts = columns.map(({ width }, index) => {
        const text = (wrapped[index]?.[at] ?? "").padEnd(width + 2);
        return recoloured(cells[index] ?? "", text);
      });
      line(...parts);
    }
  };

  return {
    line,
    table: (columns, rows) => {
      row(
        columns,
        columns.map(({ title }) => inked("strong", title)),
      );
      row(
        columns,
        columns.map(({ width }) => inked("faint", "-".repeat(width))),
      );
      for (const cells of rows) row(columns, cells);
    },
  };
}

function textOf(part: Part): string {
  return typeof part === "string" ? part : part.text;
}

function recoloured(part: Part, text: string): Part {
  return typeof part === "string" ? text : { ...part, text };
}

/** Breaks a text at spaces into lines of at most `width` characters; a longer word stands on a line of its own. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of text.split(" ")) {
    const longer = current === "" ? word : `${current} ${word}`;
    if (longer.length > width && current !== "") {
      lines.push(current);
      current = word;
    } else {
      current = longer;
    }
  }
  return [...lines, current];
}

/** Control, format (bidi, zero-width), surrogate, private-use and line-separating characters. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The text with every character that could act on a terminal written out: nothing is dropped. */
function displaySafe(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
