import { type Problems, shownId } from "../verify/problem.js";
import type { Connection, Row } from "./driver.js";
import { keepReachable, loadDriver } from "./driver.js";
import { MIGRATIONS } from "./migrations.js";

const OBJECTS =
  "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name LIMIT 1000";

/**
 * Holds what a database is made of against what the migrations make. Tables and indexes of somebody else are let be; triggers
 * and views are not, since they act. False where what is to be read is not a table as it was made.
 */
export async function checkSchema(connection: Connection, problems: Problems): Promise<boolean> {
  const expected = await objectsMade();
  const found = new Map(
    connection
      .prepare(OBJECTS)
      .all()
      .map((row) => [String(row.name), row]),
  );
  let readable = true;
  for (const [name, row] of expected) {
    const there = found.get(name);
    if (there !== undefined && sameObject(there, row)) continue;
    const what = `${String(row.type)} ${shownId(name)}`;
    problems.add("schema", `the ${what} is ${there === undefined ? "missing" : "not as it was made"}`);
    if (row.type === "table") readable = false;
  }
  for (const [name, { type }] of found) {
    if (expected.has(name) || type === "table" || type === "index") continue;
    problems.add("schema", `there is a ${shownId(type)} that no gate made: ${shownId(name)}`);
  }
  return readable;
}

function sameObject(a: Row, b: Row): boolean {
  return a.type === b.type && a.tbl_name === b.tbl_name && a.sql === b.sql;
}

/** What a new database is made of, by name. */
async function objectsMade(): Promise<ReadonlyMap<string, Row>> {
  const Database = await loadDriver();
  const made = keepReachable(new Database(":memory:", { timeout: 0, fileMustExist: false }));
  try {
    for (const sql of MIGRATIONS) made.exec(sql);
    return new Map(
      made
        .prepare(OBJECTS)
        .all()
        .map((row) => [String(row.name), row]),
    );
  } finally {
    made.close();
  }
}
