import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { createGate, type Dispatch, type Gate, type Json, type Outcome } from "dispatch-gate";
import { type Desk, openDesk } from "./desk.js";
import type { Printer } from "./print.js";
import type { Reviewer } from "./reviewer.js";
import { createRunner, type Runner } from "./runner.js";
import { createTools, type ToolName } from "./tools.js";
import { createWorkspace, type Workspace } from "./workspace.js";

/** Where the drill takes place: real things in one folder, and the gate before them. */
export interface Site {
  readonly gate: Gate;
  /** The files of the gate and of the desk, for looking past both. */
  readonly gatePath: string;
  readonly deskPath: string;
  readonly workspace: Workspace;
  readonly runner: Runner;
  /** The one trace id of all steps. */
  readonly traceId: string;
  /** Submits a job of the agent. What the job is comes from the tool; the agent says only the payload. */
  readonly submit: (id: string, tool: ToolName, payload?: Json) => Promise<Outcome>;
  readonly review: Reviewer;
  readonly print: Printer;
  readonly close: () => Promise<void>;
}

/** What a site is made of. */
export interface SiteOptions {
  readonly folder: string;
  readonly policy: string;
  readonly runner?: Runner;
  readonly print: Printer;
  readonly review: Reviewer;
}

const AGENT = { id: "support-agent", type: "agent", onBehalfOf: "ana@example.com" } as const;

/** Sets the site up in an empty folder. */
export async function openSite({ folder, policy, runner = createRunner(), print, review }: SiteOptions): Promise<Site> {
  const gatePath = join(folder, "gate.db");
  const deskPath = join(folder, "tickets.db");
  const workspace = createWorkspace(join(folder, "workspace"));
  const desk = await openDesk(deskPath);
  const tools = createTools(desk, workspace, runner);
  const dispatchers: Readonly<Record<string, Dispatch>> = Object.fromEntries(
    Object.entries(tools).map(([name, { dispatch }]) => [name, dispatch]),
  );
  const traceId = randomBytes(16).toString("hex");
  const gate = await openGate(desk, { policy, store: gatePath, dispatchers });

  return {
    gate,
    gatePath,
    deskPath,
    workspace,
    runner,
    traceId,
    submit: (id, tool, payload = null) => {
      const { topic, riskTags } = tools[tool];
      return gate.evaluateAndDispatch(
        { id, traceId, tenantId: "default", actor: AGENT, topic, riskTags, payload },
        tool,
      );
    },
    review,
    print,
    close: async () => {
      await gate.close();
      desk.close();
    },
  };
}

async function openGate(desk: Desk, options: Parameters<typeof createGate>[0]): Promise<Gate> {
  try {
    return await createGate(options);
  } catch (error) {
    desk.close();
    throw error;
  }
}
