import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Gate } from "dispatch-gate";
import { openSqliteStore } from "dispatch-gate/sqlite";
import { expectOutcome } from "dispatch-gate/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { describeOwner, isGone, LEASE_MS } from "../../src/store/owner.js";
import type { OwnerRow } from "../../src/store/rows.js";
import { type Bundle, bundleChild } from "../faults/bundle.js";
import { type Child, startChild } from "../faults/child.js";
import type { OwnerRequest } from "../faults/children/owner.js";
import { ALLOW_ALL, freshFolder, open } from "./open.js";

/** Puts what it starts into a process namespace of its own, and kills it when it is killed itself. */
const APART = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"] as const;

const [command, ...options] = APART;
const isPermitted = spawnSync(command, [...options, "true"], { stdio: "ignore" }).status === 0;
const skipped = isPermitted ? "" : " (skipped: `unshare --pid` is not permitted here)";

let bundle: Bundle;
beforeAll(async () => {
  bundle = await bundleChild("owner");
});
afterAll(() => bundle.remove());

const children: Child[] = [];
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end()));
});

/** A process with a gate on the store that runs the job `j`, here or in a namespace of its own. */
async function startOwner(store: string, under: readonly string[]): Promise<Child> {
  const child = await startChild(bundle.file, { store, policy: ALLOW_ALL.yaml }, { under });
  children.push(child);
  return child;
}

const ask = <Answer>(child: Child, request: OwnerRequest): Promise<Answer> => child.ask<Answer>(request);

/** Resolves when it is gone, and nobody that it started holds its channel any more. */
async function kill({ process }: Child): Promise<void> {
  const gone = [once(process, "exit"), once(process, "disconnect")];
  process.kill("SIGKILL");
  await Promise.all(gone);
}

const statusOf = async (gate: Gate, id = "j"): Promise<string | undefined> => (await gate.jobs.get(id))?.status;

async function ownersOf(path: string): Promise<readonly OwnerRow[]> {
  const store = await openSqliteStore(path);
  const { owners = [] } = await store.read({ kind: "owners" });
  await store.close();
  return owners;
}

const freshStore = (): string => join(freshFolder(), "gate.db");

describe(`a process in another process namespace${skipped}`, () => {
  test.skipIf(!isPermitted)(
    "is not dead while it lives: nobody outside ends its claim, and it settles it",
    async () => {
      const store = freshStore();
      const inside = await startOwner(store, APART);
      await ask(inside, { do: "start", id: "j" });
      const gate = await open({ policy: ALLOW_ALL, store });
      expect(await gate.recover()).toBe(0);
      expect(await statusOf(gate)).toBe("RUNNING");
      expectOutcome(await gate.evaluateAndDispatch({ id: "j", topic: "job.a" }), { status: "RUNNING" });

      // Control: by its process id alone, which is of its own namespace, it would be taken for dead.
      const [owner] = (await ownersOf(store)).filter(({ pid }) => pid !== process.pid);
      const here = describeOwner("here", 0, "closed");
      expect(owner?.realm).not.toBe(here.realm);
      expect(isGone(owner as OwnerRow)).toBe(false);
      expect(isGone({ ...(owner as OwnerRow), realm: here.realm })).toBe(true);

      expect(await ask(inside, { do: "finish" })).toBe("SUCCEEDED");
      expect(await statusOf(gate)).toBe("SUCCEEDED");
    },
  );

  test.skipIf(!isPermitted)("does not take one outside for dead either", async () => {
    const store = freshStore();
    const outside = await startOwner(store, []);
    await ask(outside, { do: "start", id: "j" });
    const inside = await startOwner(store, APART);
    expect(await ask(inside, { do: "recover" })).toBe(0);
    expect(await ask(outside, { do: "finish" })).toBe("SUCCEEDED");
  });

  test.skipIf(!isPermitted)("that was killed is dead when its lease has run out, and not before", async () => {
    const store = freshStore();
    const inside = await startOwner(store, APART);
    await ask(inside, { do: "start", id: "j" });
    await kill(inside);
    const gate = await open({ policy: ALLOW_ALL, store });
    expect(await gate.recover()).toBe(0);
    expect(await statusOf(gate)).toBe("RUNNING");
    const later = await open({ activate: "never", store, now: () => Date.now() + LEASE_MS + 1_000 });
    expectOutcome((await later.jobs.get("j")) ?? expect.fail("the job is gone"), {
      status: "UNKNOWN",
      code: "owner_lost",
    });
  });
});

test("a process in this namespace that was killed is dead at once, and one that lives is not", async () => {
  const store = freshStore();
  const [killed, living] = [await startOwner(store, []), await startOwner(store, [])];
  await ask(killed, { do: "start", id: "j" });
  await ask(living, { do: "start", id: "k" });
  const gate = await open({ policy: ALLOW_ALL, store });
  expect(await gate.recover()).toBe(0);
  await kill(killed);
  expect(await gate.recover()).toBe(1);
  expect([await statusOf(gate, "j"), await statusOf(gate, "k")]).toEqual(["UNKNOWN", "RUNNING"]);
  expect(await ask(living, { do: "finish" })).toBe("SUCCEEDED");
});
