#!/usr/bin/env node
import { main } from "./cli/main.js";

const { stdout, stderr, stdin, env } = process;

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

let lost = false;
for (const stream of [stdout, stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever reads may stop before the end (`| head`), and the answer stays what it is. Any other failure loses a report.
    if (error.code === "EPIPE") return;
    lost = true;
    process.exitCode = 2;
  });
}

/** The first signal asks; a second one ends the process as it would have without us. */
const interrupted = (): Promise<void> =>
  new Promise((resolve) => {
    const asked = (): void => {
      for (const signal of SIGNALS) process.off(signal, asked);
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, asked);
  });

// The code is set, not exited with: what was written to a pipe is still on its way.
void main(process.argv.slice(2), { cwd: process.cwd(), stdout, stderr, stdin, env, interrupted }).then((code) => {
  process.exitCode = lost ? 2 : code;
});
