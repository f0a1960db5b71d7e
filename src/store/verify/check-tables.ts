import type { ReplayState, Shelf } from "../replay.js";
import { checkState } from "./check-state.js";
import type { GuardedSource } from "./guard-source.js";
import { type ProblemCode, type Problems, shownId } from "./problem.js";
import type { Pages } from "./source.js";

/** Rows that are read at a time. */
const PAGE = 256;

interface Parts {
  readonly guarded: GuardedSource;
  readonly state: ReplayState;
  readonly problems: Problems;
  /** Lets others have their turn. */
  readonly turn: () => Promise<void>;
}

/** Holds every row of the tables against what the log came to, and looks for rows that the log knows and no table has. */
export async function checkTables(parts: Parts): Promise<void> {
  const { guarded, state, problems } = parts;
  const { jobs, approvals, votes, policies, halts, values, has } = guarded.source;
  const check = checkState(state, problems);

  const knownJobs = await readTable(parts, "jobs", "state_job", jobs, check.job);
  await findMissing(parts, knownJobs, state.jobs, ({ tenantId, id }) => {
    if (!has.job(tenantId, id)) problems.add("state_job", `job ${shownId(id)} is missing`);
  });

  const knownApprovals = await readTable(parts, "approvals", "state_approval", approvals, ({ read }) =>
    check.approval(read()),
  );
  await findMissing(parts, knownApprovals, state.approvals, ({ id }) => {
    if (!has.approval(id)) problems.add("state_approval", `request ${shownId(id)} is missing`);
  });

  const knownVotes = await readTable(parts, "votes", "state_vote", votes, ({ read }) => check.vote(read()));
  await findMissing(parts, knownVotes, state.votes, ({ approvalId, number }) => {
    if (has.vote(approvalId, number)) return;
    problems.add("state_vote", `vote ${number} on request ${shownId(approvalId)} is missing`);
  });

  const knownPolicies = await readTable(parts, "policies", "state_policy", policies, check.policy);
  await findMissing(parts, knownPolicies, state.policies, ({ epoch }) => {
    if (!has.policy(epoch)) problems.add("state_policy", `the policy of epoch ${shownId(epoch)} is missing`);
  });

  const knownHalts = await readTable(parts, "halts", "state_halt", halts, ({ read }) => check.halt(read()));
  await findMissing(parts, knownHalts, state.halts, ({ number }) => {
    if (!has.halt(number)) problems.add("state_halt", `halt ${shownId(number)} is missing`);
  });

  const kept = await readTable(parts, "private values", "value", values, check.value);
  if (kept === null || knownJobs === null || kept >= check.unerased()) return;
  await lookAtAll(parts, state.jobs, ({ tenantId, id, erasedAt }) => {
    if (erasedAt !== null || !has.job(tenantId, id) || has.value(tenantId, id, "job")) return;
    problems.add("value", `the value "job" of job ${shownId(id)} is missing`);
  });
}

/** Reads a whole table. Answers how many of its rows the log knows; null where not all of it could be read. */
async function readTable<Row extends object>(
  { guarded, problems, turn }: Parts,
  table: string,
  code: ProblemCode,
  { key, page: read }: Pages<Row>,
  take: (row: Row) => boolean,
): Promise<number | null> {
  let known = 0;
  for (let after: readonly unknown[] | null = null; ; ) {
    const page: readonly Row[] = read(after, PAGE);
    for (const row of page) {
      try {
        if (take(row)) known += 1;
      } catch {
        // Whatever stands there, it is no row of this table.
        problems.add(
          code,
          `a row of ${table} cannot be read: ${key.map((name) => shownId(Reflect.get(row, name))).join(" ")}`,
        );
      }
    }
    await turn();
    if (guarded.isLost(table)) return null;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return known;
    const place: readonly unknown[] = key.map((name): unknown => Reflect.get(last, name));
    if (after !== null && !isBehind(place, after)) {
      guarded.lose(table, `${table} do not stand in their order`);
      return null;
    }
    after = place;
  }
}

/** Looks for what a table lacks, where it has fewer rows that the log knows than the log knows rows. */
async function findMissing<Row>(
  parts: Parts,
  known: number | null,
  shelf: Shelf<Row>,
  look: (row: Row) => void,
): Promise<void> {
  if (known !== null && known < shelf.count()) await lookAtAll(parts, shelf, look);
}

async function lookAtAll<Row>({ turn }: Parts, shelf: Shelf<Row>, look: (row: Row) => void): Promise<void> {
  for (let after: string | null = null; ; ) {
    const page: readonly (readonly [key: string, row: Row])[] = shelf.page(after, PAGE);
    for (const [, row] of page) look(row);
    await turn();
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last[0];
  }
}

function isBehind(place: readonly unknown[], before: readonly unknown[]): boolean {
  const orders = place.map((value, index) => compare(value, before[index]));
  return (orders.find((order) => order !== 0) ?? 0) > 0;
}

/** As the database sorts: texts by their UTF-8. What is of another type than was written has no place in any order. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return -1;
}
