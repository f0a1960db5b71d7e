import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import type { PolicyIssue } from "../errors.js";
import { displaySafe } from "../evidence/display.js";
import type { Io } from "./io.js";
import { inked, type Line, type Part, shownPath } from "./print.js";
import { readText } from "./read-text.js";

/** A problem with the line it stands in. */
export interface PlacedIssue {
  readonly issue: PolicyIssue;
  /** As it was given on the command line, or beside it for an imported one: beside the file itself, never beside a link to it. */
  readonly file: string;
  /** The line of the text, where it could be read again. */
  readonly excerpt: string | null;
}

/** Finds the line of each problem. A file that can no longer be read only costs the excerpt. */
export async function placeIssues(
  io: Io,
  file: string,
  issues: readonly PolicyIssue[],
): Promise<readonly PlacedIssue[]> {
  const texts = new Map<string, readonly string[]>();
  const folder = issues.some(({ source }) => source !== undefined) ? await folderOf(io, file) : dirname(file);
  const placed: PlacedIssue[] = [];
  for (const issue of issues) {
    const where = issue.source === undefined ? file : join(folder, issue.source);
    const lines = texts.get(where) ?? (await linesOf(io, where));
    texts.set(where, lines);
    placed.push({ issue, file: where, excerpt: issue.line === undefined ? null : (lines[issue.line - 1] ?? null) });
  }
  return placed;
}

/**
 * What imports are relative to: the loader follows links first, so beside a link may stand another file of the same
 * name. As the path was given where that names the same folder.
 */
async function folderOf(io: Io, file: string): Promise<string> {
  const given = dirname(file);
  try {
    const real = dirname(await realpath(resolve(io.cwd, file)));
    if (real === (await realpath(resolve(io.cwd, given)))) return given;
    const near = relative(await realpath(io.cwd), real);
    return near.startsWith("..") || isAbsolute(near) ? real : near;
  } catch {
    return given;
  }
}

async function linesOf(io: Io, file: string): Promise<readonly string[]> {
  try {
    return (await readText(io, resolve(io.cwd, file))).replace(/^\ufeff/, "").split(/\r?\n/);
  } catch {
    return [];
  }
}

/** `file:line:column`, as far as it is known, for people: as editors and terminals understand it. */
export function placeOf(file: string, { line, column }: { readonly line?: number; readonly column?: number }): string {
  const parts = [shownPath(file), line, line === undefined ? undefined : column];
  return parts.filter((part) => part !== undefined).join(":");
}

/** Problems for people: place, message, the line with a caret under the column, help. */
export function issueLines(issues: readonly PlacedIssue[]): readonly Line[] {
  return issues.flatMap(({ issue, file, excerpt }) => {
    const place =
      issue.line === undefined && issue.path !== "" ? `${shownPath(file)} (${issue.path})` : placeOf(file, issue);
    const head: Line = [
      inked("strong", place),
      ": ",
      inked("bad", "error"),
      `: ${issue.message} `,
      inked("faint", `[${issue.code}]`),
    ];
    const help: readonly Line[] = issue.help === undefined ? [] : [["    ", inked("note", "help"), `: ${issue.help}`]];
    return [head, ...(excerpt === null ? [] : caretLines(excerpt, issue)), ...help];
  });
}

/** Characters of a long line that are shown on either side of the column. */
const AROUND = 60;

/** Columns count UTF-16 code units; what is shown may be longer, since what is invisible is written out. */
function caretLines(text: string, { line = 1, column = 1 }: PolicyIssue): readonly Line[] {
  const at = Math.min(column - 1, text.length);
  const from = at > AROUND ? at - AROUND : 0;
  const until = Math.min(text.length, at + AROUND);
  const before = `${from > 0 ? "..." : ""}${displaySafe(text.slice(from, at))}`;
  const after = `${displaySafe(text.slice(at, until))}${until < text.length ? "..." : ""}`;
  const number = String(line);
  const gutter = (label: string): Part => inked("faint", `  ${label.padStart(number.length)} | `);
  return [
    [gutter(number), before + after],
    [gutter(""), " ".repeat(before.length), inked("bad", "^")],
  ];
}
