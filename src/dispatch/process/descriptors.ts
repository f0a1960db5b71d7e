import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";

/** The highest descriptor that {@link withCovered} can cover: it makes a list as long as the highest is high. */
export const MAX_COVERED = 4_095;

const INFO = "/proc/self/fdinfo";

/** `O_CLOEXEC` of Linux, as `/proc` tells it. */
const CLOSED_ON_EXEC = 0o2000000;

/**
 * This process's descriptors from this number on that every program it starts would have too: those it was itself
 * started with, for the most part. Null where the system does not tell. It does so on Linux, in `/proc`.
 *
 * A folder among them stands on the host's mounts: `/proc/self/fd/201/../..` in a sandbox would be all of the host.
 */
export function inheritable(from: number): readonly number[] | null {
  try {
    return readdirSync(INFO)
      .map(Number)
      .filter((descriptor) => descriptor >= from && survivesExec(descriptor));
  } catch {
    return null;
  }
}

function survivesExec(descriptor: number): boolean {
  let info: string;
  try {
    info = readFileSync(`${INFO}/${descriptor}`, "utf8");
  } catch (error) {
    // Closed since, as the one that the list was read with.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
  const [, flags] = /^flags:\s*([0-7]+)$/m.exec(info) ?? [];
  return flags === undefined || (Number.parseInt(flags, 8) & CLOSED_ON_EXEC) === 0;
}

/**
 * Calls `start` with a `stdio` list that begins with `own` and has `/dev/null` in place of each of these descriptors. It
 * MUST follow {@link inheritable} without a pause, and `start` MUST spawn at once, so that no other descriptor appears.
 */
export function withCovered<Own, Started>(
  own: readonly Own[],
  descriptors: readonly number[],
  start: (stdio: (Own | number | "ignore")[]) => Started,
): Started {
  if (descriptors.length === 0) return start([...own]);
  const nothing = openSync("/dev/null", "r");
  try {
    // From 3 on "ignore" leaves a descriptor as it is: it is closed by exec, or there is none.
    const stdio = Array.from({ length: Math.max(...descriptors) + 1 }, (): Own | number | "ignore" => "ignore");
    own.forEach((one, at) => {
      stdio[at] = one;
    });
    for (const descriptor of descriptors) stdio[descriptor] = nothing;
    return start(stdio);
  } finally {
    closeSync(nothing);
  }
}
