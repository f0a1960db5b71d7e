import { readFileSync } from "node:fs";

/** A command with all that it started, as far as it can be reached. */
export interface Group {
  /** Asks all of it to end. */
  readonly terminate: () => void;
  /** Ends all of it. */
  readonly kill: () => void;
  /** To be called when the command has ended and its pipes were read: ends what is left, and resolves when nothing is. */
  readonly gone: () => Promise<void>;
}

const POLL_MS = 5;

/** How long the rest of a plain group is waited for: one that nobody reaps looks like one that runs. */
const PLAIN_WAIT_MS = 1_000;

/** The process group that a process leads. What has left the group is out of reach. */
export function plainGroup(pid: number): Group {
  // As long as the group has a member, no other process or group can have its number.
  const kill = (): void => void send(-pid, "SIGKILL");
  return {
    terminate: () => void send(-pid, "SIGTERM"),
    kill,
    gone: async () => {
      kill();
      const deadline = performance.now() + PLAIN_WAIT_MS;
      while (send(-pid, 0) && performance.now() < deadline) await pause();
    },
  };
}

/** A sandbox: the first process of its pid namespace, with which all others end, whatever group or session they are in. */
export interface SandboxGroup extends Group {
  /** To be called once the first process inside is known. */
  readonly found: (first: number) => void;
}

/** The sandbox that a bubblewrap process makes. */
export function sandboxGroup(bubblewrap: number): SandboxGroup {
  const maker: Born = { pid: bubblewrap, at: bornAt(bubblewrap) };
  let inside: Born | undefined;
  let asked = false;
  const ask = (): void => {
    // Inside it leads a session of its own, and is itself deaf to all but SIGKILL.
    if (inside !== undefined && isAlive(inside)) send(-inside.pid, "SIGTERM");
  };
  const kill = (): void => {
    if (inside !== undefined && isAlive(inside)) send(inside.pid, "SIGKILL");
    if (isAlive(maker)) send(-maker.pid, "SIGKILL");
  };
  return {
    found: (first) => {
      inside = { pid: first, at: bornAt(first) };
      if (asked) ask();
    },
    terminate: () => {
      asked = true;
      ask();
    },
    kill,
    gone: async () => {
      kill();
      // The kernel lets the first process of a namespace become a zombie only after all others in it are gone.
      while (inside !== undefined && isAlive(inside)) await pause();
    },
  };
}

/** A process, and when it was started: together they name no other one. */
interface Born {
  readonly pid: number;
  readonly at: string | null;
}

function isAlive({ pid, at }: Born): boolean {
  return at !== null && bornAt(pid) === at;
}

/** The start time of a process in the kernel's ticks; null when it has ended (proc(5), `/proc/pid/stat`). */
function bornAt(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is a name in parentheses that may hold anything; the third is the state.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** False when there is nobody to send it to. */
function send(pid: number, signal: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
