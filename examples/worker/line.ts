import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { PublicJwk } from "dispatch-gate";
import type { Answer } from "./worker.js";

/** The line to a worker process. It carries what it is given: that work has a permit is for the worker to see. */
export interface Line {
  readonly send: (job: unknown, token?: unknown) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

/** Starts a worker that takes permits of one gate. */
export function openLine(key: PublicJwk): Line {
  const child = fork(fileURLToPath(new URL("./worker.ts", import.meta.url)), {
    env: { ...process.env, PERMIT_KEY: JSON.stringify(key) },
  });
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  let sent = 0;
  child.on("message", (answer: Answer) => {
    waiting.get(answer.number)?.resolve(answer);
    waiting.delete(answer.number);
  });
  child.once("exit", () => {
    // What it was at may have happened: not an error without effect.
    for (const { reject } of waiting.values()) reject(new Error("the worker ended before it answered"));
    waiting.clear();
  });
  return {
    send: (job, token) =>
      new Promise((resolve, reject) => {
        sent += 1;
        waiting.set(sent, { resolve, reject });
        child.send({ number: sent, job, token }, (error) => {
          if (error !== null) reject(error);
        });
      }),
    close: async () => {
      const ended = child.exitCode === null ? once(child, "exit") : undefined;
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
