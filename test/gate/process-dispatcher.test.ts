import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Gate, Job } from "dispatch-gate";
import { createProcessDispatcher } from "dispatch-gate/process";
import { createMemoryStore, expectOutcome } from "dispatch-gate/testing";
import { afterAll, describe, expect, test } from "vitest";
import { open, rules } from "./open.js";

const HAS_BUBBLEWRAP = spawnSync("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "true"]).status === 0;
if (!HAS_BUBBLEWRAP) console.warn("bubblewrap does not work here: 2 tests of the sandbox behind the gate are skipped");

// Not in `/tmp`: the sandbox has its own.
const folder = realpathSync(mkdtempSync(join(existsSync("/var/tmp") ? "/var/tmp" : tmpdir(), "dispatch-gate-gated-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, "in"));
mkdirSync(join(folder, "out"));
writeFileSync(join(folder, "in/note"), "hello");
writeFileSync(join(folder, "secret"), "the secret");

const HELD = rules(`
- id: held
  match: { topics: ["job.exec"] }
  decision: allow_with_constraints
  constraints: { max_runtime_sec: 1, paths: { read: ["${folder}/in", "${folder}/out"], write: ["${folder}/out"] }, network: { allow: [] } }
- { id: free, match: { topics: ["job.free"] }, decision: allow }`);

async function gated(
  bubblewrap?: string,
): Promise<(argv: readonly string[], topic?: string) => ReturnType<Gate["evaluateAndDispatch"]>> {
  const run = await createProcessDispatcher({
    command: (job) => job.payload as readonly string[],
    killAfterMs: 100,
    ...(bubblewrap === undefined ? {} : { bubblewrap }),
  });
  const gate = await open({ policy: HELD, store: createMemoryStore(), dispatchers: { run } });
  return (argv, topic = "job.exec") => gate.evaluateAndDispatch({ topic, payload: argv } as Job, "run");
}

describe.skipIf(!HAS_BUBBLEWRAP)("a command behind the gate", () => {
  test("reads and writes what the policy allows, and nothing else; the record says who held it", async () => {
    const run = await gated();
    const read = expectOutcome(await run(["cat", join(folder, "in/note")]), { status: "SUCCEEDED" });
    expect(read.output).toMatchObject({ code: 0, stdout: "hello" });
    expectOutcome(await run(["cat", join(folder, "secret")]), { status: "FAILED" });
    expectOutcome(await run(["touch", join(folder, "in/new")]), { status: "FAILED" });
    expect(existsSync(join(folder, "in/new"))).toBe(false);
    expectOutcome(await run(["cp", join(folder, "in/note"), join(folder, "out/copy")]), { status: "SUCCEEDED" });
    expect(readFileSync(join(folder, "out/copy"), "utf8")).toBe("hello");
  });

  test("is gone with all it started when its time is over", async () => {
    const run = await gated();
    const pid = join(folder, "out/pid");
    const script = `trap "" TERM; (trap "" TERM; while :; do date +%s%N > ${pid}; sleep 0.02; done) & wait`;
    expectOutcome(await run(["sh", "-c", script]), { status: "TIMED_OUT" });
    await new Promise((resolve) => setTimeout(resolve, 400));
    const last = readFileSync(pid, "utf8");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(readFileSync(pid, "utf8")).toBe(last);
  });
});

test("without bubblewrap the same job is refused, and a job that is held to nothing runs", async () => {
  const run = await gated(join(folder, "no-such-bwrap"));
  const refused = expectOutcome(await run(["cat", join(folder, "in/note")]), {
    status: "DENIED",
    code: "constraint_unenforceable",
    dispatched: false,
  });
  expect(refused.reason.message).toContain("`paths`, `network`");
  const free = expectOutcome(await run(["echo", "hello; rm -rf /"], "job.free"), { status: "SUCCEEDED" });
  expect(free.output).toMatchObject({ stdout: "hello; rm -rf /\n" });
});
