import { deepStrictEqual, equal, rejects } from "node:assert/strict";
import { canonicalize } from "../../canonical.js";
import { commit, digest } from "../../digest.js";
import { sealEvent } from "../../evidence/event.js";
import { compilePolicy, documentText, type Policy } from "../../policy/policy.js";
import type { SettleRequest, Store } from "../port.js";
import { asking, type Check, type ClaimChanges, claimed, claimOf, settleOf, T0, voteOf } from "./requests.js";

const policyOf = (topic: string): Policy =>
  compilePolicy({ document: { version: "v1", rules: [{ id: "r", match: { topics: [topic] }, decision: "deny" }] } });

const [POLICY, OTHER] = [policyOf("a"), policyOf("b")];

async function activateWhole(store: Store, policy = POLICY): Promise<void> {
  const [snapshot, document] = [policy.snapshot, documentText(policy)];
  await store.change({ kind: "activate", now: T0, waitMs: 5_000, snapshot, document, facts: {} });
}

/** A claim whose hash and commitment are those of its content, as a gate makes them. */
function wholeClaim(of: string, changes: ClaimChanges = {}) {
  const { snapshot } = POLICY;
  const hash = digest("job", canonicalize({ of }));
  const request = claimOf({ snapshot, hash, approvalKey: `${hash} acme default`, ...changes });
  const canonical = canonicalize({ of });
  const commitment = commit("salt", canonical);
  const facts = { ...request.facts, job: commitment };
  const dispatching = request.verdict.kind === "permit" ? sealEvent("job.dispatching", request.now, facts) : null;
  return { ...request, facts, dispatching, job: { ...request.job, canonical, commitment } };
}

/** A settle whose event says what is settled, as a gate makes it. */
function wholeSettle(id: string): SettleRequest {
  const reason = { code: "completed", message: "the job ran" } as const;
  const said = { status: "SUCCEEDED", reason, output: commit("s", '{"ok":true}'), quarantine_id: null };
  const facts = { trace_id: "trace-1", job_id: id, tenant_id: "acme", ...said };
  return settleOf(id, { event: sealEvent("job.settled", T0 + 10, facts) });
}

const SLOWED = {
  kind: "refuse",
  status: "THROTTLED",
  reason: { code: "rule_matched", message: "later" },
} as const;

/** The log and the tables beside it, recomputed and replayed. */
export const VERIFYING: readonly Check[] = [
  [
    "an empty log verifies, and its root is that of no leaves",
    async (store) => {
      const { integrity, ...answer } = await store.verify({ keys: [], state: true });
      deepStrictEqual(answer, {
        events: 0,
        size: 0,
        root: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        checkpoints: 0,
        problems: [],
        more: 0,
      });
      equal(integrity ?? "ok", "ok");
    },
  ],
  [
    "what a store wrote verifies: the tree over more than one tile, and every table",
    async (store) => {
      await activateWhole(store);
      for (let n = 0; n < 150; n += 1) {
        const id = `job-${n}`;
        claimed(await store.claim(wholeClaim(`content ${n}`, { id })));
        await store.settle(wholeSettle(id));
      }
      await store.claim(wholeClaim("asked", { id: "asked", verdict: asking("a-1") }));
      await store.claim(wholeClaim("asked", { id: "joined", verdict: asking("a-2") }));
      await store.vote(voteOf("a-1", "ann"));
      claimed(await store.claim(wholeClaim("asked", { id: "asked", now: T0 + 2_000, verdict: asking("a-3") })));
      const { tree } = await store.read({ kind: "tree" });
      const { integrity, ...answer } = await store.verify({ keys: [], state: true });
      deepStrictEqual(answer, {
        events: tree?.size,
        ...tree,
        checkpoints: 0,
        problems: [],
        more: 0,
      });
      equal(integrity ?? "ok", "ok");
      equal(answer.events, 1 + 300 + 4);
    },
  ],
  [
    "a table that is not what the log comes to is told by its row, and only where it is asked for",
    async (store) => {
      await activateWhole(store);
      claimed(await store.claim(wholeClaim("content")));
      // The event says something else than what is recorded.
      const facts = { trace_id: "trace-1", job_id: "job-1", tenant_id: "acme", status: "FAILED", output: null };
      await store.settle(settleOf("job-1", { event: sealEvent("job.settled", T0 + 10, facts) }));
      const { problems } = await store.verify({ keys: [], state: true });
      deepStrictEqual(problems, [
        { code: "state_job", message: 'job "job-1" is not what the log says: status, reason', seq: null },
        { code: "value", message: 'the value "output" of job "job-1" is not known to the log', seq: null },
      ]);
      deepStrictEqual((await store.verify({ keys: [], state: false })).problems, []);
    },
  ],
  [
    "a throttled job that was moved to another request, and then waits for it, is what the log says",
    async (store) => {
      await activateWhole(store);
      await store.claim(wholeClaim("asked", { id: "first", verdict: asking("a-1") }));
      await store.claim(wholeClaim("asked", { id: "second", verdict: asking("a-2") }));
      await activateWhole(store, OTHER);
      await store.claim(wholeClaim("asked", { id: "second", epoch: 2, snapshot: OTHER.snapshot, verdict: SLOWED }));
      await activateWhole(store);
      const again = await store.claim(wholeClaim("asked", { id: "first", epoch: 3, verdict: asking("a-3") }));
      equal(again.status, "pending");
      const moved = await store.claim(wholeClaim("asked", { id: "second", epoch: 3, verdict: asking("a-4") }));
      equal(moved.status === "pending" ? moved.job.approvalId : null, "a-3");
      deepStrictEqual((await store.verify({ keys: [], state: true })).problems, []);
    },
  ],
  [
    "a throttled job whose request lapsed before is what the log says once somebody goes on with it",
    async (store) => {
      await activateWhole(store);
      await store.claim(wholeClaim("asked", { verdict: asking("a-1") }));
      await store.claim(wholeClaim("asked", { now: T0 + 20_000, verdict: SLOWED }));
      const ended = await store.claim(wholeClaim("asked", { now: T0 + 21_000, opens: false, verdict: asking("a-2") }));
      equal(ended.status === "refused" ? ended.job.reason.code : null, "approval_expired");
      deepStrictEqual((await store.verify({ keys: [], state: true })).problems, []);
    },
  ],
  [
    "a checkpoint that none of the keys signed is told, and a key that is none is refused",
    async (store) => {
      await activateWhole(store);
      const { tree } = await store.read({ kind: "tree" });
      const { size, root } = tree ?? { size: 0, root: "" };
      const note = `example.com/log\n${size}\n${root}\n\n\u2014 example.com/log AAAAAAAA\n`;
      await store.change({ kind: "checkpoint", now: T0, waitMs: 5_000, size, root, note });
      const { checkpoints, problems } = await store.verify({ keys: [], state: false });
      equal(checkpoints, 1);
      const message = "the checkpoint of 1 events is signed by none of the keys";
      deepStrictEqual(problems, [{ code: "checkpoint_signature", message, seq: null }]);
      await rejects(store.verify({ keys: ["no key"], state: false }), TypeError);
    },
  ],
];
