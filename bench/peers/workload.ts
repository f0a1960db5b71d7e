import type { Job, JsonObject } from "dispatch-gate";

/** A rule as operators write them: a family of topics, and what it asks of tags. Every engine here can say it. */
export interface PeerRule {
  readonly id: string;
  readonly decision: "allow" | "deny";
  readonly topic: string;
  readonly tags: PeerTags | null;
}

/** A job matches `any` with one of its tags, and `none` without all of them. */
export type PeerTags = { readonly any: readonly string[] } | { readonly none: readonly string[] };

/** A job as the engines look at it, before each makes its own request of it. */
export interface PeerJob {
  readonly topic: string;
  readonly tags: readonly string[];
}

/** What one engine makes of the rules. `decide` answers for the job at that place of the list it was bound to. */
export interface Contender {
  readonly bind: (jobs: readonly PeerJob[]) => Decide;
}

export type Decide = (n: number) => boolean | Promise<boolean>;

/** An engine to be measured. Requests are made in `bind`, outside of what is timed: to the peers' advantage. */
export interface Peer {
  readonly name: string;
  /** Null for code of this folder, which has none. */
  readonly package: string | null;
  /** True when the engine itself knows both patterns and tags; other engines are given part of the work done. */
  readonly globsAndTags: boolean;
  readonly how: string;
  readonly open: (rules: readonly PeerRule[]) => Promise<Contender> | Contender;
}

const RULES_OF_TEAM = 4;

/** Two rules that look at every job, then four of each team, as many as there is room for. */
export function rulesOf(count: number): readonly PeerRule[] {
  const shared: readonly PeerRule[] = [
    { id: "deny-quarantined", decision: "deny", topic: "job.**", tags: { any: ["quarantined"] } },
    { id: "allow-public", decision: "allow", topic: "job.*.public.*", tags: { none: ["pii", "secret"] } },
  ];
  const teams = Array.from({ length: teamsOf(count) }, (_, team) => rulesOfTeam(team));
  return [...shared, ...teams.flat()].slice(0, count);
}

const teamsOf = (count: number): number => Math.ceil((count - 2) / RULES_OF_TEAM);

function rulesOfTeam(team: number): readonly PeerRule[] {
  const name = `team-${team}`;
  return [
    { id: `${name}-data`, decision: "allow", topic: `job.${name}.{read,write}.*`, tags: { none: ["frozen"] } },
    { id: `${name}-admin`, decision: "allow", topic: `job.${name}.admin.**`, tags: { any: ["reviewed", "oncall"] } },
    { id: `${name}-status`, decision: "allow", topic: `job.${name}.status`, tags: null },
    { id: `${name}-danger`, decision: "deny", topic: `job.${name}.**`, tags: { any: ["destructive", "prod_write"] } },
  ];
}

const ACTIONS = ["read.*", "write.*", "admin.*", "admin.users.*", "status", "public.*", "purge.*", "read.*.deep"];

const TAGS: readonly (readonly string[])[] = [
  [],
  ["reviewed"],
  ["prod", "pii"],
  ["oncall", "prod"],
  ["frozen"],
  ["reviewed", "destructive"],
  ["quarantined"],
];

/** Jobs evenly over the teams, one in sixteen for a team that no rule names. Another `salt` gives other topics. */
export function jobsOf(count: number, rules: number, salt: string): readonly PeerJob[] {
  const teams = teamsOf(rules);
  const jobs = Array.from({ length: count }, (_, n) => {
    const team = n % 16 === 15 ? teams + n : Math.floor((n * teams) / count);
    const action = ACTIONS[n % ACTIONS.length] ?? "status";
    const tags = TAGS[(n + Math.floor(n / ACTIONS.length)) % TAGS.length] ?? [];
    return { topic: `job.team-${team}.${action.replace("*", `row-${salt}${n}`)}`, tags };
  });
  // Strings as they come over a wire: not ropes that the first to read them has to join.
  return JSON.parse(JSON.stringify(jobs)) as readonly PeerJob[];
}

/** The job as a host hands it in, each with strings and lists of its own. */
export function hostJobOf({ topic, tags }: PeerJob, n: number): Job {
  return {
    tenantId: "acme",
    actor: { id: "agent-7", type: "agent", onBehalfOf: "user-31" },
    topic,
    riskTags: [...tags],
    labels: { env: "prod", region: "eu-central-1" },
    payload: { ticket: `T-${n}`, subject: "Parcel arrived damaged", priority: 2, dryRun: false },
  };
}

export function documentOf(rules: readonly PeerRule[]): JsonObject {
  return {
    version: "v1",
    rules: rules.map(({ id, decision, topic, tags }) => ({
      id,
      match: { topics: [topic], ...(tags === null ? {} : { risk_tags: { ...tags } }) },
      decision,
    })),
  };
}

/** The same as a person would write it. */
export function yamlOf(rules: readonly PeerRule[]): string {
  const blocks = rules.map(({ id, decision, topic, tags }) => {
    const wanted = Object.entries(tags ?? {}).map(([word, list]) => `${word}: [${list.join(", ")}]`);
    const asked = wanted.length === 0 ? "" : `, risk_tags: { ${wanted.join(", ")} }`;
    return `  - id: ${id}\n    match: { topics: ["${topic}"]${asked} }\n    decision: ${decision}\n`;
  });
  return `version: v1\nrules:\n${blocks.join("")}`;
}

/** Does a set of tags satisfy what a rule asks? For engines that let the host bring functions of its own. */
export function tagsHold(asked: PeerTags | null, carried: ReadonlySet<string>): boolean {
  if (asked === null) return true;
  if ("any" in asked) return asked.any.some((tag) => carried.has(tag));
  return !asked.none.some((tag) => carried.has(tag));
}

/** `{a,b}` written out: the patterns that one pattern stands for. */
export function spelledOut(pattern: string): readonly string[] {
  const choice = /\{([^}]*)\}/.exec(pattern);
  if (choice === null) return [pattern];
  return (choice[1] ?? "").split(",").flatMap((word) => spelledOut(pattern.replace(choice[0], word)));
}

/** The pattern as a regular expression, for engines that have those and no globs of this kind. */
export function regexOf(pattern: string): string {
  const segments = pattern.split(".").map((segment) => {
    if (segment === "**") return "[^.]+(?:\\.[^.]+)*";
    const choices = segment.replace(/\{([^}]*)\}/g, (_, words: string) => `(?:${words.replaceAll(",", "|")})`);
    return choices.replaceAll("*", "[^.]+");
  });
  return `^${segments.join("\\.")}$`;
}
