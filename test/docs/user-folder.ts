import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A folder as a user has it: the package in it is the built one. `scopes`: what else is installed there, as here. */
export function userFolder(scopes: readonly string[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/dispatch-gate"), "dir");
  for (const scope of scopes)
    symlinkSync(join(root, "node_modules", scope), join(folder, "node_modules", scope), "dir");
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a program of TypeScript in such a folder. */
export function runProgram(folder: string, code: string): { status: number | null; stdout: string; stderr: string } {
  writeFileSync(join(folder, "main.mts"), code);
  const tsx = fileURLToPath(import.meta.resolve("tsx"));
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", tsx, "main.mts"], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}
