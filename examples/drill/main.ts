import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Arguments, readArguments, USAGE } from "./arguments.js";
import { isRight, type Result } from "./check.js";
import { checkEvidence } from "./evidence.js";
import { createPrinter, inked, type Printer, showsColours } from "./print.js";
import { createScriptedReviewer, createTerminalReviewer } from "./reviewer.js";
import { createRunner } from "./runner.js";
import { openSite, type Site } from "./site.js";
import { deleteWorkspace } from "./steps/delete-workspace.js";
import { fetchFile } from "./steps/fetch-file.js";
import { flood } from "./steps/flood.js";
import { readTickets } from "./steps/read-tickets.js";
import { runCommands } from "./steps/run-commands.js";
import { updateTicket } from "./steps/update-ticket.js";
import { printSummary } from "./summary.js";
import { printTimeline } from "./timeline.js";

type Step = readonly [title: string, run: (site: Site) => Promise<readonly Result[]>];

const STEPS: readonly Step[] = [
  ["Read the tickets", readTickets],
  ["Update a ticket in production", updateTicket],
  ["Run commands under constraints", runCommands],
  ["Try to delete the workspace", deleteWorkspace],
  ["Flood the ticket search", flood],
  ["Fetch a file with a key in it", fetchFile],
];

/** Codes of the process: all as expected, something differs, the drill could not be held. */
const EXIT = { right: 0, differs: 1, impossible: 2 } as const;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readArguments(args);
    if (!options.help) return await holdDrill(options);
    process.stdout.write(`${USAGE}\n`);
    return EXIT.right;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const complain = createPrinter((text) => process.stderr.write(text), false);
    for (const line of message.split("\n")) complain.line(line);
    return EXIT.impossible;
  }
}

async function holdDrill({ interactive, keep, json, policy }: Arguments): Promise<number> {
  if (interactive && !(process.stdin.isTTY && process.stdout.isTTY)) throw new Error("--interactive needs a terminal");
  const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-drill-"));
  const runner = createRunner();
  cleanUpOnExit(() => {
    runner.endAll();
    if (!keep) rmSync(folder, { recursive: true, force: true });
  });
  const show = (text: string): void => void process.stdout.write(text);
  const print = createPrinter(json ? () => undefined : show, showsColours(process.stdout, process.env));
  const review = interactive ? createTerminalReviewer(print) : createScriptedReviewer(print);
  const site = await openSite({ folder, policy, runner, print, review });
  try {
    print.line(inked("strong", "A controlled drill"), inked("faint", ` in ${folder}${keep ? " (kept)" : ""}`));
    const steps = await takeSteps(site);
    const timeline = await site.gate.audit.timeline(site.traceId);
    printTimeline(print, timeline);
    const results = [...steps, ...(await checkEvidence(site, timeline))];
    printSummary(print, results);
    if (json) process.stdout.write(`${JSON.stringify({ folder: keep ? folder : null, results })}\n`);
    return results.every(isRight) ? EXIT.right : EXIT.differs;
  } finally {
    await site.close();
  }
}

async function takeSteps(site: Site): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const [index, [title, run]] of STEPS.entries()) {
    site.print.line();
    site.print.line(inked("strong", `${index + 1} ${title}`));
    const found = await run(site).catch((error: unknown) => [failed(title, error)]);
    for (const result of found) printResult(site.print, result);
    results.push(...found);
  }
  return results;
}

/** A step that throws has not shown what it is for. */
function failed(title: string, error: unknown): Result {
  const got = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { step: title, expected: "a step that ends", got, disk: { found: "not looked at", ok: false } };
}

function printResult({ line }: Printer, result: Result): void {
  line("    ", inked(isRight(result) ? "good" : "bad", result.got));
  line("    ", inked("faint", `on disk: ${result.disk.found}`));
}

/** Also when somebody interrupts the drill: nothing stays behind, neither a folder nor a process. */
function cleanUpOnExit(cleanUp: () => void): void {
  process.once("exit", cleanUp);
  // Listened to until the end: a second signal must not end the process while it cleans up.
  process.on("SIGINT", () => process.exit(130));
  process.on("SIGTERM", () => process.exit(143));
}
