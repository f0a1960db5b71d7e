import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { inFreshFolder } from "./fresh-folder.js";
import { unmount } from "./loop-disk.js";

const call = promisify(execFile);

/** A file system in memory with so much room and no more. */
export interface SmallDisk {
  readonly folder: string;
  /** Gives it so much more room that everything fits: a file that only took room is removed. */
  readonly free: () => Promise<void>;
  readonly unmount: () => Promise<void>;
}

/** Bytes that {@link SmallDisk.free} frees. */
const BALLAST = 32 * 1_048_576;

/** Mounts one with `room` bytes, in pages of 4 KiB. It MUST be unmounted. */
export async function mountSmallDisk(folder: string, room: number): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true });
  await call("mount", ["-t", "tmpfs", "-o", `size=${BALLAST + room}`, "dispatch-gate", folder]);
  const ballast = join(folder, "ballast");
  await writeFile(ballast, Buffer.alloc(BALLAST));
  return { folder, free: () => rm(ballast), unmount: () => unmount(folder) };
}

/** What is missing here for such disks; null: nothing is. */
export async function missingForSmallDisks(): Promise<string | null> {
  if (process.platform !== "linux") return "needs Linux: its tmpfs";
  if (process.getuid?.() !== 0) return "needs root to mount";
  return inFreshFolder(async (scratch) => {
    try {
      const disk = await mountSmallDisk(join(scratch, "try"), 4_096);
      await disk.unmount();
      return null;
    } catch (error) {
      return `cannot mount a tmpfs: ${String((error as Error).message)
        .trim()
        .split("\n")
        .at(-1)}`;
    }
  });
}
