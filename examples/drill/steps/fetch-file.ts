import { existsSync, readFileSync } from "node:fs";
import { type Outcome, toModelText } from "dispatch-gate";
import { compare, type Fact, type Result, together } from "../check.js";
import type { Site } from "../site.js";
import { NOTES } from "../workspace.js";

/** A file with a key in it is released without the key. */
export async function fetchFile(site: Site): Promise<readonly Result[]> {
  const outcome = await site.submit("fetch-file", "fetch-file", { file: NOTES });
  const disk = together(
    keyStays(site),
    restIsIn(outcome),
    keyIsNotIn("the answer", site, released(outcome)),
    keyIsNotKept(site),
  );
  return [compare("fetch a file with a key", "ALLOW → SUCCEEDED (allow-low-risk-read)", outcome, disk)];
}

/** Without this an answer that holds nothing at all would look as if it were redacted. */
function restIsIn(outcome: Outcome): Fact {
  const text = outcome.status === "SUCCEEDED" ? String(outcome.output) : "";
  const kinds = "findings" in outcome ? outcome.findings.map(({ kind }) => kind).join(", ") : "";
  const ok = text.includes("Deploy on Mondays") && text.includes("Ask Rosa first") && kinds !== "";
  return { found: ok ? `redacted (${kinds})` : "not redacted", ok };
}

/** Everything that leaves: the outcome whole, and what a model is told. */
function released(outcome: Outcome): string {
  return `${JSON.stringify(outcome)}\n${toModelText(outcome)}`;
}

function keyStays({ workspace }: Site): Fact {
  const there = workspace.has(NOTES) && workspace.read(NOTES).includes(workspace.plantedKey);
  return { found: `the key is ${there ? "still" : "not"} in the file`, ok: there };
}

/** Holds a text against the planted key. */
function keyIsNotIn(where: string, { workspace }: Pick<Site, "workspace">, text: string): Fact {
  const leaked = text.includes(workspace.plantedKey);
  return { found: `${leaked ? "IN" : "not in"} ${where}`, ok: !leaked };
}

/** The gate's own file, with what is not yet moved into it. */
function keyIsNotKept(site: Site): Fact {
  const files = [site.gatePath, `${site.gatePath}-wal`].filter((path) => existsSync(path));
  return keyIsNotIn("gate.db", site, files.map((path) => readFileSync(path, "latin1")).join("\n"));
}
