import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach } from "vitest";
import { main } from "../../src/cli/main.js";
import type { JsonObject } from "../../src/outcome.js";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** Runs when the test has ended, the last one first. */
export function afterwards(end: () => unknown): void {
  endings.push(end);
}

/** A folder with these files in it, removed after the test. */
export function folderOf(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-cli-"));
  endings.push(() => rmSync(folder, { recursive: true, force: true }));
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
}

/** Runs one command line in this process. */
export async function run(where: Where, ...args: readonly string[]): Promise<Ran> {
  const { cwd, stdin = "", env = {}, isTTY = false } = where;
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
  const code = await main(args, { cwd, stdout: sink("out"), stderr: sink("err"), stdin: input(), env });
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
