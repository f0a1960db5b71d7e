import { digits, left, right, table } from "../../bench/table.js";
import type { FaultRow } from "./row.js";
import type { RowState } from "./state.js";

/** What is known of all rows as Markdown, for docs/reliability.md. */
export function reportOf(known: readonly { readonly row: FaultRow; readonly state: RowState }[]): string {
  const columns = [left("row"), right("cases"), left("figures"), left("control"), right("seed"), right("time")];
  const lines = known.map(({ row, state }) => [
    row.name,
    casesOf(row, state),
    figuresOf(state),
    cell(state.control === null ? "not run" : `${row.control}: ${state.control}`),
    state.skipped === null ? String(state.seed) : "",
    timeOf(state.seconds),
  ]);
  const ran = known.filter(({ state }) => state.skipped === null).map(({ state }) => state);
  const notes = [
    ...new Set(ran.flatMap(({ machines }) => machines)),
    `code: ${[...new Set(ran.flatMap(({ commits }) => commits))].join(", ")}`,
    `run: ${[...new Set(ran.map(({ date }) => date))].sort().join(", ")}`,
  ];
  return `${table(columns, lines)}\n${ran.length === 0 ? "" : `\n${notes.join("; ")}\n`}`;
}

function casesOf({ unit }: FaultRow, { done, of, found, skipped }: RowState): string {
  if (skipped !== null) return "skipped";
  const count = done === of ? digits(done) : `${digits(done)} of ${digits(of)}`;
  return `${count} ${unit}${found === null ? "" : ", FOUND"}`;
}

function figuresOf({ tally, found, skipped }: RowState): string {
  if (skipped !== null) return cell(skipped);
  if (found !== null) return cell(found.message.split("\n", 2).join(" "));
  return cell(
    Object.entries(tally)
      .map(([name, count]) => `${digits(count)} ${name}`)
      .join(", "),
  );
}

/** Text that stays in one cell. */
function cell(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|");
}

function timeOf(seconds: number): string {
  return seconds < 100 ? `${digits(seconds, 1)} s` : `${digits(seconds / 60, 1)} min`;
}
