import type { AdmittedJob, Dispatch } from "dispatch-gate";
import type { Desk } from "./desk.js";
import type { Runner } from "./runner.js";
import type { Workspace } from "./workspace.js";

/** What an agent may ask for. Topic and tags are the host's word: nothing a model says changes them. */
export interface Tool {
  readonly topic: string;
  readonly riskTags: readonly string[];
  /** Acts on the job that it is handed, and on nothing else. */
  readonly dispatch: Dispatch;
}

/** The name of a tool, which is also the name of its dispatcher. */
export type ToolName =
  | "read-tickets"
  | "update-ticket"
  | "search-tickets"
  | "build-report"
  | "import-customers"
  | "delete-workspace"
  | "fetch-file";

const REPORT = new URL("./children/report.mjs", import.meta.url);
const IMPORT = new URL("./children/import.mjs", import.meta.url);

/** The tools of the drill, on the real things. */
export function createTools(desk: Desk, workspace: Workspace, runner: Runner): Readonly<Record<ToolName, Tool>> {
  return {
    "read-tickets": {
      topic: "job.mcp-bridge.read.list_tickets",
      riskTags: [],
      dispatch: () => desk.list().map(({ id, status }) => ({ id, status })),
    },
    "update-ticket": {
      topic: "job.mcp-bridge.write.update_ticket",
      riskTags: ["prod"],
      dispatch: (job) =>
        desk.update(textOf(job, "ticket"), { status: textOf(job, "status"), resolution: textOf(job, "resolution") }),
    },
    "search-tickets": {
      topic: "job.mcp-bridge.read.search_tickets",
      riskTags: [],
      dispatch: (job) => desk.search(textOf(job, "words")).map(({ id }) => id),
    },
    "build-report": {
      topic: "job.agent.exec.build_report",
      riskTags: ["medium"],
      dispatch: (_job, { signal }) => runner.run(REPORT, workspace.folder, signal),
    },
    "import-customers": {
      topic: "job.agent.exec.import_customers",
      riskTags: ["medium"],
      dispatch: (_job, { signal }) => runner.run(IMPORT, workspace.folder, signal),
    },
    "delete-workspace": {
      topic: "job.agent.exec.delete_workspace",
      riskTags: ["medium", "destructive"],
      dispatch: () => workspace.destroy(),
    },
    "fetch-file": {
      topic: "job.mcp-bridge.read.fetch_file",
      riskTags: [],
      dispatch: (job) => workspace.read(textOf(job, "file")),
    },
  };
}

/** A text of the payload, which is the agent's word and may be anything. */
function textOf({ payload }: AdmittedJob, key: string): string {
  const fields = new Map(Object.entries(payload ?? {}));
  const value: unknown = fields.get(key);
  if (typeof value !== "string") throw new TypeError(`the payload must have the text \`${key}\``);
  return value;
}
