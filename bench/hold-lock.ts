// Another process on the same database: takes the write lock, says so, keeps it, and lets it go.
import { loadDriver } from "../src/store/sqlite/driver.js";

const [path = "", milliseconds = "0"] = process.argv.slice(2);
const Database = await loadDriver();
const connection = new Database(path, { timeout: 5_000, fileMustExist: true });
connection.exec("BEGIN IMMEDIATE");
process.send?.("held");
setTimeout(() => {
  connection.exec("ROLLBACK");
  connection.close();
  process.disconnect();
}, Number(milliseconds));
