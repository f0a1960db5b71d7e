import { deepStrictEqual, equal, notEqual, ok } from "node:assert/strict";
import { writeBase64 } from "../../evidence/base64.js";
import { sealEvent } from "../../evidence/event.js";
import { append, type Frontier, leafHash, NO_LEAVES, rootOf } from "../../evidence/merkle.js";
import { isConsistent, isIncluded } from "../../evidence/proof.js";
import type { Change, ChangeAnswer, EventFilter, LoggedEvent, Store } from "../port.js";
import { readHash } from "../prove.js";
import type { CheckpointRow } from "../rows.js";
import {
  activate,
  asking,
  type Check,
  claimed,
  claimOf,
  limited,
  OWNER,
  owner,
  person,
  settleOf,
  statusOf,
  T0,
  typesOf,
  voteOf,
} from "./requests.js";

type Note = Extract<Change, { readonly kind: "note" }>;

/** Appends one event that says what it is told, and nothing else. */
async function appendOne(store: Store, facts: Note["facts"] = {}, changes: Partial<Note> = {}): Promise<void> {
  await store.change({ kind: "note", now: T0, waitMs: 5_000, type: "policy.rejected", facts, ...changes });
}

/** Appends so many events, each with another text. */
async function appendMany(store: Store, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await appendOne(store, { topic: `n-${n}` });
}

/** All events, or those that a filter asks for, in pages of that limit; each page's cursor is given back as it came. */
async function eventsOf(store: Store, filter?: EventFilter, limit = 1_000): Promise<readonly LoggedEvent[]> {
  const found: LoggedEvent[] = [];
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Store["page"]>> = await store.page({
      kind: "events",
      after,
      limit,
      ...(filter === undefined ? {} : { filter }),
    });
    ok((page.events ?? []).length <= limit);
    found.push(...(page.events ?? []));
    after = page.next;
  } while (after !== null);
  return found;
}

async function seqsOf(store: Store, filter: EventFilter, limit = 1_000): Promise<readonly number[]> {
  return (await eventsOf(store, filter, limit)).map(({ seq }) => seq);
}

/** The trees of the first 0, 1, 2 … events, made from their texts alone. */
function treesOf(events: readonly LoggedEvent[]): readonly Frontier[] {
  const trees = [NO_LEAVES];
  for (const { text } of events) trees.push(append(trees.at(-1) as Frontier, leafHash(text)));
  return trees;
}

const rootText = (tree: Frontier | undefined): string => writeBase64(rootOf(tree ?? NO_LEAVES));

async function treeOf(store: Store): Promise<{ readonly size: number; readonly root: string }> {
  const { tree } = await store.read({ kind: "tree" });
  if (tree === undefined) throw new Error("the store answered no tree");
  return tree;
}

async function rootsOf(store: Store): Promise<readonly string[]> {
  return treesOf(await eventsOf(store)).map(rootText);
}

async function keep(store: Store, size: number, root: string, note = `note of ${size}`): Promise<ChangeAnswer> {
  const { events, ...answer } = await store.change({ kind: "checkpoint", now: T0, waitMs: 5_000, size, root, note });
  deepStrictEqual(events, []);
  return answer;
}

async function checkpointAt(store: Store, size: number | null): Promise<CheckpointRow | null> {
  const { checkpoint } = await store.read({ kind: "checkpoint", size });
  if (checkpoint === undefined) throw new Error("the store answered no checkpoint");
  return checkpoint;
}

type Erase = Extract<Change, { readonly kind: "erase" }>;

/** Erases, and answers what a store answers but for whether copies are left, which is its own. */
async function erase(store: Store, jobId = "job-1", changes: Partial<Erase> = {}): Promise<object> {
  const { events: _events, ...answer } = await store.change({
    kind: "erase",
    now: T0 + 100,
    waitMs: 5_000,
    tenantId: "acme",
    jobId,
    facts: { by: "dana" },
    ...changes,
  });
  if (answer.status !== "erased") return answer;
  return { status: answer.status, values: answer.values };
}

