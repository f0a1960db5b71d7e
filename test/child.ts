import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";

/** The file of a program in `test/children`, as the run has bundled it. */
export function childFile(name: string): string {
  const { CHILDREN } = process.env;
  if (CHILDREN === undefined) throw new TypeError("the run has bundled no programs");
  return join(CHILDREN, `${name}.mjs`);
}

/** Starts one as a real process of its own. Whoever starts it MUST end it. */
export function forkChild(name: string, args: readonly string[]): ChildProcess {
  return fork(childFile(name), args, { execArgv: ["--enable-source-maps"] });
}
