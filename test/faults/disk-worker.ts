import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Setup } from "./children/disk.js";
import { createWitness, type Heard, type Said } from "./witness.js";

/** A process with a gate of its own that works when it is asked to. */
export interface DiskWorker {
  readonly said: readonly Heard[];
  /** Resolves when it has opened its store, or has been refused so often that it will not for now; answers which. */
  readonly opened: (tries: number) => Promise<boolean>;
  /** Asks for so many rounds; answers what was said meanwhile. Rejects where the process ends. */
  readonly work: (rounds: number) => Promise<readonly Heard[]>;
  /** Asks for rounds until one of them had what is looked for; false where none had in time. */
  readonly until: (isOne: (said: Said) => boolean, waitMs: number) => Promise<boolean>;
  /** Kills it, and resolves when all that it said was heard. */
  readonly kill: () => Promise<void>;
}

const isOpened = ({ kind }: Said): boolean => kind === "opened";
const isRefusal = (said: Said): boolean => said.kind === "failed" && said.what === "open";

export function startDiskWorker(child: string, setup: Setup): DiskWorker {
  const witness = createWitness();
  const started: ChildProcess = spawn(process.execPath, [child, JSON.stringify(setup)], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  witness.listen(started);
  let asked = 0;
  const work = async (rounds: number): Promise<readonly Heard[]> => {
    const before = witness.said.length;
    asked += 1;
    started.send({ rounds });
    if (!(await witness.heard(({ kind }) => kind === "done", asked))) throw new Error("the process has ended");
    return witness.said.slice(before);
  };
  return {
    said: witness.said,
    opened: async (tries) => {
      const refused = witness.said.filter(isRefusal).length;
      const settled = (said: Said): boolean => isOpened(said) || isRefusal(said);
      while (!witness.said.some(isOpened) && witness.said.filter(isRefusal).length < refused + tries) {
        const heard = await witness.heard(settled, witness.said.filter(settled).length + 1);
        if (!heard) throw new Error("the process has ended");
      }
      return witness.said.some(isOpened);
    },
    work,
    until: async (isOne, waitMs) => {
      const end = performance.now() + waitMs;
      while (performance.now() < end) {
        if ((await work(1)).some(isOne)) return true;
        await sleep(50);
      }
      return false;
    },
    kill: async () => {
      started.kill("SIGKILL");
      await witness.ended();
    },
  };
}
