import { execFile, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bubblewrapArguments, findBubblewrap, systemMounts } from "../../src/dispatch/process/bubblewrap.js";
import { DEFAULT_SYSTEM } from "../../src/dispatch/process/options.js";
import { planRun } from "../../src/dispatch/process/plan.js";
import { runCommand } from "../../src/dispatch/process/run-command.js";
import { isNoEffectError } from "../../src/errors.js";
import type { Constraints } from "../../src/outcome.js";
import { createProcessDispatcher, ProcessError, type ProcessOptions, type ProcessResult } from "../../src/process.js";
import { childFile, forkChild } from "../child.js";
import { asSandboxed, contextOf, JOB } from "./process-run.js";

const POSIX = process.platform !== "win32";
/** Asked without our own code: were that broken, its tests would be skipped. */
const HAS_BUBBLEWRAP = POSIX && spawnSync("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "true"]).status === 0;

// Not in `/tmp`: the sandbox has its own.
const folder = realpathSync(
  mkdtempSync(join(existsSync("/var/tmp") ? "/var/tmp" : tmpdir(), "dispatch-gate-process-")),
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let names = 0;

/** A folder with `secret` in it, and `keys/secret`. */
function fresh(): string {
  const path = join(folder, `${names++}`);
  mkdirSync(join(path, "keys"), { recursive: true });
  writeFileSync(join(path, "secret"), "the secret");
  writeFileSync(join(path, "keys", "secret"), "the key");
  return path;
}

interface Asked extends Omit<ProcessOptions, "command"> {
  readonly constraints?: Constraints;
  readonly signal?: AbortSignal;
}

/** Runs a command once, as the gate would. */
async function run(
  argv: readonly string[],
  { constraints = {}, signal, ...options }: Asked = {},
): Promise<ProcessResult> {
  const { dispatch } = await createProcessDispatcher({ ...options, command: () => argv });
  return dispatch(JOB, contextOf(constraints, signal));
}

async function errorOf(running: Promise<unknown>): Promise<Error> {
  try {
    await running;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error("the command succeeded");
}

async function failureOf(running: Promise<unknown>): Promise<ProcessError> {
  const error = await errorOf(running);
  if (error instanceof ProcessError) return error;
  throw error;
}

const shell = (script: string): readonly string[] => ["sh", "-c", script];
const paths = (some: NonNullable<Constraints["paths"]>): { constraints: Constraints } => ({
  constraints: { paths: some },
});

/** Ids of the processes with this first argument that run now, wherever in the system they are. */
function processesOf(...argv: readonly string[]): number[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && argumentsOf(name).startsWith(`${argv.join("\0")}\0`))
    .map(Number);
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

async function until(holds: () => boolean, ms = 5_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!holds()) {
    if (performance.now() >= deadline) throw new Error(`it does not hold after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

interface Leaving {
  /** Its descriptors from 3 on but for those of `/dev/null`, and the secret when it got at it. */
  readonly got: readonly string[];
  /** Whether it wrote beside the secret. */
  readonly wrote: boolean;
  /** Whether it wrote into the file that was opened for the host. */
  readonly wroteOpened: boolean;
}

/** A host that is started with two descriptors, and a command of it that tries to leave by them. */
async function leave(how: "required" | "none" | "naive" | "naive none"): Promise<Leaving> {
  const path = fresh();
  const leaving = `cd /proc/$$/fd
    for each in *; do [ "$each" -ge 3 ] && [ -e "$each" ] && printf '%s ' "$each" && readlink "$each"; done
    cat 201/..${path}/secret
    echo out > 201/..${path}/written
    echo out > 202
    true`;
  const stdout = await hostOf(`exec 201</etc 202>${path}/opened`, how, ...shell(leaving));
  const wroteOpened = readFileSync(join(path, "opened"), "utf8") !== "";
  const got = stdout.split("\n").filter((line) => line !== "" && !line.endsWith(" /dev/null"));
  return { got, wrote: existsSync(join(path, "written")), wroteOpened };
}

/** What a host says that a shell became, after this. */
async function hostOf(before: string, ...args: readonly string[]): Promise<string> {
  const host = [process.execPath, childFile("inheriting-host"), ...args];
  return (await promisify(execFile)("bash", ["-c", `${before}; exec "$@"`, "bash", ...host])).stdout;
}

const NOT_LEFT: Leaving = { got: [], wrote: false, wroteOpened: false };
/** The host of the test may have been started with more. */
const LEFT = {
  got: expect.arrayContaining([expect.stringMatching(/^201 /), expect.stringMatching(/^202 /), "the secret"]),
  wrote: true,
  wroteOpened: true,
};

let server: Server;
let connections = 0;
beforeAll(async () => {
  server = createServer((socket) => {
    connections += 1;
    socket.end("hello");
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(() => void server.close());

/** Opens a connection to the test's own server, and prints what it says. */
const connect = (): readonly string[] => [
  ...["bash", "-c"],
  `exec 3<>/dev/tcp/127.0.0.1/${(server.address() as AddressInfo).port} && cat <&3`,
];

if (!HAS_BUBBLEWRAP) console.warn("bubblewrap does not work here: 26 tests of the sandbox are skipped");

describe.skipIf(!HAS_BUBBLEWRAP)("in the sandbox", () => {
  test("a command runs, as nobody, with no capability and no way to more", async () => {
    const { code, signal, stdout } = await run(shell("id -u; grep -E '^(NoNewPrivs|Cap(Eff|Bnd))' /proc/self/status"));
    expect([code, signal]).toEqual([0, null]);
    expect(stdout.split(/\s+/)).toEqual([
      ...["65534", "CapEff:", "0000000000000000", "CapBnd:", "0000000000000000", "NoNewPrivs:", "1", ""],
    ]);
  });

  test("what no rule allows to read is not there", async () => {
    const path = fresh();
    const cat = ["cat", join(path, "secret")];
    const { code, stdout, stderr } = await failureOf(run(cat));
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("No such file");
    expect((await failureOf(run(cat, paths({ read: [[join(path, "keys")]] })))).code).toBe(1);
    expect((await failureOf(run(cat, paths({ read: [[path], []] })))).code).toBe(1);
  });

  test("the controls: it reads what is allowed, and without a sandbox everything", async () => {
    const path = fresh();
    const cat = ["cat", join(path, "secret")];
    expect((await run(cat, paths({ read: [[path]] }))).stdout).toBe("the secret");
    expect((await run(cat, paths({ read: [[join(path, "secret")]] }))).stdout).toBe("the secret");
    expect((await run(cat, paths({ read: [["/"]] }))).stdout).toBe("the secret");
    expect((await run(cat, { sandbox: "none" })).stdout).toBe("the secret");
  });

  test("what no rule allows to write is not written", async () => {
    const path = fresh();
    const touch = ["touch", join(path, "new")];
    for (const some of [{ read: [[path]] }, { read: [["/"]] }, { read: [[path]], write: [[]] }, {}]) {
      expect((await failureOf(run(touch, paths(some)))).code).toBe(1);
    }
    expect((await failureOf(run(["touch", "/new"]))).stderr).toContain("Read-only file system");
    expect((await failureOf(run(touch, paths({ write: [[join(path, "keys")]] })))).code).toBe(1);
    expect(existsSync(join(path, "new"))).toBe(false);
  });

  test("the controls: it writes where it may, and without a sandbox anywhere", async () => {
    const path = fresh();
    await run(["touch", join(path, "new")], paths({ read: [[path]], write: [[path]] }));
    await run(["touch", join(path, "keys", "new")], paths({ write: [[join(path, "keys")]] }));
    await run(["touch", join(path, "naked")], { sandbox: "none" });
    expect(["new", "keys/new", "naked"].map((name) => existsSync(join(path, name)))).toEqual([true, true, true]);
  });

  test("a denied folder and a denied file in an allowed folder are masked", async () => {
    const path = fresh();
    const some = { read: [[path]], deny: [join(path, "keys"), join(path, "secret")] };
    for (const denied of ["keys/secret", "secret"]) {
      expect((await failureOf(run(["cat", join(path, denied)], paths(some)))).stdout).toBe("");
    }
    expect((await failureOf(run(["ls", join(path, "keys")], paths(some)))).stderr).toContain("Permission denied");
    expect((await run(["cat", join(path, "keys/secret")], paths({ read: [[path]] }))).stdout).toBe("the key");
  });

  // Moves the folder that the denied one is in out of the way, and makes both anew.
  const move = (path: string): readonly string[] =>
    shell(`cd ${path} && mv work old && mkdir -p work/keys && echo mine > work/keys/secret`);
  function nested(): { path: string; limits: Constraints } {
    const path = fresh();
    mkdirSync(join(path, "work"));
    renameSync(join(path, "keys"), join(path, "work/keys"));
    return { path, limits: { paths: { write: [[path]], deny: [join(path, "work/keys")] } } };
  }

  test("a denied folder in a writable one cannot be moved away and made anew", async () => {
    const { path, limits } = nested();
    expect((await failureOf(run(move(path), { constraints: limits }))).stderr).toContain("Device or resource busy");
    expect(readFileSync(join(path, "work/keys/secret"), "utf8")).toBe("the key");
    await run(["touch", join(path, "work/new")], { constraints: limits });
    expect(existsSync(join(path, "work/new"))).toBe(true);
  });

  test("the control: with a mask alone it is moved away and made anew", async () => {
    const { path, limits } = nested();
    const system = systemMounts(DEFAULT_SYSTEM);
    const bubblewrap = await findBubblewrap(undefined, system);
    const { mounts } = planRun(limits, { system, network: false });
    if (bubblewrap === null || mounts === null) throw new Error("there is no plan");
    const naive = mounts.filter((mount) => mount.path !== join(path, "work"));
    expect(naive.length).toBe(mounts.length - 1);
    const inside = bubblewrapArguments(bubblewrap, { mounts: naive, network: false, cwd: "/" }, move(path));
    await runCommand(asSandboxed([bubblewrap.path, ...inside]));
    expect(readFileSync(join(path, "work/keys/secret"), "utf8")).toBe("mine\n");
  });

  test("a folder that became a link since the gate asked is not followed", async () => {
    const path = fresh();
    const { dispatch, enforcers } = await createProcessDispatcher({
      command: () => ["cat", join(path, "keys/secret")],
    });
    const constraints: Constraints = { paths: { read: [[join(path, "keys")]] } };
    const claims = (): unknown =>
      enforcers.map(({ enforces }) => typeof enforces === "function" && enforces(constraints));
    expect(claims()).toEqual([["paths"]]);
    expect((await dispatch(JOB, contextOf(constraints))).stdout).toBe("the key");
    renameSync(join(path, "keys"), join(path, "real"));
    symlinkSync(join(path, "real"), join(path, "keys"));
    expect(claims()).toEqual([[]]);
    const error = await errorOf(Promise.resolve(dispatch(JOB, contextOf(constraints))));
    expect([isNoEffectError(error), error.message]).toEqual([
      true,
      "the limits on `paths` cannot be held here: the command was not started",
    ]);
  });

  test("there is no network, and no way to the host's own", async () => {
    const before = connections;
    for (const asked of [{}, { constraints: { network: { allow: [[]] } }, network: true }]) {
      expect((await failureOf(run(connect(), asked))).code).toBe(1);
    }
    expect(connections - before).toBe(0);
  });

  test("the controls: with the network of the host it connects, and without a sandbox", async () => {
    const before = connections;
    expect((await run(connect(), { network: true })).stdout).toBe("hello");
    expect((await run(connect(), { sandbox: "none" })).stdout).toBe("hello");
    expect(connections - before).toBe(2);
  });

  test("a list of hosts is not pretended: the command is not started", async () => {
    const path = fresh();
    const constraints = { network: { allow: [["127.0.0.1"]] }, paths: { write: [[path]] } };
    const error = await errorOf(run(["touch", join(path, "new")], { constraints }));
    expect(error.message).toBe("the limits on `network` cannot be held here: the command was not started");
    expect([isNoEffectError(error), existsSync(join(path, "new"))]).toEqual([true, false]);
  });

  test("nothing of the host's environment and processes can be seen", async () => {
    process.env.DISPATCH_GATE_TEST_SECRET = "a secret of the host";
    try {
      const { stdout } = await run(shell("cat /proc/*/environ | tr '\\0' '\\n'; ls -d /proc/[0-9]* | wc -l"));
      expect(stdout).not.toContain("secret");
      expect(new Set(stdout.split("\n").filter((line) => line.includes("=")))).toEqual(
        new Set(["PATH=/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8", "PWD=/"]),
      );
      expect(Number(stdout.trimEnd().split("\n").at(-1))).toBeLessThan(8);
    } finally {
      delete process.env.DISPATCH_GATE_TEST_SECRET;
    }
  });

  test("`/tmp` is the sandbox's own, also where everything can be read, but for what is allowed in it", async () => {
    const scratch = realpathSync(mkdtempSync("/tmp/dispatch-gate-process-"));
    try {
      await run(shell(`mkdir -p ${scratch} && echo mine > ${scratch}/new`));
      expect((await run(["ls", "-A", "/tmp"], paths({ read: [["/"]] }))).stdout).toBe("");
      await run(["touch", join(scratch, "allowed")], paths({ write: [[scratch]] }));
      expect(readdirSync(scratch)).toEqual(["allowed"]);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });

  test("the sockets of the system's services are not part of everything", async () => {
    expect((await run(["ls", "-A", "/run"], paths({ read: [["/"]] }))).stdout).toBe("");
  });

  test("a command that is not there, and a folder that is not, are no exit codes of a command", async () => {
    const error = await errorOf(run(["no-such-command"]));
    expect(error.message).toBe(
      "the sandbox could not start the command: `bwrap: execvp no-such-command: No such file or directory`",
    );
    expect((await errorOf(run(["true"], { cwd: folder }))).message).toMatch(/^the sandbox could not start the command/);
    expect((await run(["pwd"], { cwd: folder, ...paths({ read: [[folder]] }) })).stdout).toBe(`${folder}\n`);
  });

  test("all of it is gone after the limit: what ignores SIGTERM, and what left group and session", async () => {
    const mark = `71.${randomUUID().replace(/\D/g, "")}`;
    const stop = new AbortController();
    const script = `trap "" TERM; setsid sleep ${mark} & (sleep ${mark} &) ; sleep ${mark}`;
    const running = run(shell(script), { signal: stop.signal, killAfterMs: 100 });
    await until(() => processesOf("sleep", mark).length === 3);
    stop.abort(new Error("the run time is over"));
    const error = await failureOf(running);
    expect([error.message, error.code, error.cause]).toEqual(["the command was stopped", null, stop.signal.reason]);
    expect(processesOf("sleep", mark)).toEqual([]);
  });

  test("what is left running after the end is gone before the answer", async () => {
    const mark = `72.${randomUUID().replace(/\D/g, "")}`;
    const { stdout } = await run(shell(`setsid sleep ${mark} > /dev/null 2>&1 & sleep 0.1; echo done`));
    expect(stdout).toBe("done\n");
    expect(processesOf("sleep", mark)).toEqual([]);
  });

  test("all of it is gone when the host's process is killed", async () => {
    const mark = `74.${randomUUID().replace(/\D/g, "")}`;
    const host = forkChild("process-host", ["sleep", mark]);
    try {
      await until(() => processesOf("sleep", mark).length === 1, 20_000);
    } finally {
      host.kill("SIGKILL");
    }
    await until(() => processesOf("sleep", mark).length === 0);
  });

  test("descriptors that the host was started with are not handed on", async () => {
    expect(await leave("required")).toEqual(NOT_LEFT);
  });

  test("the control: spawned as it is, the sandbox is left by them", async () => {
    expect(await leave("naive")).toEqual(LEFT);
  });

  test("a command that heeds SIGTERM may end by itself, and was stopped all the same", async () => {
    const path = fresh();
    const stop = new AbortController();
    const script = `trap 'echo bye; exit 0' TERM; touch ${path}/ready; while :; do sleep 0.02; done`;
    const running = run(shell(script), { signal: stop.signal, killAfterMs: 60_000, ...paths({ write: [[path]] }) });
    await until(() => existsSync(join(path, "ready")));
    stop.abort();
    const { message, code, stdout } = await failureOf(running);
    expect([message, code, stdout]).toEqual(["the command was stopped", 0, "bye\n"]);
  });

  test("over the bound of its output it is ended", async () => {
    const { message, stdout, code } = await failureOf(run(["yes"], { maxOutputBytes: 1_000 }));
    expect([message, stdout.length, code]).toEqual(["the command wrote more than 1000 bytes to stdout", 1_000, null]);
    const error = await failureOf(run(shell("yes >&2"), { maxOutputBytes: 10 }));
    expect([error.message, error.stderr.length]).toEqual(["the command wrote more than 10 bytes to stderr", 10]);
    expect((await run(["printf", "0123456789"], { maxOutputBytes: 10 })).stdout).toBe("0123456789");
  });

  test("argv and input are what the job says, as they are", async () => {
    const { dispatch } = await createProcessDispatcher({
      command: ({ topic }) => ["printf", "%s\n", topic, "$(touch /tmp/x); `id` && $HOME *", "--", ""],
    });
    const { stdout } = await dispatch(JOB, contextOf({}));
    expect(stdout).toBe("job.run\n$(touch /tmp/x); `id` && $HOME *\n--\n\n");
    expect((await run(["cat"], { stdin: ({ payload }) => JSON.stringify(payload) })).stdout).toBe(
      '{"word":"from the job"}',
    );
    expect((await run(["true"], { stdin: () => new Uint8Array(1_000_000) })).code).toBe(0);
    expect((await run(["cat"], { stdin: () => new Uint8Array([0x61, 0xff, 0x62]) })).stdout).toBe("a\u{fffd}b");
  });

  test("another exit code than 0 is an error that holds what was written, and says none of it", async () => {
    const error = await failureOf(run(shell("echo out; echo err >&2; exit 7")));
    expect({ ...error, message: error.message }).toEqual({
      ...{ name: "ProcessError", message: "the command failed with code 7", code: 7, signal: null },
      ...{ stdout: "out\n", stderr: "err\n" },
    });
    expect((await failureOf(run(shell("kill -9 $$")))).code).toBe(137);
  });

  test("it claims by the constraints of the run", async () => {
    const { enforcers, sandboxed } = await createProcessDispatcher({ command: () => ["true"], sandbox: "required" });
    expect(sandboxed).toBe(true);
    expect(enforcers.map(({ name }) => name)).toEqual(["process"]);
    const enforces = enforcers[0]?.enforces;
    if (typeof enforces !== "function") throw new Error("it claims whatever the constraints are");
    expect(enforces({ paths: { read: [[folder]] }, network: { allow: [["example.com"]] } })).toEqual(["paths"]);
    expect(enforces({ paths: { read: [["relative"]] }, network: { allow: [[]] } })).toEqual(["network"]);
    expect(enforces({})).toEqual([]);
  });
});

describe.skipIf(!POSIX)("without bubblewrap", () => {
  const missing = { bubblewrap: join(folder, "no-bwrap") };

  test("nothing is claimed, and commands still run", async () => {
    const dispatcher = await createProcessDispatcher({ ...missing, command: () => ["echo", "hi"] });
    expect([dispatcher.sandboxed, dispatcher.enforcers]).toEqual([false, []]);
    expect(await dispatcher.dispatch(JOB, contextOf({}))).toEqual({
      code: 0,
      signal: null,
      stdout: "hi\n",
      stderr: "",
    });
  });

  test("what cannot be held is not started, but where the host says that another one holds it", async () => {
    for (const constraints of [{ paths: { read: [["/"]] } }, { network: { allow: [[]] } }]) {
      expect((await errorOf(run(["true"], { ...missing, constraints }))).message).toMatch(/cannot be held here/);
      expect((await run(["true"], { sandbox: "none", constraints })).code).toBe(0);
    }
  });

  test("where it is required there is no dispatcher", async () => {
    await expect(run(["true"], { ...missing, sandbox: "required" })).rejects.toThrow(
      "the sandbox does not work here: install bubblewrap, and allow it to make user namespaces",
    );
  });

  test.each(["false", "true"])("what only looks like it does not count: `%s`", async (name) => {
    const path = join(folder, `fake-${name}`);
    writeFileSync(path, `#!/bin/sh\nexec ${name}\n`, { mode: 0o755 });
    await expect(run(["true"], { bubblewrap: path, sandbox: "required" })).rejects.toThrow("does not work here");
  });

  test("nothing of the host's environment is given on", async () => {
    const { stdout } = await run(["/usr/bin/env"], { sandbox: "none" });
    expect(stdout.trimEnd().split("\n").sort()).toEqual(["HOME=/nonexistent", "LANG=C.UTF-8", "PATH=/usr/bin:/bin"]);
    expect((await run(["/usr/bin/env"], { sandbox: "none", env: { A: "b c" } })).stdout).toBe("A=b c\n");
  });

  test.skipIf(process.platform !== "linux")("the group is gone after the limit; who left it is not", async () => {
    const mark = `73.${randomUUID().replace(/\D/g, "")}`;
    const stop = new AbortController();
    const script = `trap "" TERM; setsid sleep ${mark} & (sleep ${mark} &) ; sleep ${mark}`;
    const running = run(shell(script), { sandbox: "none", signal: stop.signal, killAfterMs: 100 });
    await until(() => processesOf("sleep", mark).length === 3);
    stop.abort();
    const { message, signal } = await failureOf(running);
    expect([message, signal]).toEqual(["the command was stopped", "SIGKILL"]);
    const left = processesOf("sleep", mark);
    for (const pid of left) process.kill(pid, "SIGKILL");
    expect(left.length).toBe(1);
  });

  test.skipIf(process.platform !== "linux")("what it leaves running in its group is ended with it", async () => {
    const mark = `75.${randomUUID().replace(/\D/g, "")}`;
    expect((await run(shell(`sleep ${mark} & echo done`), { sandbox: "none" })).stdout).toBe("done\n");
    expect(processesOf("sleep", mark)).toEqual([]);
  });

  test.skipIf(process.platform !== "linux")("descriptors of the host are not handed on; the control", async () => {
    expect(await leave("none")).toEqual(NOT_LEFT);
    expect(await leave("naive none")).toEqual(LEFT);
  });

  test.skipIf(process.platform !== "linux")("one too high to be covered keeps a sandbox from starting", async () => {
    const before = "ulimit -Sn 4200 && exec 4100</etc";
    expect(await hostOf(before, "bubblewrap", "echo", "started")).toBe(
      "no_effect: the command would inherit descriptor 4100, over 4095: it was not started",
    );
    expect(await hostOf("true", "bubblewrap", "echo", "started")).toBe("started\n");
    expect(await hostOf(before, "none", "echo", "started")).toBe("started\n");
  });

  test("an end by a signal, and a command that is not there", async () => {
    const { message, code, signal } = await failureOf(run(shell("kill -9 $$"), { sandbox: "none" }));
    expect([message, code, signal]).toEqual(["the command was ended by SIGKILL", null, "SIGKILL"]);
    const error = await errorOf(run(["no-such-command"], { sandbox: "none" }));
    expect([isNoEffectError(error), error.message]).toEqual([true, "the command could not be started"]);
    expect(isNoEffectError(await errorOf(run(["x".repeat(8_000_000)], { sandbox: "none" })))).toBe(true);
  });

  test("a run that is over before it begins starts nothing", async () => {
    const error = await errorOf(run(["true"], { sandbox: "none", signal: AbortSignal.abort() }));
    expect([isNoEffectError(error), error.message]).toEqual([true, "the command was stopped before it was started"]);
  });

  test("an exception of the host's own function is the dispatch's", async () => {
    const fails = (): never => {
      throw new Error("no command for this job");
    };
    const { dispatch } = await createProcessDispatcher({ sandbox: "none", command: fails });
    await expect(dispatch(JOB, contextOf({}))).rejects.toThrow("no command for this job");
    await expect(run(["cat"], { sandbox: "none", stdin: fails })).rejects.toThrow("no command for this job");
  });
});

/** What a host could give that is not a list of arguments. */
const unlisted = (argv: unknown): Promise<unknown> => run(argv as readonly string[], { sandbox: "none" });

describe("what cannot be", () => {
  test.each<[unknown, string]>([
    ["rm -rf /", "`command` returned a string: return a list of arguments, there is no shell"],
    [[], "`command` must return a list of arguments"],
    [undefined, "`command` must return a list of arguments"],
    [["echo", 1], "`command` must return strings without NUL"],
    [["echo", "a\0b"], "`command` must return strings without NUL"],
    [["", "a"], "`command` must return the name of a program first"],
  ])("an argv: %j", async (argv, message) => {
    const error = await errorOf(unlisted(argv));
    expect([error.name, error.message]).toEqual(["TypeError", message]);
  });

  test.each<[string, object, string]>([
    [
      "a shell string",
      { command: "ls -l" },
      "`command` must be a function that returns a list of arguments: there is no shell",
    ],
    [
      "an unknown option",
      { netwrok: true },
      "createProcessDispatcher has no option `netwrok`: did you mean `network`?",
    ],
    ["a relative folder", { cwd: "src" }, "`cwd` must be an absolute path"],
    ["an environment with a number", { env: { A: 1 } }, "`env` must map names to strings without NUL: `A` does not"],
    [
      "an environment with a name that is none",
      { env: { "A=B": "" } },
      "`env` must map names to strings without NUL: `A=B` does not",
    ],
    ["an input that is no function", { stdin: "text" }, "`stdin` must be a function"],
    ["everything as a system folder", { system: ["/"] }, "`system` must not hold `/`: let a rule's `read` allow it"],
    ["a relative system folder", { system: ["usr"] }, "`system` must be a list of absolute paths"],
    ["a network of hosts", { network: ["example.com"] }, "`network` must be true or false"],
    ["no output at all", { maxOutputBytes: 0 }, "`maxOutputBytes` must be an integer from 1 to 268435456"],
    ["a time that is none", { killAfterMs: -1 }, "`killAfterMs` must be an integer from 0 to 600000"],
    ["another sandbox", { sandbox: "docker" }, '`sandbox` must be one of "auto", "required", "none"'],
    ["a bubblewrap to be looked up", { bubblewrap: "bwrap" }, "`bubblewrap` must be an absolute path"],
  ])("options: %s", async (_, options, message) => {
    const error = await errorOf(createProcessDispatcher({ command: () => ["true"], sandbox: "none", ...options }));
    expect([error.name, error.message]).toEqual(["TypeError", message]);
  });
});
