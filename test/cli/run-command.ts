import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { main } from "../../src/cli/main.js";
import type { JsonObject } from "../../src/outcome.js";
import { afterwards } from "../endings.js";

/** A folder with these files in it, removed after the test. */
export function folderOf(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-cli-"));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** What a command line did. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Where a command line runs. */
export interface Where {
  readonly cwd: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
  /** Until when a command goes on that would not end by itself. Default: no longer than its start. */
  readonly interrupted?: Promise<void>;
}

/** Runs one command line in this process. */
export async function run(where: Where, ...args: readonly string[]): Promise<Ran> {
  const { cwd, stdin = "", env = {}, isTTY = false, interrupted = Promise.resolve() } = where;
  const written = { out: "", err: "" };
  const sink = (to: "out" | "err") => ({
    isTTY,
    write: (text: string) => {
      written[to] += text;
    },
  });
  const input = async function* (): AsyncGenerator<string> {
    yield stdin;
  };
  const code = await main(args, {
    ...{ cwd, env },
    ...{ stdout: sink("out"), stderr: sink("err"), stdin: input() },
    interrupted: () => interrupted,
  });
  return { code, ...written };
}

/** Runs one with `--json`: its exit code and its one document. */
export async function runJson(
  where: Where,
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly document: JsonObject }> {
  const { code, out, err } = await run(where, ...args, "--json");
  if (err !== "") throw new Error(`something stands on standard error: ${err}`);
  return { code, document: JSON.parse(out) as JsonObject };
}
