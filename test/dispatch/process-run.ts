import type { DispatchContext } from "../../src/dispatch/dispatcher.js";
import type { Command } from "../../src/dispatch/process/run-command.js";
import type { Constraints } from "../../src/outcome.js";
import { admitted } from "../policy/job.js";

/** The job of every run. */
export const JOB = admitted({ topic: "job.run", payload: { word: "from the job" } });

/** All of a context that the process dispatcher looks at. */
export function contextOf(
  constraints: Constraints,
  signal: AbortSignal = new AbortController().signal,
): DispatchContext {
  return { constraints, signal } as Partial<DispatchContext> as DispatchContext;
}

/** A command started as bubblewrap is, past the dispatcher's own plan. */
export function asSandboxed(argv: readonly string[]): Command {
  return {
    argv,
    sandboxed: true,
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
    stdin: null,
    maxOutputBytes: 1_000,
    killAfterMs: 0,
    signal: new AbortController().signal,
  };
}
