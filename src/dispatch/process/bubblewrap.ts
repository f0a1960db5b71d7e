import { constants, realpathSync } from "node:fs";
import { access } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { isWithinAny } from "./paths.js";
import type { Mount } from "./plan.js";
import { runCommand, STATUS_FD } from "./run-command.js";

/** A bubblewrap that works on this machine. */
export interface Bubblewrap {
  readonly path: string;
  /** Arguments that only newer ones know. */
  readonly extra: readonly string[];
}

/** What one sandbox is made of. */
export interface Sandbox {
  readonly mounts: readonly Mount[];
  readonly network: boolean;
  readonly cwd: string;
}

/** No further user namespaces inside (bubblewrap 0.8): less of the kernel within reach. */
const NO_NESTING = ["--disable-userns"];

/** The whole argument list of bubblewrap for a command. */
export function bubblewrapArguments(
  { extra }: Bubblewrap,
  { mounts, network, cwd }: Sandbox,
  argv: readonly string[],
): readonly string[] {
  const whole = mounts.filter(({ path }) => path === "/");
  const parts = mounts.filter(({ path }) => path !== "/");
  return [
    ...["--unshare-all", "--unshare-user", ...extra, ...(network ? ["--share-net"] : [])],
    ...["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534"],
    ...["--hostname", "sandbox", "--json-status-fd", String(STATUS_FD)],
    ...whole.flatMap(mountArguments),
    ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
    // Where all can be read, the sockets of the system's services are not part of it: what is behind them could do anything.
    ...(whole.length > 0 ? ["--tmpfs", "/run"] : []),
    ...parts.flatMap(mountArguments),
    ...(whole.length > 0 ? [] : ["--remount-ro", "/"]),
    ...["--chdir", cwd, "--", ...argv],
  ];
}

function mountArguments(mount: Mount): readonly string[] {
  switch (mount.kind) {
    case "read":
      return ["--ro-bind", mount.path, mount.path];
    case "write":
      return ["--bind", mount.path, mount.path];
    case "link":
      return ["--symlink", mount.target, mount.path];
    case "no_file":
      return ["--ro-bind", "/dev/null", mount.path];
    case "no_folder":
      return ["--perms", "0000", "--tmpfs", mount.path, "--remount-ro", mount.path];
  }
}

/** The mounts of the host's system folders: real folders as they are, links as links, what does not exist not at all. */
export function systemMounts(system: readonly string[]): readonly Mount[] {
  const found = system.flatMap((path) => {
    const target = realPath(path);
    return target === null ? [] : [{ path, target }];
  });
  const real = [...new Set(found.map(({ target }) => target))];
  const binds = real.filter(
    (path) =>
      !isWithinAny(
        path,
        real.filter((other) => other !== path),
      ),
  );
  const links = found.filter(({ path, target }) => path !== target && !isWithinAny(path, binds));
  return [
    ...binds.map((path): Mount => ({ kind: "read", path })),
    ...links.map(({ path, target }): Mount => ({ kind: "link", path, target })),
  ];
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/**
 * Finds bubblewrap and proves that it works here, with the arguments of a real run. Null where it is missing, or where
 * the system does not let it make its namespaces.
 */
export async function findBubblewrap(given: string | undefined, system: readonly Mount[]): Promise<Bubblewrap | null> {
  const path = given ?? (await lookUp("bwrap"));
  if (path === null) return null;
  for (const bubblewrap of [
    { path, extra: NO_NESTING },
    { path, extra: [] },
  ]) {
    if (await works(bubblewrap, system)) return bubblewrap;
  }
  return null;
}

const PROBE_MS = 10_000;

async function works(bubblewrap: Bubblewrap, system: readonly Mount[]): Promise<boolean> {
  const mounts: readonly Mount[] = [...system, { kind: "no_folder", path: "/denied" }];
  const sandbox = { mounts, network: false, cwd: "/" };
  try {
    await runCommand({
      argv: [bubblewrap.path, ...bubblewrapArguments(bubblewrap, sandbox, ["true"])],
      sandboxed: true,
      cwd: "/",
      env: { PATH: "/usr/bin:/bin" },
      stdin: null,
      maxOutputBytes: 65_536,
      killAfterMs: 0,
      signal: AbortSignal.timeout(PROBE_MS),
    });
    return true;
  } catch {
    return false;
  }
}

async function lookUp(name: string): Promise<string | null> {
  for (const folder of (process.env.PATH ?? "").split(":").filter(isAbsolute)) {
    const path = join(folder, name);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not in this one.
    }
  }
  return null;
}
