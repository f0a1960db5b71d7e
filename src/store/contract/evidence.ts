import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { writeBase64 } from "../../evidence/base64.js";
import { append, type Frontier, leafHash, NO_LEAVES, rootOf } from "../../evidence/merkle.js";
import { isConsistent, isIncluded } from "../../evidence/proof.js";
import type { Change, ChangeAnswer, EventFilter, LoggedEvent, Store } from "../port.js";
import { readHash } from "../prove.js";
import type { CheckpointRow } from "../rows.js";
import { activate, asking, type Check, claimed, claimOf, OWNER, owner, settleOf, T0 } from "./requests.js";

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
export async function eventsOf(store: Store, filter?: EventFilter, limit = 1_000): Promise<readonly LoggedEvent[]> {
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

export async function treeOf(store: Store): Promise<{ readonly size: number; readonly root: string }> {
  const { tree } = await store.read({ kind: "tree" });
  if (tree === undefined) throw new Error("the store answered no tree");
  return tree;
}

export async function rootsOf(store: Store): Promise<readonly string[]> {
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
];
