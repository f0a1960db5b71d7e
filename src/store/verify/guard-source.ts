import type { Problems } from "./problem.js";
import type { LogSource, Pages } from "./source.js";

/** A source that never throws: what cannot be read is a problem, told once for each table, and as if it were not there. */
export interface GuardedSource {
  readonly source: LogSource;
  /** Gives a table up. */
  readonly lose: (table: string, message: string) => void;
  readonly isLost: (table: string) => boolean;
}

export function guardSource(source: LogSource, problems: Problems): GuardedSource {
  const lost = new Set<string>();

  const lose = (table: string, message: string): void => {
    if (!lost.has(table)) problems.add("unreadable", message);
    lost.add(table);
  };

  const guard =
    <Args extends readonly unknown[], Answer>(table: string, read: (...args: Args) => Answer, nothing: Answer) =>
    (...args: Args): Answer => {
      try {
        return read(...args);
      } catch (error) {
        lose(table, `${table} cannot be read${codeOf(error)}`);
        return nothing;
      }
    };

  const pages = <Row>(table: string, { key, page }: Pages<Row>): Pages<Row> => ({
    key,
    page: guard<[readonly unknown[] | null, number], readonly Row[]>(table, page, []),
  });

  const { has } = source;
  return {
    lose,
    isLost: (table) => lost.has(table),
    source: {
      head: guard("the tree", source.head, undefined),
      events: guard<[number, number], ReturnType<LogSource["events"]>>("events", source.events, []),
      tile: guard("tiles", source.tile, undefined),
      tileCount: guard("tiles", source.tileCount, 0),
      checkpoints: guard<[number, number], ReturnType<LogSource["checkpoints"]>>("checkpoints", source.checkpoints, []),
      jobs: pages("jobs", source.jobs),
      approvals: pages("approvals", source.approvals),
      votes: pages("votes", source.votes),
      policies: pages("policies", source.policies),
      halts: pages("halts", source.halts),
      values: pages("private values", source.values),
      // What cannot be looked for is not said to be missing.
      has: {
        job: guard("jobs", has.job, true),
        approval: guard("approvals", has.approval, true),
        vote: guard("votes", has.vote, true),
        policy: guard("policies", has.policy, true),
        halt: guard("halts", has.halt, true),
        value: guard("private values", has.value, true),
      },
    },
  };
}

/** The database's own code of its error: all that is said of it, since a message may repeat what the file holds. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[A-Z_]{1,64}$/.test(code) ? `: ${code}` : "";
}
