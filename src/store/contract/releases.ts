import { deepStrictEqual, equal, match, notEqual } from "node:assert/strict";
import { commit } from "../../digest.js";
import type { Approver, Change, ChangeAnswer, Store } from "../port.js";
import { outputViewOf, type Quarantine, quarantineOf } from "../quarantine.js";
import type { JobRow, VaultRow } from "../rows.js";
import {
  activate,
  asking,
  type Check,
  type ClaimChanges,
  claimed,
  claimOf,
  person,
  settleOf,
  T0,
  typesOf,
  voteOf,
} from "./requests.js";

const OUTPUT = '{"key":"AKIA"}';

const kept = (jobId: string, value = OUTPUT): VaultRow => ({
  tenantId: "acme",
  jobId,
  kind: "held",
  salt: "s",
  value,
});

interface Withheld {
  readonly result?: Partial<Quarantine>;
  readonly vault?: readonly VaultRow[];
}

/** Claims a job, settles it with its output withheld under `q-<id>`, and answers its row. */
async function withhold(store: Store, changes: ClaimChanges = {}, { result, vault }: Withheld = {}): Promise<JobRow> {
  const request = claimOf(changes);
  claimed(await store.claim(request));
  const { id, requesters } = request.job;
  const settled = {
    quarantineId: `q-${id}`,
    findings: [],
    rules: [],
    held: commit("s", OUTPUT),
    requesters,
    ...result,
  };
  const reason = { code: "output_quarantined", message: "a secret" } as const;
  await store.settle(
    settleOf(id, { status: "QUARANTINED", reason, result: JSON.stringify(settled), vault: vault ?? [kept(id)] }),
  );
  return rowOf(store, id);
}

async function rowOf(store: Store, id: string): Promise<JobRow> {
  const { quarantines = [] } = await store.read({ kind: "quarantine_of", jobId: id, tenantId: "acme" });
  const [stored] = quarantines;
  if (stored === undefined) throw new Error(`there is no job \`${id}\``);
  return stored.row;
}

function viewOf(row: JobRow): string {
  const quarantine = quarantineOf(row);
  return quarantine === null ? "" : outputViewOf(row, quarantine);
}

type Release = Extract<Change, { readonly kind: "release" }>;

async function release(store: Store, row: JobRow, by: Approver, changes: Partial<Release> = {}): Promise<ChangeAnswer> {
  const step = { kind: "release", tenantId: row.tenantId, jobId: row.id, view: viewOf(row), note: null } as const;
  const { events: _events, ...answer } = await store.change({
    now: T0 + 100,
    waitMs: 5_000,
    approver: by,
    ...step,
    ...changes,
  });
  return answer;
}

const ann = person("ann");

