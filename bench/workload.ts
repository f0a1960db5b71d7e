import type { Job, JsonObject } from "dispatch-gate";

/** A rule as a policy document holds it, as far as these benchmarks use the language. */
export interface BenchRule {
  readonly id: string;
  readonly match: { readonly topics: readonly string[]; readonly risk_tags?: BenchTags };
  readonly decision: "allow" | "deny" | "require_approval" | "allow_with_constraints";
  readonly reason: string;
  readonly constraints?: { readonly max_runtime_sec: number };
}

/** What a rule may ask of tags. */
export interface BenchTags {
  readonly any?: readonly string[];
  readonly all?: readonly string[];
  readonly none?: readonly string[];
}

/** Two rules that look at every job, then one rule a service: `count` in all, at least 4. */
export function rulesOf(count: number): readonly BenchRule[] {
  const guards: BenchRule[] = [
    {
      id: "deny-destructive",
      match: { topics: ["job.**"], risk_tags: { all: ["destructive", "prod"] } },
      decision: "deny",
      reason: "Nothing is destroyed in production",
    },
    {
      id: "review-deletes",
      match: { topics: ["job.*.delete.**"] },
      decision: "require_approval",
      reason: "A person looks at every deletion",
    },
  ];
  const services = Array.from({ length: count - guards.length }, (_, index) => serviceRule(index));
  return [...services.slice(0, 1), ...guards, ...services.slice(1)];
}

/** The number of services that {@link rulesOf} makes a rule for. */
export const servicesOf = (count: number): number => count - 2;

const DECISIONS = ["allow", "allow", "allow_with_constraints", "require_approval", "deny"] as const;

const TAGS: readonly (BenchTags | undefined)[] = [
  undefined,
  { any: ["prod", "staging"] },
  { none: ["sandbox"] },
  { all: ["prod", "reviewed"] },
];

function serviceRule(index: number): BenchRule {
  // One service in ten has its neighbour's rule beside its own, so that answers are combined.
  const topic = index % 10 === 5 ? `job.svc${index - 1}.**` : `job.svc${index}.read.*`;
  const decision = DECISIONS[index % DECISIONS.length] ?? "deny";
  const tags = TAGS[index % TAGS.length];
  return {
    id: `svc${index}-read`,
    match: { topics: [topic], ...(tags === undefined ? {} : { risk_tags: tags }) },
    decision,
    reason: `Service ${index} may be read on these terms`,
    ...(decision === "allow_with_constraints" ? { constraints: { max_runtime_sec: 45 } } : {}),
  };
}

export function documentOf(rules: readonly BenchRule[]): JsonObject {
  return { version: "v1", rules: rules as unknown as readonly JsonObject[] };
}

/** Every tenth service: its rule, and no other, allows. What the line is measured with. */
export const allowedService = (n: number, services: number): number => Math.floor((n % services) / 10) * 10;

/** A job of about 1 KB of canonical JSON, of which no two are equal. */
export function jobOf(n: number, service: number): Job {
  return {
    tenantId: "acme",
    actor: { id: "agent-7", type: "agent", onBehalfOf: "user-31" },
    topic: `job.svc${service}.read.row`,
    riskTags: ["prod", "reviewed"],
    labels: { env: "prod", region: "eu-central-1", team: "support" },
    payload: {
      ticket: {
        id: `T-${n}`,
        subject: "Parcel arrived damaged, customer asks for a replacement",
        priority: 2,
        open: true,
      },
      customer: {
        id: 40_017 + n,
        name: "Zoë Lindqvist",
        address: { street: "Långgatan 12", city: "Göteborg", zip: "411 07", country: "SE" },
        since: "2019-04-11",
      },
      lines: [
        { sku: "KB-1042", quantity: 1, price: 129.5, tax: 0.25 },
        { sku: "MS-2210", quantity: 2, price: 49.95, tax: 0.25 },
        { sku: "CB-0007", quantity: 4, price: 7.2, tax: 0.12 },
      ],
      changes: [
        { field: "status", from: "waiting", to: "in_progress", at: 1_767_225_600_000 + n },
        { field: "assignee", from: null, to: "agent-7", at: 1_767_225_600_500 + n },
      ],
      note: "The carrier confirmed the damage by telephone. Send the replacement before the weekend.",
      dryRun: false,
    },
  };
}

/** What the measured dispatch function does: answers about 100 bytes, at once. */
export function answer(): JsonObject {
  return { done: true, rows: 1, ticket: "T-1042", version: 17, at: "2026-01-02T03:04:05.678Z" };
}
