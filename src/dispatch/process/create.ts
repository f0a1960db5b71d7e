import { NoEffectError } from "../../errors.js";
import type { Constraints } from "../../outcome.js";
import type { Dispatch } from "../dispatcher.js";
import type { Enforcer } from "../enforcer.js";
import { type Bubblewrap, bubblewrapArguments, findBubblewrap, systemMounts } from "./bubblewrap.js";
import { checkArgv, DEFAULT_SYSTEM, type ProcessOptions, readOptions, type Settings } from "./options.js";
import { type Baseline, heldBy, planRun } from "./plan.js";
import type { ProcessResult } from "./result.js";
import { type Command, runCommand } from "./run-command.js";

/** A dispatch function that runs a command, and what it can be trusted to hold the command to. */
export interface ProcessDispatcher {
  readonly dispatch: Dispatch<ProcessResult>;
  /** Who holds it to `paths` and `network`. Empty where there is no sandbox, or none was asked for. */
  readonly enforcers: readonly Enforcer[];
  /** Whether commands run in bubblewrap. */
  readonly sandboxed: boolean;
}

/**
 * Makes a dispatcher that runs one command a job. The sandbox is tried before anything is promised: where it does not
 * work nothing is enforced, so the gate refuses jobs under path and network limits. Throws a `TypeError` for options that
 * cannot be, and an `Error` where `sandbox` is `required` and does not work.
 */
export async function createProcessDispatcher(options: ProcessOptions): Promise<ProcessDispatcher> {
  const settings = readOptions(options);
  const bubblewrap =
    settings.sandbox === "none" ? null : await findBubblewrap(settings.bubblewrap, systemMounts(DEFAULT_SYSTEM));
  if (bubblewrap !== null) return sandboxed(settings, bubblewrap);
  if (settings.sandbox !== "required") return plain(settings);
  throw new Error("the sandbox does not work here: install bubblewrap, and allow it to make user namespaces");
}

function sandboxed(settings: Settings, bubblewrap: Bubblewrap): ProcessDispatcher {
  const baseline: Baseline = Object.freeze({ system: systemMounts(settings.system), network: settings.network });
  const enforcer: Enforcer = Object.freeze({
    name: "process",
    enforces: (constraints: Constraints) => heldBy(planRun(constraints, baseline), constraints),
  });
  const dispatch: Dispatch<ProcessResult> = async (job, { constraints, signal }) => {
    const argv = settings.command(job);
    checkArgv(argv);
    // Made anew: the file system may have changed since the gate asked what would be held.
    const { mounts, network } = planRun(constraints, baseline);
    if (mounts === null) throw notHeld("paths");
    if (network === null) throw notHeld("network");
    const inside = bubblewrapArguments(bubblewrap, { mounts, network, cwd: settings.cwd }, argv);
    return runCommand({
      argv: [bubblewrap.path, ...inside],
      sandboxed: true,
      ...outside(settings, settings.stdin?.(job), signal),
    });
  };
  return Object.freeze({ dispatch, enforcers: Object.freeze([enforcer]), sandboxed: true });
}

function plain(settings: Settings): ProcessDispatcher {
  const dispatch: Dispatch<ProcessResult> = async (job, { constraints, signal }) => {
    const argv = settings.command(job);
    checkArgv(argv);
    // With `none` the host has said that somebody else holds them.
    if (settings.sandbox !== "none") {
      if (constraints.paths !== undefined) throw notHeld("paths");
      if (constraints.network !== undefined) throw notHeld("network");
    }
    return runCommand({ argv, sandboxed: false, ...outside(settings, settings.stdin?.(job), signal) });
  };
  return Object.freeze({ dispatch, enforcers: Object.freeze([]), sandboxed: false });
}

/** What is the same in and out of a sandbox. */
function outside(settings: Settings, stdin: unknown, signal: AbortSignal): Omit<Command, "argv" | "sandboxed"> {
  const { cwd, env, maxOutputBytes, killAfterMs } = settings;
  if (stdin !== undefined && typeof stdin !== "string" && !(stdin instanceof Uint8Array)) {
    throw new TypeError("`stdin` must return a string or bytes");
  }
  return { cwd, env, stdin: stdin ?? null, maxOutputBytes, killAfterMs, signal };
}

function notHeld(key: "paths" | "network"): NoEffectError {
  return new NoEffectError(`the limits on \`${key}\` cannot be held here: the command was not started`);
}
