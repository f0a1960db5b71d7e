import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";
import { tell } from "./tell.js";

// Holds the write lock of a database for so many milliseconds.
const [path = "", ms = "0"] = process.argv.slice(2);
const Database = await loadDriver();
const connection: Connection = new Database(path, { timeout: 5_000, fileMustExist: true });
connection.exec("BEGIN IMMEDIATE");
tell("held");
setTimeout(() => {
  connection.exec("ROLLBACK");
  connection.close();
  process.disconnect();
}, Number(ms));