/** Outputs that were withheld, and their one delivery. */
export const RELEASES: readonly Check[] = [
  [
    "a withheld output is found by its own id and by its job's, with what is kept of it",
    async (store) => {
      await activate(store);
      const row = await withhold(store);
      await withhold(store, { id: "job-2", hash: "hash-2" });
      const [byId, byJob, unknown] = await Promise.all([
        store.read({ kind: "quarantine", id: "q-job-1" }),
        store.read({ kind: "quarantine_of", jobId: "job-1", tenantId: null }),
        store.read({ kind: "quarantine", id: "job-1" }),
      ]);
      deepStrictEqual(byId.quarantines, byJob.quarantines);
      equal(byId.quarantines?.length, 1);
      deepStrictEqual(byId.quarantines?.[0]?.row, row);
      equal(byId.quarantines?.[0]?.kept?.value, OUTPUT);
      equal(byId.quarantines?.[0]?.kept?.salt, "s");
      deepStrictEqual(unknown.quarantines, []);
    },
  ],
  [
    "a release answers the output, records the delivery and its note, and the job ended as it did",
    async (store) => {
      await activate(store);
      const before = await withhold(store);
      const note = { text: "looked at it", salt: "n", commitment: "c".repeat(64) };
      const answer = await release(store, before, ann, { note });
      equal(answer.status, "delivered");
      equal("output" in answer ? answer.output : null, OUTPUT);
      const after = await rowOf(store, "job-1");
      deepStrictEqual(quarantineOf(after)?.released, { by: "ann", at: T0 + 100 });
      deepStrictEqual({ ...after, result: before.result }, before);
      equal(viewOf(after), viewOf(before));
      const { events = [] } = await store.page({ kind: "timeline", traceId: "trace-1", after: null, limit: 10 });
      const last = events.at(-1);
      equal(last?.type, "output.released");
      deepStrictEqual(last?.body, {
        approval_id: null,
        approver: { id: "ann", kind: "human", roles: [], assurance: "host" },
        at: T0 + 100,
        job_id: "job-1",
        note: note.commitment,
        note_ref: "release",
        output: commit("s", OUTPUT),
        quarantine_id: "q-job-1",
        tenant_id: "acme",
        trace_id: "trace-1",
        type: "output.released",
        v: 1,
        view: viewOf(before),
      });
      const { jobs = [] } = await store.read({ kind: "job", id: "job-1", tenantId: "acme" });
      equal(jobs[0]?.vault.get("note:q-job-1:release"), "looked at it");
      equal(jobs[0]?.vault.get("held"), OUTPUT);
    },
  ],
  [
    "the private values of a job are answered with the salts that open their commitments, and no other job's",
    async (store) => {
      await activate(store);
      await withhold(store);
      await withhold(store, { id: "job-2", hash: "hash-2" });
      const { values = [] } = await store.read({ kind: "values", tenantId: "acme", jobId: "job-1" });
      const job = { tenantId: "acme", jobId: "job-1", kind: "job", salt: "salt", value: '{"of":"hash-1"}' } as const;
      deepStrictEqual(
        values.toSorted((a, b) => (a.kind < b.kind ? -1 : 1)),
        [kept("job-1"), job],
      );
      const others = await store.read({ kind: "values", tenantId: "other", jobId: "job-1" });
      deepStrictEqual(others.values, []);
    },
  ],
  [
    "of releases that arrive together one delivers, and no later one does",
    async (store) => {
      await activate(store);
      const row = await withhold(store);
      const people = Array.from({ length: 20 }, (_, n) => person(`p-${n}`));
      const answers = await Promise.all(people.map((by) => release(store, row, by)));
      const statuses = answers.map(({ status }) => status).sort();
      deepStrictEqual(statuses, ["delivered", ...Array.from({ length: 19 }, () => "released")]);
      equal(answers.filter((answer) => "output" in answer).length, 1);
      equal((await release(store, await rowOf(store, "job-1"), ann)).status, "released");
      deepStrictEqual(await typesOf(store), ["job.dispatching", "job.settled", "output.released"]);
    },
  ],
  [
    "a release that is refused changes nothing, and says why",
    async (store) => {
      await activate(store);
      const row = await withhold(store, { requesters: ["bot", "sam"] });
      const other = await withhold(store, { id: "job-2", hash: "hash-2" });
      notEqual(viewOf(row), viewOf(other));
      const refusals: readonly (readonly [string, Approver, Partial<Release>])[] = [
        ["unknown", ann, { jobId: "job-9" }],
        ["unknown", ann, { tenantId: "other" }],
        ["view_mismatch", ann, { view: viewOf(other) }],
        ["view_mismatch", ann, { view: "" }],
        ["is_requester", person("bot"), {}],
        ["is_requester", person(" S\u200bAM"), {}],
        ["tenant_mismatch", person("ann", { tenants: ["other"] }), {}],
        ["not_eligible", person("ann", { kind: "service" }), {}],
      ];
      for (const [status, by, changes] of refusals) {
        const answer = await release(store, row, by, changes);
        deepStrictEqual([answer.status, "output" in answer], [status, false]);
      }
      deepStrictEqual(await rowOf(store, "job-1"), row);
      deepStrictEqual(await typesOf(store), ["job.dispatching", "job.settled", "job.dispatching", "job.settled"]);
      equal((await release(store, row, ann)).status, "delivered");
    },
  ],
  [
    "nothing is released of a job that ended otherwise, of what is not kept, and of what is not what was withheld",
    async (store) => {
      await activate(store);
      claimed(await store.claim(claimOf()));
      equal((await release(store, await rowOf(store, "job-1"), ann)).status, "not_quarantined");
      await store.settle(settleOf("job-1", { result: JSON.stringify({ quarantineId: "q-job-1" }) }));
      equal((await release(store, await rowOf(store, "job-1"), ann)).status, "not_quarantined");
      const discarded = await withhold(store, { id: "job-2", hash: "hash-2" }, { result: { held: null }, vault: [] });
      equal((await release(store, discarded, ann)).status, "not_kept");
      const unsaid = await withhold(
        store,
        { id: "job-5", hash: "hash-5" },
        { result: { requesters: undefined as unknown as [] } },
      );
      equal((await release(store, unsaid, ann)).status, "not_kept");
      const erased = await withhold(store, { id: "job-3", hash: "hash-3" }, { vault: [] });
      equal((await release(store, erased, ann)).status, "not_kept");
      const changed = await withhold(
        store,
        { id: "job-4", hash: "hash-4" },
        { vault: [kept("job-4", '{"key":"BKIA"}')] },
      );
      equal((await release(store, changed, ann)).status, "damaged");
    },
  ],
  [
    "whoever asked for the job by way of its request may not release either, whatever the policy allows",
    async (store) => {
      await activate(store);
      const requirements = [{ ruleId: "r", quorum: 1, kinds: ["human"], allowSelf: true, confirmView: false }] as const;
      const verdict = asking("a-1", { requirements });
      await store.claim(claimOf({ verdict, requesters: ["bot"] }));
      await store.claim(claimOf({ id: "job-2", traceId: "trace-2", verdict, requesters: ["sam"] }));
      await store.vote(voteOf("a-1", "ann"));
      const row = await withhold(store, { verdict, now: T0 + 2_000 }, { result: { requesters: [] } });
      match(row.approvalId ?? "", /^a-1$/);
      for (const id of ["bot", "sam"]) equal((await release(store, row, person(id))).status, "is_requester");
      equal((await release(store, row, ann)).status, "delivered");
    },
  ],
  [
    "a release is recorded no earlier than what is logged already",
    async (store) => {
      await activate(store, "snap-1", T0 + 5_000);
      const row = await withhold(store, { now: T0 + 5_000 });
      equal((await release(store, row, ann, { now: T0 })).status, "delivered");
      equal(quarantineOf(await rowOf(store, "job-1"))?.released?.at, T0 + 5_000);
    },
  ],
];
