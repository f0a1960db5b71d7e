import { type Problems, shownId } from "../verify/problem.js";
import { type Connection, keepReachable, loadDriver, type Row } from "./driver.js";
import { MIGRATIONS } from "./migrations.js";
import { untilFree } from "./open.js";

const OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name";

/**
 * Holds what a database is made of against what the migrations make. Tables and indexes of somebody else are let be; triggers
 * and views are not, since they act. False where what is to be read is not a table as it was made.
 */
export async function checkSchema(connection: Connection, problems: Problems): Promise<boolean> {
  const expected = await objectsMade();
  // What is read first within a transaction may have to wait for another process that opens or recovers the file.
  const found = await untilFree(() => objectsIn(connection));
  let readable = true;
  for (const [name, row] of expected) {
    const there = found.get(name);
    if (there !== undefined && isSame(there, row)) continue;
    const what = `the ${String(row.type)} ${shownId(name)}`;
    problems.add("schema", `${what} is ${there === undefined ? "missing" : "not as it was made"}`);
    if (row.type === "table") readable = false;
  }
  for (const [name, { type }] of found) {
    if (expected.has(name) || type === "table" || type === "index") continue;
    problems.add("schema", `there is a ${shownId(type)} that no gate made: ${shownId(name)}`);
  }
  return readable;
}

function isSame(a: Row, b: Row): boolean {
  return a.type === b.type && a.tbl_name === b.tbl_name && a.sql === b.sql;
}

/** What a new database is made of, by name. */
async function objectsMade(): Promise<ReadonlyMap<string, Row>> {
  const Database = await loadDriver();
  const made = keepReachable(new Database(":memory:", { timeout: 0, fileMustExist: false }));
  try {
    for (const sql of MIGRATIONS) made.exec(sql);
    return objectsIn(made);
  } finally {
    made.close();
  }
}

function objectsIn(connection: Connection): ReadonlyMap<string, Row> {
  const rows = connection.prepare(OBJECTS).all();
  return new Map(rows.map((row) => [String(row.name), row]));
}
