import { FORMS } from "../../test/output/forms.js";
import { digits, left, right, table } from "../table.js";
import { type Alarms, displaySafe } from "./alarms.js";
import type { Corpus } from "./corpus.js";
import type { Cell, Row } from "./coverage.js";
import { groupBy } from "./group.js";
import type { Speed } from "./speed.js";

/** The kinds that a tool names; null for all. */
type Claims = ReadonlySet<string> | null;

function cellText({ found, of }: Cell, claimed: boolean): string {
  if (found === of) return "yes";
  if (found > 0) return `${found}/${of}`;
  return claimed ? "no" : "-";
}

export function coverageTable(rows: readonly Row[], claims: Claims): string {
  return table(
    [left("kind"), ...FORMS.map(left)],
    rows.map(({ kind, cells }) => [
      `\`${kind}\``,
      ...FORMS.map((form) => cellText(cells[form], claims === null || claims.has(kind))),
    ]),
  );
}

interface Covered {
  readonly name: string;
  readonly claims: Claims;
  readonly rows: readonly Row[];
}

/** For each form, how many kinds are found whole, of those a tool names (or finds all the same). */
export function summaryTable(covered: readonly Covered[]): string {
  return table(
    [left("kinds found"), right("of"), ...FORMS.map(right)],
    covered.map(({ name, claims, rows }) => {
      const counted = rows.filter(
        ({ kind, cells }) => claims === null || claims.has(kind) || FORMS.some((form) => cells[form].found > 0),
      );
      const found = FORMS.map((form) => counted.filter(({ cells }) => cells[form].found === cells[form].of).length);
      return [name, String(counted.length), ...found.map(String)];
    }),
  );
}

export function corpusTable(corpora: readonly Corpus[]): string {
  return table(
    [left("corpus"), left("from"), left("SHA-256")],
    corpora.map(({ name, sources, sha256 }) => [`1 MB of ${name}`, sources, `${sha256.slice(0, 16)}…`]),
  );
}

function tally(kinds: readonly string[]): string {
  const counts = [...groupBy(kinds, (kind) => kind)].map(([kind, all]) => [kind, all.length] as const);
  return counts
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(", ");
}

export function alarmTable(all: readonly Alarms[]): string {
  return table(
    [left("corpus"), left("tool"), right("alarms"), left("of kinds"), right("real addresses"), right("kinds not ours")],
    all.map(({ corpus, tool, alarms, addresses, others }) => [
      corpus,
      tool,
      digits(alarms.length),
      tally(alarms.map(({ kind }) => kind)),
      digits(addresses),
      digits(others),
    ]),
  );
}

/** Every alarm once, in words that can be shown; so many of each kind, tool and corpus. */
export function alarmList(all: readonly Alarms[], most: number): string {
  const lines = all.flatMap(({ corpus, tool, alarms }) =>
    alarms.map(({ kind, text, before }) => {
      const safe = [displaySafe(before, 24), displaySafe(text)].map((part) => part.replace(/[`|]/g, "'"));
      return { group: `${corpus}, ${tool.split(",")[0]}, ${kind}`, excerpt: `\`${safe[0]}»${safe[1]}«\`` };
    }),
  );
  const groups = [...groupBy(lines, ({ group }) => group)].map(([group, ofGroup]) => {
    const excerpts = [...new Set(ofGroup.map(({ excerpt }) => excerpt))];
    const more = excerpts.length > most ? `; and ${excerpts.length - most} more` : "";
    return `- ${group}: ${excerpts.slice(0, most).join("; ")}${more}`;
  });
  return groups.length === 0 ? "None." : groups.join("\n");
}

export function speedTable(speeds: readonly Speed[]): string {
  const corpora = [...new Set(speeds.map(({ corpus }) => corpus))];
  return table(
    [left("MB in a second of processor time"), ...corpora.map(right)],
    [...groupBy(speeds, ({ tool }) => tool)].map(([tool, ofTool]) => [
      tool,
      ...ofTool.map(({ mbPerSec }) => digits(mbPerSec, mbPerSec < 10 ? 2 : 0)),
    ]),
  );
}

export function slowTable(slow: readonly { readonly name: string; readonly ms: number }[]): string {
  return table(
    [left("64 KB of"), right("CPU of a whole inspection")],
    slow.map(({ name, ms }) => [name.replace(/[`|]/g, "'"), `${digits(ms, 1)} ms`]),
  );
}

/** For whoever mends it: what is missed, and the line that holds it. */
export function missedList(rows: readonly Row[]): string {
  return rows
    .flatMap(({ kind, cells }) =>
      FORMS.flatMap((form) => {
        const { found, of, missed } = cells[form];
        return missed === undefined ? [] : [`- ${kind}, ${form} (${found}/${of}): ${displaySafe(missed.text, 96)}`];
      }),
    )
    .join("\n");
}
