import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ApprovalError, createGate, type Gate } from "dispatch-gate";
import { loadDriver } from "../../../src/store/sqlite/driver.js";
import { type ClockFigures, type ClockSubject, type ClockTerms, runClockScript, termsOf } from "../clock-script.js";
import { readSetup, serve } from "./serve.js";

/** What the parent says when it starts this process, under libfaketime. */
export interface JumperSetup {
  readonly scratch: string;
  /** The file that libfaketime reads the offset from, each time that the clock is read. */
  readonly offsetFile: string;
  readonly seed: number;
}

/** One script. `keep`: its database stays. */
export interface JumperRequest {
  readonly number: number;
  readonly naive: boolean;
  readonly keep: boolean;
}

/** What it came to, or what does not hold. */
export type JumperAnswer =
  | { readonly ok: true; readonly figures: ClockFigures; readonly store: string }
  | { readonly ok: false; readonly fault: string };

const { scratch, offsetFile, seed } = readSetup<JumperSetup>();
const Database = await loadDriver();

/** The file is never seen half written. */
function setOffset(seconds: number): void {
  writeFileSync(`${offsetFile}.next`, `${seconds < 0 ? "" : "+"}${seconds}`);
  renameSync(`${offsetFile}.next`, offsetFile);
}

const policyOf = ({ expiresMs, useWithinMs, limit, windowMs }: ClockTerms): string => `version: v1
approvals: { expires_in_sec: ${expiresMs / 1_000}, use_within_sec: ${useWithinMs / 1_000} }
queue: { max_pending: 1000, max_pending_per_actor: 1000, max_requests_per_actor: { limit: 1000, window_sec: 1 } }
rules:
  - { id: ask, match: { topics: [ask] }, decision: require_approval }
  - { id: hit, match: { topics: [hit] }, decision: allow }
  - { id: rate, match: { topics: [hit] }, decision: throttle, throttle: { limit: ${limit}, window_sec: ${windowMs / 1_000} } }
`;

function gateSubject(store: string, terms: ClockTerms): ClockSubject {
  let gate: Gate;
  let calledAt = 0;
  return {
    open: async () => {
      gate = await createGate({
        policy: { yaml: policyOf(terms) },
        store,
        deadlineMs: 60_000,
        dispatch: () => {
          calledAt = performance.now();
        },
      });
    },
    close: () => gate.close(),
    ask: async (id) => {
      const { status, reason, approval } = await gate.evaluateAndDispatch({ id, topic: "ask", payload: id });
      if (approval === undefined) throw new Error(`asked, and answered ${status} (${reason.code})`);
      return approval.expiresAt;
    },
    look: async (jobId) => ({ state: (await gate.approvals.get({ jobId }))?.state ?? "none" }),
    approve: async (jobId) => {
      try {
        const { state, expiresAt } = await gate.approvals.approve({ jobId }, { by: { id: "ann" } });
        return { said: state, expiresAt };
      } catch (error) {
        if (error instanceof ApprovalError) return { said: error.code, expiresAt: 0 };
        throw error;
      }
    },
    resume: async (id) => {
      const { status, reason, replayed } = await gate.resume(id);
      return status === "SUCCEEDED" && !replayed ? "ran" : reason.code;
    },
    hit: async () => {
      const outcome = await gate.evaluateAndDispatch({ topic: "hit" });
      if (outcome.status === "SUCCEEDED") return { status: "passed", at: calledAt, retryAfterMs: 0 };
      if (outcome.status !== "THROTTLED")
        throw new Error(`a hit was answered ${outcome.status} (${outcome.reason.code})`);
      return { status: "throttled", at: 0, retryAfterMs: outcome.retryAfterMs ?? Number.POSITIVE_INFINITY };
    },
    log: async () => {
      const connection = new Database(store, { timeout: 5_000, fileMustExist: true, readonly: true });
      const rows = connection.prepare("SELECT at, type, CAST(bytes AS TEXT) AS text FROM events ORDER BY seq").all();
      connection.close();
      const opened = rows.map(({ type }) => type).lastIndexOf("gate.opened");
      const told = rows.slice(opened).filter(({ type }) => type === "clock.jumped");
      return {
        times: rows.map(({ at }) => Number(at)),
        jumps: told.map(({ text }) => (JSON.parse(String(text)) as { readonly by_ms: number }).by_ms),
      };
    },
  };
}

/** The control: a request lapses when the system's clock says so. Its windows are not at fault. */
function naiveSubject({ expiresMs, useWithinMs, limit, windowMs }: ClockTerms): ClockSubject {
  const requests = new Map<string, { state: string; expiresAt: number }>();
  const stateOf = (id: string): string => {
    const request = requests.get(id) ?? { state: "none", expiresAt: 0 };
    const isOpen = request.state === "pending" || request.state === "approved";
    return isOpen && request.expiresAt <= Date.now() ? "expired" : request.state;
  };
  let hits: number[] = [];
  return {
    open: async () => undefined,
    close: async () => undefined,
    ask: async (id) => {
      const expiresAt = Date.now() + expiresMs;
      requests.set(id, { state: "pending", expiresAt });
      return expiresAt;
    },
    look: async (id) => ({ state: stateOf(id) }),
    approve: async (id) => {
      const state = stateOf(id);
      if (state !== "pending") return { said: `approval_${state}`, expiresAt: 0 };
      const expiresAt = Date.now() + useWithinMs;
      requests.set(id, { state: "approved", expiresAt });
      return { said: "approved", expiresAt };
    },
    resume: async (id) => {
      const state = stateOf(id);
      if (state !== "approved") return `approval_${state}`;
      requests.set(id, { state: "consumed", expiresAt: 0 });
      return "ran";
    },
    hit: async () => {
      hits = hits.filter((at) => at > performance.now() - windowMs);
      if (hits.length >= limit) return { status: "throttled", at: 0, retryAfterMs: windowMs };
      hits.push(performance.now());
      return { status: "passed", at: performance.now(), retryAfterMs: 0 };
    },
    log: async () => ({ times: [], jumps: null }),
  };
}

async function answer({ number, naive, keep }: JumperRequest): Promise<JumperAnswer> {
  const store = join(scratch, `clock-${number}.db`);
  const terms = termsOf(seed, number);
  const subject = naive ? naiveSubject(terms) : gateSubject(store, terms);
  try {
    const figures = await runClockScript({ seed, number }, subject, setOffset);
    if (!keep) for (const end of ["", "-wal", "-shm", ".key"]) rmSync(`${store}${end}`, { force: true });
    return { ok: true, figures, store };
  } catch (error) {
    setOffset(0);
    return { ok: false, fault: (error as Error).message };
  }
}

serve(answer, async () => undefined);
