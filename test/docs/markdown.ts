import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A fenced block of a document, with the line it begins on. */
export interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

export function blocksOf(docs: string): readonly Block[] {
  return [...docs.matchAll(/^```([a-z]*)\n(.*?)^```$/gms)].map(({ 1: language = "", 2: text = "", index }) => ({
    language,
    text,
    line: docs.slice(0, index).split("\n").length,
  }));
}

/** Rows of the tables whose head starts so, cell by cell. */
export function rowsOf(docs: string, head: string): readonly (readonly string[])[] {
  const tables = docs.matchAll(/^\|.*\|\n\|[-|]+\|\n(?:\|.*\|\n)+/gm);
  return [...tables].flatMap(([table]) => {
    if (!table.startsWith(head)) return [];
    const rows = table.trimEnd().split("\n").slice(2);
    return rows.map((row) => {
      const cells = row.split(/(?<!\\)\|/).slice(1, -1);
      return cells.map((cell) => cell.trim().replaceAll("\\|", "|"));
    });
  });
}

/** What stands in backticks. */
export const codesIn = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);

/** Without the backticks around it. */
export const bare = (cell: string): string => cell.replace(/^`(.*)`$/, "$1");

const anchorsOf = (docs: string): readonly string[] =>
  [...docs.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );

/** Links within the project that lead to no file, or to no heading of one. */
export function brokenLinks(file: string): readonly string[] {
  const docs = readFileSync(file, "utf8");
  const isBroken = (link: string): boolean => {
    const [target = "", anchor] = link.split("#");
    try {
      const path = target === "" ? file : join(dirname(file), target);
      return anchor !== undefined && !anchorsOf(readFileSync(path, "utf8")).includes(anchor);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== "EISDIR";
    }
  };
  const links = [...docs.matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => !/^https?:/.test(link) && isBroken(link));
}
