import { join } from "node:path";
import type { DispatchContext, JsonObject } from "dispatch-gate";
import { createGate, openSqliteStore } from "./built.js";
import type { Lane } from "./floor.js";
import { CALLERS, type Callers, laneOf, sample } from "./line.js";
import { median, medianRatio } from "./sample.js";
import { answer } from "./workload.js";

/** Every kind of constraint, met from two rules, and of the job's own as well; none is ever reached. */
const ALL_KINDS: JsonObject = {
  version: "v1",
  rules: [
    {
      id: "limits",
      match: { topics: ["job.**"] },
      decision: "allow_with_constraints",
      constraints: {
        max_runtime_sec: 45,
        max_retries: 2,
        max_output_bytes: 65_536,
        max_concurrent: 100_000,
        paths: { read: ["/usr", "/tmp"], write: ["/tmp"], deny: ["/usr/local"] },
        network: { allow: ["*.example"], deny: ["10.0.0.0/8"] },
      },
    },
    {
      id: "narrower",
      match: { topics: ["job.**"] },
      decision: "allow_with_constraints",
      constraints: { paths: { read: ["/usr"] } },
    },
    {
      id: "rate",
      match: { topics: ["job.**"] },
      decision: "throttle",
      throttle: { limit: 1_000_000, window_sec: 60, per: ["tenant", "actor"] },
    },
  ],
};
const NONE: JsonObject = {
  version: "v1",
  rules: [{ id: "all", match: { topics: ["job.**"] }, decision: "allow" }],
};

/** Lanes in the order of the table. */
const LANES = ["no constraint", "all kinds of constraints", "all kinds, guard asked for a path and a URL"] as const;
type LaneName = (typeof LANES)[number];

export interface ConstrainedReport {
  readonly rows: readonly {
    readonly callers: Callers;
    readonly lane: LaneName;
    readonly jobsPerSec: number;
    readonly cpuMicrosPerJob: number;
    readonly medianMs: number;
    /** Jobs/s without constraints against this: the median of pairs. */
    readonly cost: number;
  }[];
}

export interface ConstrainedOptions {
  readonly folder: string;
  readonly rounds: number;
  readonly sampleMs: number;
}

/** The whole line with every kind of constraint in force, beside the line without: in turn, each on its own file. */
export async function measureConstrained({ folder, rounds, sampleMs }: ConstrainedOptions): Promise<ConstrainedReport> {
  const lanes: Readonly<Record<LaneName, Lane>> = {
    "no constraint": await openLane(join(folder, "free.db"), NONE, async () => answer()),
    "all kinds of constraints": await openLane(join(folder, "held.db"), ALL_KINDS, async (_job, { guard }) => {
      guard.url("https://a.example/");
      return answer();
    }),
    "all kinds, guard asked for a path and a URL": await openLane(
      join(folder, "asked.db"),
      ALL_KINDS,
      async (_job, { guard }) => {
        guard.url("https://a.example/");
        await guard.path("/usr/bin/env", "read");
        return answer();
      },
    ),
  };
  const taken = new Map<string, Awaited<ReturnType<typeof sample>>[]>();
  const of = (lane: LaneName, callers: Callers) => taken.get(`${lane} ${callers}`) ?? [];
  for (const lane of LANES) await sample(lanes[lane], 1, sampleMs);
  for (let round = 0; round < rounds; round += 1) {
    for (const callers of CALLERS) {
      for (let turn = 0; turn < LANES.length; turn += 1) {
        const lane = LANES[(turn + round) % LANES.length] ?? "no constraint";
        taken.set(`${lane} ${callers}`, [...of(lane, callers), await sample(lanes[lane], callers, sampleMs)]);
      }
    }
  }
  for (const lane of LANES) await lanes[lane].close();
  const rate = (lane: LaneName, callers: Callers): number[] => of(lane, callers).map(({ jobsPerSec }) => jobsPerSec);
  return {
    rows: CALLERS.flatMap((callers) =>
      LANES.map((lane) => ({
        callers,
        lane,
        jobsPerSec: median(rate(lane, callers)),
        cpuMicrosPerJob: median(of(lane, callers).map(({ cpuMicrosPerJob }) => cpuMicrosPerJob)),
        medianMs: median(of(lane, callers).flatMap(({ latencies }) => latencies)),
        cost: medianRatio(rate("no constraint", callers), rate(lane, callers)),
      })),
    ),
  };
}

async function openLane(
  path: string,
  document: JsonObject,
  dispatch: (job: unknown, context: DispatchContext) => Promise<JsonObject>,
): Promise<Lane> {
  const store = await openSqliteStore(path);
  const gate = await createGate({
    policy: { document },
    store,
    dispatch: { dispatch, enforcers: ["guard"] },
    deadlineMs: 60_000,
  });
  return laneOf(gate, store);
}