async function vaultOf(store: Store, id = "job-1"): Promise<Readonly<Record<string, string>>> {
  const { jobs = [] } = await store.read({ kind: "job", id, tenantId: "acme" });
  return Object.fromEntries(jobs[0]?.vault ?? []);
}

const REFUSED = (refusal: string): object => ({ status: "not_erased", refusal });

/** The Merkle tree over the log, what was signed of it, how it is searched, and what may be taken away beside it. */
export const EVIDENCE: readonly Check[] = [
  [
    "the head of the tree grows by one leaf an event, and is what the events' own texts make",
    async (store) => {
      deepStrictEqual(await treeOf(store), { size: 0, root: rootText(NO_LEAVES) });
      await activate(store);
      claimed(await store.claim(claimOf()));
      await store.settle(settleOf());
      await appendOne(store, { topic: "\u00e9 \ud83d\ude80 \u2028" });
      for (let n = 4; n < 20; n += 1) {
        const events = await eventsOf(store);
        const tree = treesOf(events).at(-1);
        equal(events.length, n);
        deepStrictEqual(await treeOf(store), { size: n, root: rootText(tree) });
        await appendOne(store, { topic: `n-${n}` });
      }
    },
  ],
  [
    "a step that appends nothing, is refused or fails leaves the tree as it is",
    async (store) => {
      await activate(store);
      const before = await treeOf(store);
      await activate(store);
      await store.change({ kind: "renew", now: T0, waitMs: 5_000, owner: owner(OWNER) });
      equal((await store.settle(settleOf("job-9"))).status, "not_claimed");
      const failed = await store
        .change({ kind: "note", now: T0, waitMs: 5_000, type: "policy.rejected", facts: { n: Number.NaN } })
        .then(() => false)
        .catch(() => true);
      equal(failed, true);
      deepStrictEqual(await treeOf(store), before);
      await appendOne(store);
      deepStrictEqual(await treeOf(store), { size: 2, root: (await rootsOf(store))[2] });
    },
  ],
  [
    "every event is proved to stand in every tree that holds it, and in none that does not",
    async (store) => {
      await appendMany(store, 21);
      const events = await eventsOf(store);
      const roots = treesOf(events).map(rootText);
      for (const size of [1, 2, 3, 7, 8, 13, 16, 21]) {
        for (const { seq, text } of events) {
          const { event, proof } = await store.read({ kind: "inclusion", seq, size });
          equal(event?.text, text);
          if (seq > size) {
            equal(proof, null);
            continue;
          }
          equal(proof?.root, roots[size]);
          const about = {
            index: seq - 1,
            size,
            leaf: leafHash(text),
            root: readHash(roots[size] ?? ""),
            proof: (proof?.hashes ?? []).map(readHash),
          };
          ok(isIncluded(about), `event ${seq} in the tree of ${size}`);
          // Control: the same proof of another text is none.
          ok(!isIncluded({ ...about, leaf: leafHash(`${text} `) }));
        }
      }
    },
  ],
  [
    "every tree is proved to begin with every smaller one",
    async (store) => {
      await appendMany(store, 21);
      const roots = await rootsOf(store);
      for (let from = 1; from <= 21; from += 1) {
        for (let to = from; to <= 21; to += 1) {
          const { proof } = await store.read({ kind: "consistency", from, to });
          deepStrictEqual([proof?.fromRoot, proof?.root], [roots[from], roots[to]]);
          const about = {
            from,
            to,
            fromRoot: readHash(roots[from] ?? ""),
            toRoot: readHash(roots[to] ?? ""),
            proof: (proof?.hashes ?? []).map(readHash),
          };
          ok(isConsistent(about), `from ${from} to ${to}`);
          // Control: it is no proof about another tree.
          ok(!isConsistent({ ...about, fromRoot: readHash(roots[from - 1] ?? "") }));
        }
      }
    },
  ],
  [
    "nothing is proved about what the log does not hold, nor from a tree without leaves",
    async (store) => {
      const none = async (queries: readonly (readonly [number, number])[]): Promise<void> => {
        for (const [a, b] of queries) {
          equal((await store.read({ kind: "consistency", from: a, to: b })).proof, null, `from ${a} to ${b}`);
          equal((await store.read({ kind: "inclusion", seq: a, size: b })).proof, null, `event ${a} in ${b}`);
        }
      };
      await none([
        [0, 0],
        [0, 1],
        [1, 1],
      ]);
      await appendMany(store, 5);
      await none([
        [0, 0],
        [0, 5],
        [-1, 5],
        [1, 6],
        [6, 6],
        [5, 4],
        [1.5, 5],
        [1, 4.5],
        [Number.NaN, 5],
        [1, 2 ** 53],
      ]);
      equal((await store.read({ kind: "inclusion", seq: 6, size: 5 })).event, null);
    },
  ],
  [
    "a checkpoint is kept once a size, the first that was signed, and appends no event",
    async (store) => {
      await appendMany(store, 3);
      const roots = await rootsOf(store);
      const before = await treeOf(store);
      equal((await keep(store, 3, roots[3] ?? "", "first")).status, "done");
      equal((await keep(store, 3, roots[3] ?? "", "second")).status, "done");
      equal((await keep(store, 2, roots[2] ?? "")).status, "done");
      deepStrictEqual(await checkpointAt(store, 3), { size: 3, at: T0, note: "first" });
      const { checkpoints, next } = await store.page({ kind: "checkpoints", after: null, limit: 10 });
      deepStrictEqual([checkpoints?.map(({ note }) => note), next], [["note of 2", "first"], null]);
      deepStrictEqual(await treeOf(store), before);
      equal((await eventsOf(store)).length, 3);
    },
  ],
  [
    "a checkpoint is found by its size or the next larger one, or as the largest, and in pages by size",
    async (store) => {
      equal(await checkpointAt(store, null), null);
      equal(await checkpointAt(store, 1), null);
      await appendMany(store, 9);
      const roots = await rootsOf(store);
      // Not in their order: of gates that sign at one time, the quicker is not always the one that saw less.
      for (const size of [7, 2, 5, 9, 4]) equal((await keep(store, size, roots[size] ?? "")).status, "done");
      const found = [];
      for (const size of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, null]) found.push((await checkpointAt(store, size))?.size);
      deepStrictEqual(found, [2, 2, 2, 4, 4, 5, 7, 7, 9, 9, undefined, 9]);
      for (const limit of [1, 2, 5, 1_000]) {
        const sizes: number[] = [];
        let after: string | null = null;
        do {
          const page: Awaited<ReturnType<Store["page"]>> = await store.page({ kind: "checkpoints", after, limit });
          ok((page.checkpoints ?? []).length <= limit);
          sizes.push(...(page.checkpoints ?? []).map(({ size }) => size));
          after = page.next;
        } while (after !== null);
        deepStrictEqual(sizes, [2, 4, 5, 7, 9]);
      }
    },
  ],
  [
    "what was signed of another log is refused as a head that changed, and nothing is kept",
    async (store) => {
      const empty = rootText(NO_LEAVES);
      equal((await keep(store, 0, empty)).status, "head_changed");
      await appendMany(store, 4);
      const roots = await rootsOf(store);
      const other = writeBase64(leafHash("another"));
      const wrong: readonly (readonly [number, string])[] = [
        [4, other],
        [4, ""],
        [4, roots[3] ?? ""],
        [3, roots[4] ?? ""],
        [5, roots[4] ?? ""],
        [0, empty],
        [-1, empty],
        [1.5, empty],
        [1.5, roots[1] ?? ""],
        [Number.NaN, empty],
      ];
      for (const [size, root] of wrong) equal((await keep(store, size, root)).status, "head_changed", String(size));
      equal(await checkpointAt(store, null), null);
      deepStrictEqual((await store.page({ kind: "checkpoints", after: null, limit: 10 })).checkpoints, []);
      equal((await keep(store, 4, roots[4] ?? "")).status, "done");
    },
  ],
  [
    "a wrong root is refused also for a size of which a checkpoint is kept, and that stays as it is",
    async (store) => {
      await appendMany(store, 2);
      const roots = await rootsOf(store);
      equal((await keep(store, 2, roots[2] ?? "", "first")).status, "done");
      equal((await keep(store, 2, roots[1] ?? "", "second")).status, "head_changed");
      equal((await checkpointAt(store, 2))?.note, "first");
    },
  ],
  [
    "a request is answered with the oldest checkpoint that covers the event which opened it",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      const covering = async (): Promise<number | undefined> =>
        (await store.read({ kind: "approval", id: "a-1" })).approvals?.[0]?.checkpoint?.size;
      await appendMany(store, 3);
      const opened = (await eventsOf(store, { approvalId: "a-1" }))[0]?.seq ?? 0;
      const roots = await rootsOf(store);
      equal(await covering(), undefined);
      await keep(store, opened - 1, roots[opened - 1] ?? "");
      equal(await covering(), undefined);
      await keep(store, opened + 2, roots[opened + 2] ?? "");
      equal(await covering(), opened + 2);
      await keep(store, opened, roots[opened] ?? "");
      equal(await covering(), opened);
    },
  ],
  [
    "events are asked for by each of their fields, and by several at once",
    async (store) => {
      const facts: readonly Note["facts"][] = [
        { trace_id: "t-1", job_id: "j-1", tenant_id: "acme", topic: "job.a", status: "DENIED" },
        { trace_id: "t-2", job_id: "j-1", tenant_id: "other", topic: "job.b", decision: { rule_id: "r-1" } },
        { trace_id: "t-2", approval_id: "a-1", actor: { id: "bot", on_behalf_of: "ann" } },
        { approval_id: "a-2", approver: { id: "ann", kind: "human" } },
        { by: "bot", decision: null, actor: null },
        { submitted_by: "sam", actor: { id: "ann" }, decision: { rule_id: null } },
        { actor: "bot", approver: ["ann"], decision: "r-1" },
      ];
      for (const [n, fact] of facts.entries()) {
        await appendOne(store, fact, n % 2 === 0 ? {} : { type: "checkpoint.failed" });
      }
      const asked: readonly (readonly [EventFilter, readonly number[]])[] = [
        [{}, [1, 2, 3, 4, 5, 6, 7]],
        [{ types: ["checkpoint.failed"] }, [2, 4, 6]],
        [{ types: ["checkpoint.failed", "policy.rejected"] }, [1, 2, 3, 4, 5, 6, 7]],
        [{ types: ["gate.opened"] }, []],
        [{ types: [] }, []],
        [{ traceId: "t-2" }, [2, 3]],
        [{ jobId: "j-1" }, [1, 2]],
        [{ approvalId: "a-1" }, [3]],
        [{ tenantId: "other" }, [2]],
        [{ topic: "job.a" }, [1]],
        [{ topic: "job" }, []],
        [{ status: "DENIED" }, [1]],
        [{ ruleId: "r-1" }, [2]],
        [{ actorId: "bot" }, [3, 5]],
        [{ actorId: "ann" }, [3, 4, 6]],
        [{ actorId: "sam" }, [6]],
        [{ actorId: "nobody" }, []],
        [{ jobId: "j-1", tenantId: "other" }, [2]],
        [{ jobId: "j-1", tenantId: "other", traceId: "t-1" }, []],
        [{ types: ["checkpoint.failed"], actorId: "ann" }, [4, 6]],
      ];
      for (const [filter, seqs] of asked) deepStrictEqual(await seqsOf(store, filter), seqs, JSON.stringify(filter));
    },
  ],
  [
    "events are asked for from a time that counts to one that does not, by a time of the log that never goes back",
    async (store) => {
      // What each event says of itself; the log's own time is 10, 10, 10, 20, 20, 30.
      for (const at of [10, 10, 3, 20, 12, 30]) await appendOne(store, {}, { now: T0 + at });
      const asked: readonly (readonly [from: number | undefined, to: number | undefined, seqs: readonly number[]])[] = [
        [undefined, 10, []],
        [undefined, 11, [1, 2, 3]],
        [10, undefined, [1, 2, 3, 4, 5, 6]],
        [11, undefined, [4, 5, 6]],
        [10, 20, [1, 2, 3]],
        [11, 20, []],
        [12, 13, []],
        [20, 30, [4, 5]],
        [20, 31, [4, 5, 6]],
        [30, 30, []],
        [31, 10, []],
        [31, undefined, []],
      ];
      for (const [from, to, seqs] of asked) {
        const filter: EventFilter = {
          ...(from === undefined ? {} : { from: T0 + from }),
          ...(to === undefined ? {} : { to: T0 + to }),
        };
        for (const limit of [1, 2, 1_000]) deepStrictEqual(await seqsOf(store, filter, limit), seqs, `${from} ${to}`);
      }
      deepStrictEqual(
        (await eventsOf(store)).map(({ body }) => body.at),
        [10, 10, 3, 20, 12, 30].map((at) => T0 + at),
      );
    },
  ],
  [
    "pages of what is asked for give each event once and in order, however few of many there are",
    async (store) => {
      const rare = new Set([1, 2, 3, 997, 1_000, 1_001, 1_999, 2_000, 2_001, 2_100]);
      // Steps that arrive together need not be done in their order: which is which is read from the log.
      for (let n = 1; n <= 2_100; n += 100) {
        const some = Array.from({ length: 100 }, (_, k) => n + k);
        await Promise.all(
          some.map((k) => appendOne(store, { topic: rare.has(k) ? "rare" : "often" }, { now: T0 + k })),
        );
      }
      const wanted = (await eventsOf(store)).filter(({ body }) => body.topic === "rare").map(({ seq }) => seq);
      equal(wanted.length, rare.size);
      for (const limit of [1, 2, 1_000]) {
        deepStrictEqual(await seqsOf(store, { topic: "rare" }, limit), wanted);
        deepStrictEqual(await seqsOf(store, { topic: "never" }, limit), []);
        deepStrictEqual(await seqsOf(store, { topic: "rare", from: T0, to: T0 + 5_000 }, limit), wanted);
      }
      deepStrictEqual(
        await seqsOf(store, {}),
        (await eventsOf(store)).map(({ seq }) => seq),
      );
    },
  ],
  [
    "a policy that was in force is found by its snapshot as it was last, and no other is",
    async (store) => {
      await activate(store);
      await activate(store, "snap-2");
      await activate(store, "snap-1");
      const found = async (snapshot: string): Promise<unknown> =>
        (await store.read({ kind: "policy_of", snapshot })).policy;
      deepStrictEqual(await found("snap-1"), { epoch: 3, snapshot: "snap-1", document: '{"of":"snap-1"}' });
      deepStrictEqual(await found("snap-2"), { epoch: 2, snapshot: "snap-2", document: '{"of":"snap-2"}' });
      equal(await found("snap-3"), null);
    },
  ],
  [
    "an erasure takes all private values of a job with its hash, and is recorded with how many they were",
    async (store) => {
      await activate(store);
      const request = claimOf();
      const annotated = { ...request, job: { ...request.job, annotations: '{"for":"mallory"}' } };
      const { job } = claimed(await store.claim(annotated));
      await store.settle(settleOf());
      // Control: there is something to take.
      deepStrictEqual(Object.keys(await vaultOf(store)).sort(), ["annotations", "job", "output"]);
      deepStrictEqual(await erase(store), { status: "erased", values: 3 });
      deepStrictEqual(await vaultOf(store), {});
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      const [row] = jobs.map((stored) => stored.row);
      deepStrictEqual([row?.hash, row?.erasedAt, row?.status], ["", T0 + 100, "SUCCEEDED"]);
      equal(row?.commitment, job.commitment);
      const last = (await eventsOf(store)).at(-1);
      deepStrictEqual(last?.body, {
        at: T0 + 100,
        by: "dana",
        commitment: job.commitment,
        job_id: "job-1",
        tenant_id: "acme",
        trace_id: "trace-1",
        type: "job.erased",
        v: 1,
        values: 3,
      });
      deepStrictEqual(await treeOf(store), { size: last?.seq, root: (await rootsOf(store)).at(-1) });
    },
  ],
  [
    "erasing twice takes nothing more, and is recorded once",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      await store.settle(settleOf());
      deepStrictEqual(await erase(store), { status: "erased", values: 2 });
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 900 }), { status: "erased", values: 0 });
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      equal(jobs[0]?.row.erasedAt, T0 + 100);
      deepStrictEqual(await typesOf(store), ["job.dispatching", "job.settled", "job.erased"]);
    },
  ],
  [
    "an erasure takes what a request shows of the content, and what equal content is known by",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1");
      const request = claimOf({ verdict });
      await store.claim({ ...request, job: { ...request.job, annotations: '{"for":"mallory"}' } });
      const note = { text: "she asked me", salt: "n", commitment: "c".repeat(64) };
      await store.vote(voteOf("a-1", "ann", { note }));
      claimed(await store.claim(claimOf({ verdict, now: T0 + 2_000 })));
      await store.settle(settleOf("job-1", { now: T0 + 2_010 }));
      const asked = async () => (await store.read({ kind: "approval", id: "a-1" })).approvals?.[0];
      const before = await asked();
      equal(before?.row.jobHash, "hash-1");
      ok(Object.values(await vaultOf(store)).includes("she asked me"));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 3_000 }), { status: "erased", values: 4 });
      const after = await asked();
      equal(after?.row.jobHash, "");
      notEqual(after?.row.key, before?.row.key);
      ok(!after?.row.key.includes("hash-1"));
      // A salted commitment, whose salt is gone: what was shown stays what was voted on.
      equal(after?.row.shown, before?.row.shown);
      deepStrictEqual(after?.vault.size, 0);
      deepStrictEqual([after?.row.state, after?.votes], [before?.row.state, before?.votes]);
    },
  ],
  [
    "nothing is erased of a job that is unknown, runs, or waits",
    async (store) => {
      await activate(store);
      deepStrictEqual(await erase(store, "job-9"), REFUSED("unknown"));
      claimed(await store.claim(claimOf()));
      deepStrictEqual(await erase(store), REFUSED("open"));
      deepStrictEqual(await erase(store, "job-1", { tenantId: "other" }), REFUSED("unknown"));
      const waiting = { id: "job-2", traceId: "trace-2", hash: "hash-2", verdict: asking("a-2") };
      await store.claim(claimOf(waiting));
      deepStrictEqual(await erase(store, "job-2"), REFUSED("open"));
      deepStrictEqual(Object.keys(await vaultOf(store)).sort(), ["job"]);
      deepStrictEqual(Object.keys(await vaultOf(store, "job-2")).sort(), ["job"]);
      equal((await eventsOf(store, { types: ["job.erased"] })).length, 0);
      await store.settle(settleOf());
      deepStrictEqual(await erase(store), { status: "erased", values: 2 });
    },
  ],
  [
    "nothing is erased of a job that waits for room in a limit with its approval in hand",
    async (store) => {
      await activate(store);
      const limits = limited(1, 60_000);
      claimed(await store.claim(claimOf({ id: "job-0", traceId: "trace-0", hash: "hash-0", limits })));
      const verdict = asking("a-1", { useWithinMs: 600_000 });
      await store.claim(claimOf({ verdict, limits }));
      await store.vote(voteOf("a-1", "ann"));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 1_500 }), REFUSED("open"));
      equal(statusOf(await store.claim(claimOf({ verdict, limits, now: T0 + 2_000 }))), "throttled");
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 2_500 }), REFUSED("open"));
      claimed(await store.claim(claimOf({ verdict, limits, now: T0 + 60_001 })));
    },
  ],
  [
    "nothing is erased while its request is open for others, whoever the job was",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1");
      await store.claim(claimOf({ verdict, requesters: ["bot"] }));
      await store.claim(claimOf({ verdict, id: "job-2", traceId: "trace-2" }));
      const by = { id: "bot", key: "bot" };
      const step = { kind: "cancel", tenantId: "acme", jobId: "job-1", approvalId: "a-1", by, note: null } as const;
      await store.change({ now: T0 + 10, waitMs: 5_000, ...step });
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      notEqual(jobs[0]?.row.status, "PENDING_APPROVAL");
      deepStrictEqual(await erase(store), REFUSED("open"));
      await store.vote(voteOf("a-1", "ann"));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 1_500 }), REFUSED("open"));
      claimed(await store.claim(claimOf({ verdict, id: "job-2", traceId: "trace-2", now: T0 + 2_000 })));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 2_500 }), { status: "erased", values: 1 });
    },
  ],
  [
    "nothing is erased while others are left waiting for its request, which they may yet ask in the place of",
    async (store) => {
      await activate(store);
      const other = { id: "job-2", traceId: "trace-2" };
      await store.claim(claimOf({ verdict: asking("a-1") }));
      await store.claim(claimOf({ ...other, verdict: asking("a-1") }));
      await activate(store, "snap-2");
      claimed(await store.claim(claimOf({ epoch: 2, snapshot: "snap-2", now: T0 + 10 })));
      await store.settle(settleOf());
      // Control: the request is not open any more, and the other job is what is left of it.
      const [asked] = (await store.read({ kind: "approval", id: "a-1" })).approvals ?? [];
      deepStrictEqual([asked?.row.state, asked?.row.supersededBy], ["superseded", null]);
      deepStrictEqual(await erase(store), REFUSED("open"));
      claimed(await store.claim(claimOf({ ...other, epoch: 2, snapshot: "snap-2", now: T0 + 200 })));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 300 }), { status: "erased", values: 2 });
    },
  ],
  [
    "nothing is erased while a rejection stands, by the time of the log, and then it is",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1", { rejectionStandsMs: 5_000 });
      await store.claim(claimOf({ verdict }));
      await store.vote(voteOf("a-1", "ann", { vote: "reject", now: T0 + 1_000 }));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 5_999 }), REFUSED("rejected"));
      equal(statusOf(await store.claim(claimOf({ verdict, id: "job-2", traceId: "t-2", now: T0 + 5_000 }))), "refused");
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 6_000 }), { status: "erased", values: 1 });
    },
  ],
  [
    "a rejection that was lifted stands in no erasure's way",
    async (store) => {
      await activate(store);
      await store.claim(claimOf({ verdict: asking("a-1") }));
      await store.vote(voteOf("a-1", "ann", { vote: "reject" }));
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 2_000 }), REFUSED("rejected"));
      const lift = { kind: "lift", approvalId: "a-1", approver: person("ann"), note: null } as const;
      equal((await store.change({ now: T0 + 3_000, waitMs: 5_000, ...lift })).status, "done");
      // Told an earlier time than the log's, it is recorded at that of the log.
      deepStrictEqual(await erase(store, "job-1", { now: T0 }), { status: "erased", values: 1 });
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      equal(jobs[0]?.row.erasedAt, T0 + 3_000);
    },
  ],
  [
    "the id of an erased job is never another job's, also with what it was before",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      await store.settle(settleOf());
      await erase(store);
      for (const hash of ["hash-1", "hash-2"]) equal(statusOf(await store.claim(claimOf({ hash }))), "id_reused");
      deepStrictEqual(await vaultOf(store), {});
      const again = claimOf({ id: "job-2", traceId: "trace-2" });
      claimed(await store.claim(again));
    },
  ],
  [
    "a result that comes after the erasure is recorded, and its values are not kept",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      await store.settle(settleOf("job-1", { status: "TIMED_OUT", vault: [], ended: false }));
      deepStrictEqual(await erase(store), { status: "erased", values: 1 });
      const event = sealEvent("job.late", T0 + 200, { trace_id: "trace-1" });
      equal((await store.settle(settleOf("job-1", { status: null, event, now: T0 + 200 }))).status, "settled");
      deepStrictEqual(await vaultOf(store), {});
      deepStrictEqual((await typesOf(store)).slice(-2), ["job.erased", "job.late"]);
    },
  ],
  [
    "a job that was given up, erased, and settled by an owner who lived on ends as it did without its values",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      await store.recover({ now: T0 + 50, waitMs: 5_000, gone: [OWNER], owner: "me" });
      deepStrictEqual(await erase(store), { status: "erased", values: 1 });
      equal((await store.settle(settleOf("job-1", { now: T0 + 200 }))).status, "settled");
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      deepStrictEqual([jobs[0]?.row.status, jobs[0]?.row.hash, jobs[0]?.row.erasedAt], ["SUCCEEDED", "", T0 + 100]);
      deepStrictEqual(await vaultOf(store), {});
    },
  ],
  [
    "a withheld output that was erased is delivered to nobody",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      const result = JSON.stringify({ quarantineId: "q-1", findings: [], rules: [], held: "h", requesters: [] });
      const held = { tenantId: "acme", jobId: "job-1", kind: "held", salt: "s", value: '{"key":1}' } as const;
      await store.settle(settleOf("job-1", { status: "QUARANTINED", result, vault: [held] }));
      equal((await store.read({ kind: "quarantine", id: "q-1" })).quarantines?.[0]?.kept?.salt, "s");
      deepStrictEqual(await erase(store), { status: "erased", values: 2 });
      equal((await store.read({ kind: "quarantine", id: "q-1" })).quarantines?.[0]?.kept, null);
      const step = { kind: "release", tenantId: "acme", jobId: "job-1", view: "", note: null } as const;
      const answer = await store.change({ now: T0 + 200, waitMs: 5_000, approver: person("ann"), ...step });
      deepStrictEqual([answer.status, "output" in answer], ["not_kept", false]);
    },
  ],
  [
    "another job keeps its values and its hash: of equal content, of the same id elsewhere, or by the same request",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1");
      await store.claim(claimOf({ verdict }));
      await store.claim(claimOf({ verdict, id: "job-2", traceId: "trace-2" }));
      await store.vote(voteOf("a-1", "ann"));
      claimed(await store.claim(claimOf({ verdict, now: T0 + 2_000 })));
      await store.settle(settleOf("job-1", { now: T0 + 2_010 }));
      const request = claimOf({ now: T0 + 2_020 });
      claimed(await store.claim({ ...request, job: { ...request.job, tenantId: "other" } }));
      claimed(await store.claim(claimOf({ id: "job-3", traceId: "trace-3", now: T0 + 2_030 })));
      await store.settle(settleOf("job-3", { now: T0 + 2_040 }));
      const others = async (): Promise<unknown> => {
        const rows = [];
        for (const [id, tenantId] of [
          ["job-1", "other"],
          ["job-2", "acme"],
          ["job-3", "acme"],
        ] as const) {
          const { jobs = [] } = await store.read({ kind: "job", id, tenantId });
          rows.push({ row: jobs[0]?.row, vault: [...(jobs[0]?.vault ?? [])].sort() });
        }
        return rows;
      };
      const before = await others();
      deepStrictEqual(await erase(store, "job-1", { now: T0 + 3_000 }), { status: "erased", values: 2 });
      deepStrictEqual(await others(), before);
      ok(JSON.stringify(before).includes("hash-1"));
      deepStrictEqual(Object.keys(await vaultOf(store, "job-3")).sort(), ["job", "output"]);
      deepStrictEqual(await vaultOf(store), {});
    },
  ],
  [
    "erasing a job that only joined a request leaves the request of the other as it is",
    async (store) => {
      await activate(store);
      const verdict = asking("a-1");
      await store.claim(claimOf({ verdict }));
      await store.claim(claimOf({ verdict, id: "job-2", traceId: "trace-2" }));
      await store.vote(voteOf("a-1", "ann"));
      claimed(await store.claim(claimOf({ verdict, id: "job-2", traceId: "trace-2", now: T0 + 2_000 })));
      await store.settle(settleOf("job-2", { now: T0 + 2_010 }));
      const asked = async () => (await store.read({ kind: "approval", id: "a-1" })).approvals?.[0]?.row;
      const before = await asked();
      equal(before?.jobHash, "hash-1");
      deepStrictEqual(await erase(store, "job-2", { now: T0 + 3_000 }), { status: "erased", values: 2 });
      deepStrictEqual(await asked(), before);
      deepStrictEqual(Object.keys(await vaultOf(store)).sort(), ["job"]);
    },
  ],
];
