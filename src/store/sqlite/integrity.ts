import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { Connection } from "./driver.js";

/** What the check may find before it stops looking. */
const MOST_FOUND = 20;

/** Characters of what it says that are passed on. */
const MOST_SAID = 4_096;

/**
 * Runs in a thread of its own, since the check is one call that takes as long as the file is large. The same driver from the same
 * path: a second SQLite library in the process would drop the locks of the first. What it makes stays reachable (see driver.ts).
 */
const THREAD = `
const { parentPort, workerData: { driver, source } } = require("node:worker_threads");
const Database = require(driver);
const check = () => {
  const isFile = typeof source === "string";
  const connection = new Database(isFile ? source : Buffer.from(source), isFile ? { readonly: true, fileMustExist: true } : {});
  const statement = connection.prepare("PRAGMA integrity_check(${MOST_FOUND})");
  globalThis.kept = [connection, statement];
  const found = statement.all().map((row) => String(row.integrity_check));
  connection.close();
  return found.join("; ").replaceAll("\\n", " ");
};
let said;
try {
  said = check();
} catch (error) {
  said = String(error.code ?? error.message);
}
parentPort.postMessage(said.slice(0, ${MOST_SAID}));
`;

/**
 * What the database's own check of its structure says, of a file or of a database's bytes: `"ok"`, or what it found. Rejects
 * where no thread can be had.
 */
export function checkIntegrity(source: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    // Without what this process was started with: a loader of sources has no place there.
    const worker = new Worker(THREAD, { eval: true, execArgv: [], workerData: { driver: driverPath(), source } });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the thread of the check ended without an answer")));
  });
}

/** The same on a connection, in one call that nothing comes between. */
export function integrityOf(connection: Connection): string {
  try {
    const found = connection.prepare(`PRAGMA integrity_check(${MOST_FOUND})`).all();
    return textOf(found.map((row) => String(row.integrity_check)));
  } catch (error) {
    return textOf([String((error as { readonly code?: unknown }).code)]);
  }
}

function textOf(found: readonly string[]): string {
  return found.join("; ").replaceAll("\n", " ").slice(0, MOST_SAID);
}

/** Where the driver stands that this package uses. */
function driverPath(): string {
  const here = typeof __filename === "string" ? __filename : import.meta.url;
  return createRequire(here).resolve("better-sqlite3");
}
