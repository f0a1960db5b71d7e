import type { Health } from "../gate/health.js";
import type { ApprovalStats } from "../gate/stats.js";
import type { Histogram, Metrics } from "../gate/tally.js";

/** What is told of a gate. */
export interface MetricsSource {
  readonly health: Health;
  /** Null where it could not be counted. */
  readonly queue: ApprovalStats | null;
  readonly metrics: Metrics;
}

/** A gate's metrics in the text format of OpenMetrics 1.0. */
export function metricsText({ health, queue, metrics }: MetricsSource): string {
  const { status, failMode, outage, halt, running, diskLow, snapshot } = health;
  const states = ["ok", "halted", "degraded", "unavailable", "closed"] as const;
  return [
    ...family("dispatch_gate_decisions", "counter", "Decisions that the gate came to, by type and rule.", [
      ...metrics.decisions.map(({ type, ruleId, count }) => sample("_total", { type, rule: ruleId }, count)),
    ]),
    ...family("dispatch_gate_outcomes", "counter", "What calls were answered, by status and reason.", [
      ...metrics.outcomes.map(({ status: to, code, count }) => sample("_total", { status: to, code }, count)),
    ]),
    ...family(
      "dispatch_gate_decided_seconds",
      "histogram",
      "The gate's own time before dispatch, until the decision is durable.",
      histogram(metrics.decided, metrics.since),
      "seconds",
    ),
    ...family("dispatch_gate_degraded_jobs", "counter", "Jobs that ran without the store.", [
      sample("_total", {}, metrics.degraded),
    ]),
    ...family("dispatch_gate_running_jobs", "gauge", "Jobs that run in this process.", [sample("", {}, running)]),
    ...(queue === null ? [] : queueFamilies(queue)),
    ...family("dispatch_gate_state", "stateset", "How the gate stands.", [
      ...states.map((state) => sample("", { dispatch_gate_state: state }, state === status ? 1 : 0)),
    ]),
    ...family("dispatch_gate_store_up", "gauge", "1 while the store answers.", [
      sample("", {}, outage === null ? 1 : 0),
    ]),
    ...family("dispatch_gate_halted", "gauge", "1 while an operator has stopped all claims.", [
      sample("", {}, halt === null && status !== "halted" ? 0 : 1),
    ]),
    ...family("dispatch_gate_disk_low", "gauge", "1 while refusals are not written, since the disk is nearly full.", [
      sample("", {}, diskLow ? 1 : 0),
    ]),
    ...family("dispatch_gate", "info", "The policy in force, and the fail mode.", [
      sample("_info", { snapshot, fail_mode: failMode }, 1),
    ]),
    "# EOF",
    "",
  ].join("\n");
}

function queueFamilies(queue: ApprovalStats): readonly string[] {
  const { depth, capacity, oldestAgeMs, approvedNotDispatched } = queue;
  return [
    ...family("dispatch_gate_approvals_pending", "gauge", "Requests that wait for votes.", [sample("", {}, depth)]),
    ...family("dispatch_gate_approvals_capacity", "gauge", "How many may wait.", [sample("", {}, capacity)]),
    ...family(
      "dispatch_gate_approvals_oldest_age_seconds",
      "gauge",
      "How long the oldest request has waited; 0 where none does.",
      [sample("", {}, (oldestAgeMs ?? 0) / 1_000)],
      "seconds",
    ),
    ...family("dispatch_gate_approvals_unused", "gauge", "Requests that are approved and not used yet.", [
      sample("", {}, approvedNotDispatched),
    ]),
  ];
}

/** One point of a family: what follows its name, its labels and its value. */
type Sample = readonly [suffix: string, labels: Readonly<Record<string, string>>, value: number];

const sample = (...point: Sample): Sample => point;

function family(
  name: string,
  type: string,
  help: string,
  samples: readonly Sample[],
  unit?: string,
): readonly string[] {
  return [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${help}`,
    ...samples.map(([suffix, labels, value]) => `${name}${suffix}${labelText(labels)} ${value}`),
  ];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
}

function histogram({ bounds, counts, count, sum }: Histogram, since: number): readonly Sample[] {
  let below = 0;
  const buckets = bounds.map((bound, index) => {
    below += counts[index] ?? 0;
    return sample("_bucket", { le: asFloat(bound) }, below);
  });
  return [
    ...buckets,
    sample("_bucket", { le: "+Inf" }, count),
    sample("_sum", {}, sum),
    sample("_count", {}, count),
    sample("_created", {}, since / 1_000),
  ];
}

/** A bound as OpenMetrics writes it: `1.0`, never `1`. */
function asFloat(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
