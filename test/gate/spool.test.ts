import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGate } from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { expectOutcome } from "dispatch-gate/testing";
import { afterEach, describe, expect, test } from "vitest";
import { describeOwner } from "../../src/store/owner.js";
import { openSpool, readSpool } from "../../src/store/spool.js";
import { forkChild } from "../child.js";
import { faulty } from "./faulty-store.js";
import { ALLOW_ALL, freshFolder, open } from "./open.js";
import { eventsOf, typesOf } from "./workers.js";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

const hasPrlimit = ((): boolean => {
  try {
    execFileSync("prlimit", ["--version"], { stdio: "ignore" });
    return process.platform === "linux";
  } catch {
    return false;
  }
})();

interface Host {
  readonly child: ChildProcess;
  readonly step: (step: string, payload?: string) => Promise<Record<string, unknown> | string>;
}

async function host(store: string): Promise<Host> {
  const child = forkChild("degraded", [store, ALLOW_ALL.yaml]);
  children.push(child);
  await once(child, "message");
  const step: Host["step"] = async (name, payload) => {
    const answer = once(child, "message");
    child.send({ step: name, payload });
    return (await answer)[0] as string;
  };
  return { child, step };
}

const spools = (folder: string): readonly string[] => readdirSync(folder).filter((name) => name.includes(".spool."));

describe.skipIf(!hasPrlimit)(
  "a disk that fails under a gate in fail mode open (skipped where there is no prlimit)",
  () => {
    test("stops the store; jobs go on without it; and when the disk works again it is opened, verified and told", {
      timeout: 60_000,
    }, async () => {
      const folder = freshFolder();
      const { step } = await host(join(folder, "gate.db"));
      expect(await step("run", "before")).toMatchObject({ status: "SUCCEEDED", degraded: false });
      await step("break");
      const first = await step("run", "at the break");
      expect(["SUCCEEDED", "DENIED", "UNKNOWN"]).toContain((first as { status: string }).status);
      for (const payload of ["one", "two"]) {
        expect(await step("run", payload)).toMatchObject({ status: "SUCCEEDED", degraded: true });
      }
      await step("mend");
      await expect
        .poll(async () => ((await step("run", "after")) as { degraded?: boolean }).degraded, { timeout: 30_000 })
        .toBe(false);
      await step("close");
      expect(spools(folder)).toEqual([]);
      const gate = await open({ policy: ALLOW_ALL, store: join(folder, "gate.db"), dispatch: () => "never" });
      const events = await eventsOf(gate);
      const told = events.find(({ type }) => type === "gate.degraded");
      expect(told?.body).toMatchObject({ lost: 0, reason: { code: "store_io" } });
      expect(Number(told?.body.entered)).toBeGreaterThanOrEqual(2);
      expect((await gate.audit.verify()).problems).toEqual([]);
    });

    test.each(["open", "closed"] as const)(
      "and whose process then dies: the next gate, %s, takes its spool over, and nothing runs again",
      { timeout: 60_000 },
      async (failMode) => {
        const folder = freshFolder();
        const { step, child } = await host(join(folder, "gate.db"));
        await step("run", "before");
        await step("break");
        await step("run", "at the break");
        const ran = (await step("run", "secret-payload-one")) as { jobId: string };
        expect(ran).toMatchObject({ status: "SUCCEEDED", degraded: true });
        child.kill("SIGKILL");
        await once(child, "exit");
        expect(spools(folder)).toHaveLength(1);
        let calls = 0;
        const gate = await open({
          ...{ policy: ALLOW_ALL, store: join(folder, "gate.db"), failMode },
          dispatch: () => ++calls,
        });
        expect(await gate.jobs.get(ran.jobId)).toMatchObject({
          ...{ status: "SUCCEEDED", degraded: true, output: "secret-payload-one" },
        });
        expect(await typesOf(gate)).toContain("gate.degraded");
        expect((await gate.audit.verify()).problems).toEqual([]);
        expect(calls).toBe(0);
        // Nothing of it is left but in the database.
        for (const name of spools(folder)) {
          expect(readFileSync(join(folder, name)).includes("secret-payload-one")).toBe(false);
        }
        expect(spools(folder)).toHaveLength(failMode === "open" ? 1 : 0);
      },
    );
  },
);

