import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Gate } from "dispatch-gate";
import { freshFolder, open, rules } from "./open.js";

const RULES = rules(`- id: ask
  match: { topics: ["write.*"] }
  decision: require_approval
  reason: a person looks at writes
- id: read
  match: { topics: ["read.*"] }
  decision: allow_with_constraints
  constraints: { max_runtime_sec: 30, max_retries: 1 }
- id: leak
  match: { topics: ["leak.*"] }
  decision: allow`);

const OUTPUTS = `outputs:
  - { id: hold, match: { topics: ["leak.*"] }, detect: [secrets], action: quarantine }
`;

/** Words that are private wherever they stand. */
export const PRIVATE = { payload: "the payload of a job", output: "the output of a job", note: "the note of a person" };

// Put together here, so that no complete key stands in the source.
const KEY = `AKIA${"IOSFODNN7"}${"EXAMPLE"}`;

/** A log with all that a trace can have, the gate that wrote it, and a folder for what is written of it. */
export interface Evidenced {
  readonly gate: Gate;
  readonly folder: string;
  readonly file: string;
  /** A job that was approved and ran, of the trace `t-1`. */
  readonly approved: string;
}

/** A gate whose log has approvals, an output withheld and released, refusals and an erasure. */
export async function evidenced(): Promise<Evidenced> {
  const folder = freshFolder();
  const file = join(folder, "gate.db");
  const dispatch = (job: { readonly topic: string }): unknown =>
    job.topic.startsWith("leak") ? { key: KEY } : { said: PRIVATE.output };
  const policy = { yaml: `${RULES.yaml}${OUTPUTS}` };
  const gate = await open({ policy, store: file, dispatch, origin: "example.com/log" });
  const of = { traceId: "t-1", actor: { id: "bot", type: "agent", onBehalfOf: "cy" } } as const;
  const payload = { text: PRIVATE.payload };
  const held = await gate.evaluateAndDispatch({ ...of, topic: "write.file", payload });
  await gate.approvals.approve({ jobId: held.jobId ?? "" }, { by: { id: "ann" }, note: PRIVATE.note });
  await gate.resume(held.jobId ?? "");
  const rejected = await gate.evaluateAndDispatch({ ...of, topic: "write.other" });
  await gate.approvals.reject({ jobId: rejected.jobId ?? "" }, { by: { id: "ann" } });
  const leaked = await gate.evaluateAndDispatch({ ...of, topic: "leak.key" });
  const id = leaked.status === "QUARANTINED" ? leaked.quarantineId : "";
  const shown = await gate.outputs.get(id);
  await gate.outputs.release(id, { by: { id: "ann" }, view: shown?.view ?? "", note: PRIVATE.note });
  await gate.evaluateAndDispatch({ ...of, topic: "nobody.knows" });
  const erased = await gate.evaluateAndDispatch({ traceId: "t-2", topic: "read.file", payload });
  await gate.erase(erased.jobId ?? "", { by: "dpo" });
  await gate.audit.checkpoint();
  await gate.evaluateAndDispatch({ traceId: "t-2", topic: "read.more" });
  return { gate, folder, file, approved: held.jobId ?? "" };
}

/** Changes the text of one file. */
export function edit(folder: string, name: string, change: (text: string) => string): void {
  const before = readFileSync(join(folder, name), "utf8");
  writeFileSync(join(folder, name), change(before));
}

/** Everything in a folder, as one text. */
export function everythingIn(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "latin1")).join("\n");
}
