import { execFileSync } from "node:child_process";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { tell } from "./tell.js";

// Opens a store while no file of this process may grow beyond so many bytes, and says how that was refused.
const [path = "", bytes = "0"] = process.argv.slice(2);
execFileSync("prlimit", [`--fsize=${bytes}`, `--pid=${process.pid}`]);
try {
  const store = await openSqliteStore(path);
  await store.close();
  tell("opened");
} catch (error) {
  const { code, cause } = error as { readonly code: string; readonly cause?: { readonly code?: string } };
  tell({ code, cause: cause?.code });
}
process.disconnect();
