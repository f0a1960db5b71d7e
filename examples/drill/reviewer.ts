import { createInterface } from "node:readline/promises";
import type { Approval } from "dispatch-gate";
import { inked, type Printer } from "./print.js";

/** What a reviewer decides. */
export interface Verdict {
  readonly vote: "approve" | "reject";
  readonly note: string;
}

/** Looks at a request and decides. */
export type Reviewer = (approval: Approval) => Promise<Verdict>;

/** Who reviews: known to the host, and not the one who asked. */
export const REVIEWER = { id: "rosa@example.com", kind: "human", roles: ["support-lead"] } as const;

/** The note of the scripted review. */
const NOTE = "approved after policy review";

/** Shows the request, and approves. */
export function createScriptedReviewer(print: Printer): Reviewer {
  return async (approval) => {
    show(print, approval);
    return { vote: "approve", note: NOTE };
  };
}

/** Shows the request, and asks the person at the terminal. Whoever goes away without an answer has not approved. */
export function createTerminalReviewer(print: Printer): Reviewer {
  return async (approval) => {
    show(print, approval);
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    const gone = new Promise<string>((resolve) => terminal.once("close", () => resolve("reject the reviewer left")));
    try {
      for (;;) {
        const answer = await Promise.race([terminal.question("approve or reject, with a note if you like: "), gone]);
        const verdict = readVerdict(answer);
        if (verdict !== undefined) return verdict;
        print.line("type `approve` or `reject`");
      }
    } finally {
      terminal.close();
    }
  };
}

function readVerdict(answer: string): Verdict | undefined {
  const [vote, ...words] = answer.trim().split(/\s+/);
  if (vote !== "approve" && vote !== "reject") return undefined;
  return { vote, note: words.join(" ") || `${vote === "approve" ? "approved" : "rejected"} at the terminal` };
}

/** All that an approval is bound to, read back from the very bytes that would run. */
function show(print: Printer, approval: Approval): void {
  const { job, decision, jobHash, snapshot, dispatcher, requirements, expiresAt } = approval;
  const quorum = requirements.map(({ ruleId, quorum }) => `${quorum} for rule ${ruleId}`).join(", ");
  const rows: readonly (readonly [name: string, value: string])[] = [
    ["asked by", job?.actor == null ? "nobody named" : `${job.actor.id} for ${job.actor.onBehalfOf ?? "itself"}`],
    ["to do", `${job?.topic} with ${dispatcher}`],
    ["risk tags", job?.riskTags.join(", ") ?? ""],
    ["payload", JSON.stringify(job?.payload ?? null)],
    ["held because", decision.reason],
    ["approvers", quorum],
    ["job hash", jobHash],
    ["policy", snapshot],
    ["open until", new Date(expiresAt).toISOString()],
  ];
  print.line(inked("strong", "    what the reviewer sees"));
  for (const [name, value] of rows) print.line("    ", inked("faint", name.padEnd(14)), value);
}
