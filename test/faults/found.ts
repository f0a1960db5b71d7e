import { FaultFound } from "./row.js";

/** What a check says of a case is a fault of that case; what else goes wrong in a row is none, and MUST NOT pass for one. */
export async function found<Answer>(number: number, check: () => Answer | Promise<Answer>): Promise<Answer> {
  try {
    return await check();
  } catch (error) {
    throw new FaultFound(number, error instanceof Error ? error.message : String(error));
  }
}

/** What a control found, or the first of it. Rejects where it found nothing, and where it could not be run at all. */
export async function controlFound(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    if (error instanceof FaultFound) return error.message.split("\n").slice(0, 2).join("\n");
    throw error;
  }
  throw new Error("the control did not break");
}
