import { setTimeout as sleep } from "node:timers/promises";
import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";
import { onMessage, tell } from "./tell.js";

// The control: reads that the approval is open, and only then writes that it is used.
const [path = ""] = process.argv.slice(2);
const Database = await loadDriver();
const connection: Connection = new Database(path, { timeout: 5_000, fileMustExist: true });
const look = connection.prepare("SELECT used FROM approvals WHERE id = ?");
const use = connection.prepare("UPDATE approvals SET used = 1 WHERE id = ?");
onMessage((message) => {
  const { resume } = message as { readonly resume: string | null };
  if (resume === null) {
    connection.close();
    process.disconnect();
    return;
  }
  void (async () => {
    const open = look.get(resume)?.used === 0;
    await sleep(0);
    if (open) {
      use.run(resume);
      tell({ ran: resume });
    }
    tell({ done: resume });
  })();
});
tell("ready");
