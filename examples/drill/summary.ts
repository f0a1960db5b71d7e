import { isRight, type Result } from "./check.js";
import { type Column, inked, type Part, type Printer } from "./print.js";

const COLUMNS: readonly Column[] = [
  { title: "step", width: 26 },
  { title: "expected", width: 30 },
  { title: "got", width: 30 },
  { title: "checked on disk", width: 34 },
  { title: "", width: 2 },
];

/** Prints what was expected, what came, and what the disk says. */
export function printSummary(print: Printer, results: readonly Result[]): void {
  print.line();
  print.table(COLUMNS, results.map(rowOf));
  print.line();
  const wrong = results.filter((result) => !isRight(result)).length;
  if (wrong === 0) print.line(inked("good", `The drill went as expected: all ${results.length} checks hold.`));
  else print.line(inked("bad", `The drill differs: ${wrong} of ${results.length} checks do not hold.`));
}

function rowOf(result: Result): readonly Part[] {
  const { step, expected, got, disk } = result;
  return [
    step,
    expected,
    inked(got === expected ? "good" : "bad", got),
    inked(disk.ok ? "good" : "bad", disk.found),
    isRight(result) ? inked("good", "ok") : inked("bad", "NO"),
  ];
}
