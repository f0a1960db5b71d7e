import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { monotonicNow } from "./witness.js";

const call = promisify(execFile);

/** A disk of its own: an ext4 file system in a file, which power can be taken from. */
export interface LoopDisk {
  /** Where it is mounted. */
  readonly folder: string;
  readonly mount: () => Promise<void>;
  readonly unmount: () => Promise<void>;
  readonly armPower: () => Promise<PowerSwitch>;
  /** An error that the file system finds in itself: it is read-only from then on, also for files that are open. */
  readonly turnReadOnly: () => Promise<void>;
  /** The same on request, as an administrator does it; the system refuses where a file is open for writing. */
  readonly remount: (as: "ro" | "rw") => Promise<void>;
}

/** Ready to be thrown at once. */
export interface PowerSwitch {
  /**
   * From here on nothing reaches the disk, and what only stood in memory is gone: what an `fsync` did not answer for. Answers
   * when that began. What a process is told later says nothing: with no power there would be no process, and the kernel may
   * answer a write that was under way as if it had been done.
   */
  readonly cut: () => Promise<number>;
}

/** What is missing here for such disks; null: nothing is. */
export async function missingForLoopDisks(scratch: string): Promise<string | null> {
  if (process.platform !== "linux") return "needs Linux: its loop devices and ext4";
  if (process.getuid?.() !== 0) return "needs root to mount";
  for (const [tool, of] of [
    ["mkfs.ext4", "e2fsprogs"],
    ["perl", "perl-base"],
  ] as const) {
    const found = await call("sh", ["-c", `command -v ${tool}`]).catch(() => null);
    if (found === null) return `needs \`${tool}\` (Debian's ${of})`;
  }
  const disk = await makeDisk(await emptyImage(scratch), join(scratch, "try"));
  try {
    await disk.mount();
    await disk.unmount();
    return null;
  } catch (error) {
    return `cannot mount a loop device: ${String((error as Error).message)
      .trim()
      .split("\n")
      .at(-1)}`;
  }
}

/** Bytes: room for what a case writes before power is cut. */
const SIZE = 64 * 1_048_576;

/** The image of an empty disk, to be copied for each case: making one anew takes ten times as long. */
export async function emptyImage(scratch: string): Promise<string> {
  const image = join(scratch, "empty.img");
  await writeFile(image, "");
  await truncate(image, SIZE);
  await call("mkfs.ext4", ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image]);
  return image;
}

/** A fresh disk, a copy of an image. It is not mounted yet, and MUST be unmounted by whoever mounts it. */
export async function makeDisk(image: string, place: string): Promise<LoopDisk> {
  const [own, folder] = [`${place}.img`, `${place}.mounted`];
  await rm(own, { force: true });
  await mkdir(folder, { recursive: true });
  // Sparse stays sparse.
  await call("cp", ["--sparse=always", image, own]);
  return {
    folder,
    mount: async () => {
      await call("mount", ["-o", "loop,errors=remount-ro", own, folder]);
    },
    unmount: () => unmount(folder),
    armPower: () => armPower(folder),
    turnReadOnly: async () => {
      const { stdout } = await call("findmnt", ["-n", "-o", "SOURCE", folder]);
      await writeFile(`/sys/fs/ext4/${stdout.trim().replace("/dev/", "")}/trigger_fs_error`, "1");
    },
    remount: async (as) => {
      await call("mount", ["-o", `remount,${as}`, folder]);
    },
  };
}

/** `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`, when a line comes: the journal in memory is lost as well. */
const CUT = `
open(my $disk, "<", $ARGV[0]) or die $!;
my $flag = pack("I", 2);
$| = 1;
print "armed\\n";
exit(1) unless defined(<STDIN>);
ioctl($disk, 0x8004587d, $flag) or die $!;
`;

async function armPower(folder: string): Promise<PowerSwitch> {
  const perl = spawn("perl", ["-e", CUT, folder], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(perl, "exit");
  await Promise.race([once(perl.stdout, "data"), ended]);
  return {
    cut: async () => {
      const at = monotonicNow();
      perl.stdin.end("cut\n");
      const [code] = await ended;
      if (code !== 0) throw new Error(`power could not be cut: ${code}`);
      return at;
    },
  };
}

/** Somebody may still be about to let go of a file in it. */
export async function unmount(folder: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await call("umount", [folder]);
      return;
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
