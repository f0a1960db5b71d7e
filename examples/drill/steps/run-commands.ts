import { compare, type Fact, type Result } from "../check.js";
import { isGoneWithin } from "../runner.js";
import type { Site } from "../site.js";

/** A command that takes too long is ended; one that states it did nothing is tried again. */
export async function runCommands(site: Site): Promise<readonly Result[]> {
  return [await endOnTime(site), await tryAgain(site)];
}

async function endOnTime({ submit, runner, workspace }: Site): Promise<Result> {
  const outcome = await submit("build-report", "build-report");
  const pid = runner.runs.at(-1)?.pid;
  const gone = pid !== undefined && (await isGoneWithin(pid, 2_000));
  return compare("a command over its time", "ALLOW_WITH_CONSTRAINTS → TIMED_OUT (constrain-medium-risk)", outcome, {
    found: `process ${pid ?? "none"} is ${gone ? "gone" : "there"}, ${thereOrNot(workspace.has("report.txt"))} report`,
    ok: gone && !workspace.has("report.txt"),
  });
}

async function tryAgain({ submit, runner, workspace }: Site): Promise<Result> {
  const before = runner.runs.length;
  // Another import holds the lock until ours has looked once.
  workspace.lock();
  runner.afterNextExit(() => workspace.unlock());
  const outcome = await submit("import-customers", "import-customers");
  const codes = runner.runs.slice(before).map(({ exitCode }) => exitCode());
  const disk: Fact = {
    found: `exit codes ${codes.join(", ")}; ${thereOrNot(workspace.has("imported.txt"))} import`,
    ok: codes.join() === "75,0" && workspace.has("imported.txt"),
  };
  return compare("a command tried again", "ALLOW_WITH_CONSTRAINTS → SUCCEEDED (constrain-medium-risk)", outcome, disk);
}

function thereOrNot(isThere: boolean): string {
  return isThere ? "one" : "no";
}
