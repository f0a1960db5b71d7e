import { setTimeout as sleep } from "node:timers/promises";
import { createGate } from "dispatch-gate";
import { loadDriver } from "../../../src/store/sqlite/driver.js";
import { onMessage, tell } from "../../children/tell.js";

// Reads the log in pages, slowly, until it is told to stop. `naive`: in one transaction that never ends.
const [store = "", how = "pages"] = process.argv.slice(2);
const PAUSE_MS = 50;
let stopped = false;
onMessage(() => {
  stopped = true;
});

async function inPages(): Promise<number> {
  const gate = await createGate({ activate: "never", store });
  let after: string | undefined;
  let events = 0;
  tell("reads");
  while (!stopped) {
    const page = await gate.audit.events({ limit: 50, ...(after === undefined ? {} : { after }) });
    for (const { seq } of page.items) {
      events += 1;
      if (seq !== events) throw new Error(`event ${seq} stands at place ${events}`);
    }
    after = page.items.at(-1)?.seq.toString() ?? after;
    await sleep(PAUSE_MS);
  }
  await gate.close();
  return events;
}

async function inOneTransaction(): Promise<number> {
  const Database = await loadDriver();
  const connection = new Database(store, { timeout: 5_000, fileMustExist: true });
  connection.exec("BEGIN");
  const { events } = connection.prepare("SELECT count(*) AS events FROM events").get() ?? {};
  tell("reads");
  while (!stopped) await sleep(PAUSE_MS);
  connection.exec("ROLLBACK");
  connection.close();
  return Number(events);
}

const read = how === "naive" ? await inOneTransaction() : await inPages();
tell({ ended: read });
process.disconnect();
