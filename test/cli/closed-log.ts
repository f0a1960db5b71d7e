import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { timelineText } from "dispatch-gate";
import { evidenced } from "../gate/evidenced.js";
import { freshFolder } from "../gate/open.js";

/** The log of a gate that was closed, alone in a folder as `dispatch-gate.db`, and what was known of it. */
export interface ClosedLog {
  readonly cwd: string;
  /** The timeline of the trace `t-1`, as text. */
  readonly text: string;
  readonly key: string;
  /** A job of that trace. */
  readonly jobId: string;
}

/** Makes one that has all that a trace can have. */
export async function closedLog(): Promise<ClosedLog> {
  const { gate, file, approved: jobId } = await evidenced();
  const text = timelineText(await gate.audit.timeline("t-1"));
  const { key } = gate.audit;
  await gate.close();
  const cwd = freshFolder();
  for (const end of ["", ".key"]) copyFileSync(`${file}${end}`, join(cwd, `dispatch-gate.db${end}`));
  return { cwd, text, key, jobId };
}