test("a gate in fail mode open opens without its store, and joins it when it is there", {
  timeout: 30_000,
}, async () => {
  const folder = freshFolder();
  const store = join(folder, "mount", "gate.db");
  const gate = await open({
    policy: ALLOW_ALL,
    store,
    keyFile: join(folder, "gate.key"),
    failMode: "open",
    spool: { path: join(folder, "gate.spool") },
    dispatch: () => "ran",
  });
  const outcome = await gate.evaluateAndDispatch({ topic: "job.a" });
  expectOutcome(outcome, { status: "SUCCEEDED", degraded: true });
  mkdirSync(join(folder, "mount"));
  await expect
    .poll(async () => (await gate.evaluateAndDispatch({ topic: "job.a" })).degraded, { timeout: 20_000 })
    .toBe(false);
  await expect.poll(async () => (await gate.jobs.get(outcome.jobId ?? ""))?.degraded).toBe(true);
  expect(await typesOf(gate)).toEqual(expect.arrayContaining(["gate.opened", "policy.activated", "gate.degraded"]));
  expect((await gate.audit.verify()).problems).toEqual([]);
});

test("in fail mode closed it does not open, and neither does one whose database is another's", async () => {
  const folder = freshFolder();
  await expect(open({ policy: ALLOW_ALL, store: join(folder, "mount", "gate.db") })).rejects.toMatchObject({
    code: "store_unreachable",
  });
  writeFileSync(join(folder, "other.db"), "this is no database, and long enough to be looked at as one".repeat(40));
  await expect(open({ policy: ALLOW_ALL, store: join(folder, "other.db"), failMode: "open" })).rejects.toMatchObject({
    code: "store_not_sqlite",
  });
});

test("a gate that closes while its store is away leaves its spool to the next one in the same process", async () => {
  const folder = freshFolder();
  const made = faulty(await openSqliteStore(join(folder, "gate.db")));
  const spool = { path: join(folder, "gate.spool") };
  const options = { policy: ALLOW_ALL, store: made.store, failMode: "open", spool, dispatch: () => "ran" } as const;
  const before = await createGate(options);
  made.fault = "down";
  const { jobId } = await before.evaluateAndDispatch({ topic: "job.a" });
  await expect(before.close()).rejects.toMatchObject({ code: "store_io" });
  made.fault = "none";
  const after = await open(options);
  expect(await after.jobs.get(jobId ?? "")).toMatchObject({ status: "SUCCEEDED", degraded: true });
  expect(spools(folder)).toHaveLength(1);
});

describe("the spool", () => {
  const owner = describeOwner("o-1", 0, "open");
  const entry = (text: string) =>
    ({ kind: "claim", row: { id: text }, vault: [], event: { text } }) as unknown as Parameters<
      ReturnType<typeof openSpool>["append"]
    >[0];

  test("keeps what was written to it in order, and a reader finds it after the process is gone", async () => {
    const path = join(freshFolder(), "s");
    const spool = openSpool({ path, maxBytes: 65_536, owner });
    await Promise.all(["a", "b", "c"].map((text) => spool.append(entry(text))));
    const { entries, lost, owner: whose } = readSpool(path);
    expect(entries.map((each) => (each.kind === "claim" ? each.row.id : ""))).toEqual(["a", "b", "c"]);
    expect([lost, whose]).toEqual([0, owner]);
    spool.clear();
    expect(readSpool(path)).toMatchObject({ entries: [], lost: 0 });
    expect(readFileSync(path).includes('"id":"a"')).toBe(false);
  });

  test("says how many records cannot be read: torn, edited, or gone from between", async () => {
    const path = join(freshFolder(), "s");
    const spool = openSpool({ path, maxBytes: 65_536, owner });
    for (const text of ["aaaa", "bbbb", "cccc", "dddd"]) await spool.append(entry(text));
    const whole = readFileSync(path);
    const edited = (how: (text: string) => string): number => {
      writeFileSync(path, how(whole.toString("utf8")));
      const { entries, lost } = readSpool(path);
      expect(entries.length + lost).toBe(4);
      return lost;
    };
    expect(edited((text) => text.replaceAll("bbbb", "bbxb"))).toBe(1);
    expect(edited((text) => text.split("\n").toSpliced(2, 1).join("\n"))).toBe(1);
    expect(edited((text) => text.slice(0, text.indexOf("dddd") + 2))).toBe(1);
  });

  test("that was taken away is told, and takes nothing more", async () => {
    const folder = freshFolder();
    const spool = openSpool({ path: join(folder, "s"), maxBytes: 65_536, owner });
    await spool.append(entry("a"));
    const { renameSync } = await import("node:fs");
    renameSync(join(folder, "s"), join(folder, "taken"));
    await expect(spool.append(entry("b"))).rejects.toMatchObject({ code: "store_io" });
  });

  test("that cannot be made is a StoreError", () => {
    const folder = freshFolder();
    chmodSync(folder, 0o700);
    expect(() => openSpool({ path: join(folder, "nowhere", "s"), maxBytes: 65_536, owner })).toThrow(
      expect.objectContaining({ code: "store_io" }),
    );
  });
});
