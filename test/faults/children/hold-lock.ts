import { type Connection, loadDriver } from "../../../src/store/sqlite/driver.js";
import { readSetup, serve } from "./serve.js";

// Takes the write lock of a database, or holds a read transaction open on it, until it is told to let go.
const { store } = readSetup<{ readonly store: string }>();
const Database = await loadDriver();
const connection: Connection = new Database(store, { timeout: 5_000, fileMustExist: true });

serve(
  async (request: { readonly do: "write" | "read" | "release" }) => {
    if (request.do === "release") connection.exec("ROLLBACK");
    if (request.do === "write") connection.exec("BEGIN IMMEDIATE");
    if (request.do !== "read") return null;
    connection.exec("BEGIN");
    return connection.prepare("SELECT max(seq) AS n FROM events").get()?.n;
  },
  async () => {
    connection.close();
  },
);
