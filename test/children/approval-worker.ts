import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createGate, type DispatchContext, type Gate, type Job, openApprovals } from "dispatch-gate";
import { type Connection, loadDriver } from "../../src/store/sqlite/driver.js";
import { onMessage, tell } from "./tell.js";

/** What the parent says when it starts this process. */
export interface Setup {
  readonly store: string;
  /** Null: the policy in force on the store. */
  readonly policy: string | null;
  /** Names of the dispatchers that it has. */
  readonly dispatchers: readonly string[];
  /** A file that every dispatch appends a line to. */
  readonly witness: string;
  readonly deriveTags?: readonly string[];
}

/** What the parent asks of it. Each is answered once, under its number. */
export type Request = { readonly number: number } & (
  | { readonly do: "submit"; readonly jobs: readonly Job[]; readonly dispatcher?: string; readonly waitMs?: number }
  | { readonly do: "resume"; readonly ids: readonly string[]; readonly window: number; readonly dispatcher?: string }
  | { readonly do: "drain"; readonly concurrency: number }
  | { readonly do: "reload"; readonly policy: string }
  | { readonly do: "approve"; readonly jobId: string; readonly by: string; readonly note?: string }
  /** A vote without the host's configuration. */
  | { readonly do: "record"; readonly jobId: string; readonly by: string }
  /** Reads that an approval is unused, and only then writes that it is used. */
  | { readonly do: "naive"; readonly ids: readonly string[]; readonly window: number }
);

const setup = JSON.parse(process.argv[2] ?? "{}") as Setup;
const act =
  (name: string) =>
  (job: { readonly id: string }, { permit }: DispatchContext): number => {
    appendFileSync(setup.witness, `${job.id} ${name} ${permit.dispatcher}\n`);
    return Date.now();
  };
const gate: Gate = await createGate({
  ...(setup.policy === null ? { activate: "never" } : { policy: { yaml: setup.policy } }),
  store: setup.store,
  dispatchers: Object.fromEntries(setup.dispatchers.map((name) => [name, act(name)])),
  ...(setup.deriveTags === undefined ? {} : { deriveTags: () => setup.deriveTags ?? [] }),
  deadlineMs: 60_000,
});

/** Runs a step for each, in order, so many at a time. */
async function each<T, R>(list: readonly T[], window: number, step: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < list.length) {
      const at = next;
      next += 1;
      answers[at] = await step(list[at] as T);
    }
  };
  await Promise.all(Array.from({ length: window }, work));
  return answers;
}

async function naive(ids: readonly string[], window: number): Promise<readonly string[]> {
  const Database = await loadDriver();
  const connection: Connection = new Database(setup.witness, { timeout: 5_000, fileMustExist: true });
  const look = connection.prepare("SELECT used FROM approvals WHERE id = ?");
  const use = connection.prepare("UPDATE approvals SET used = 1 WHERE id = ?");
  const ran = await each(ids, window, async (id) => {
    const unused = look.get(id)?.used === 0;
    await sleep(0);
    if (unused) use.run(id);
    return unused ? [id] : [];
  });
  connection.close();
  return ran.flat();
}

async function answer(request: Request): Promise<unknown> {
  switch (request.do) {
    case "submit": {
      const { jobs, dispatcher, waitMs = 0 } = request;
      const options = { waitForApprovalMs: waitMs };
      return each(jobs, 16, async (job) => {
        const { status, reason, jobId, ...rest } = await gate.evaluateAndDispatch(job, dispatcher, options);
        return { status, code: reason.code, jobId, output: "output" in rest ? rest.output : null };
      });
    }
    case "resume":
      return each(request.ids, request.window, async (id) => {
        const { status, reason, replayed } = await gate.resume(id, request.dispatcher);
        return { id, status, code: reason.code, ran: status === "SUCCEEDED" && !replayed };
      });
    case "drain": {
      const outcomes = await gate.drain({ concurrency: request.concurrency });
      return outcomes.map(({ jobId, status }) => `${jobId} ${status}`);
    }
    case "reload":
      await gate.reload({ yaml: request.policy });
      return null;
    case "approve": {
      const { note } = request;
      await gate.approvals.approve(
        { jobId: request.jobId },
        { by: { id: request.by }, ...(note === undefined ? {} : { note }) },
      );
      return Date.now();
    }
    case "record": {
      const desk = await openApprovals({ store: setup.store });
      try {
        return (await desk.approve({ jobId: request.jobId }, { by: { id: request.by } })).state;
      } finally {
        await desk.close();
      }
    }
    case "naive":
      return naive(request.ids, request.window);
  }
}

onMessage((message) => {
  const request = message as Request | null;
  if (request === null) {
    void gate.close().then(() => process.disconnect());
    return;
  }
  answer(request).then(
    (value) => tell({ number: request.number, value }),
    (error: unknown) => tell({ number: request.number, error: (error as { code?: string }).code ?? String(error) }),
  );
});
tell("ready");
