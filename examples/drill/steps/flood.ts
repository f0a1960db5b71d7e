import type { Outcome } from "dispatch-gate";
import { nameOf, type Result } from "../check.js";
import { readDesk } from "../desk.js";
import type { Site } from "../site.js";

/** Searches at once, and how many of them the policy has room for. */
export const SEARCHES = 8;
export const ROOM = 3;
const WINDOW_MS = 60_000;

/** A flood runs as far as the limit goes; the rest learn when to come back. */
export async function flood({ submit, deskPath }: Site): Promise<readonly Result[]> {
  const ids = Array.from({ length: SEARCHES }, (_, index) => `search-${index + 1}`);
  const outcomes = await Promise.all(ids.map((id) => submit(id, "search-tickets", { words: "refund" })));
  const { searches } = await readDesk(deskPath);
  const waits = outcomes.flatMap((outcome) => (outcome.status === "THROTTLED" ? [outcome.retryAfterMs ?? 0] : []));
  return [
    {
      step: `${SEARCHES} searches at once`,
      expected: `${ROOM} × ALLOW → SUCCEEDED (allow-low-risk-read), ${SEARCHES - ROOM} × ALLOW → THROTTLED (limit-ticket-search)`,
      got: counted(outcomes),
      disk: {
        found: `${searches} searches reached the desk; room again in ${seconds(waits)}`,
        ok: searches === ROOM && waits.length > 0 && waits.every((wait) => wait > 0 && wait <= WINDOW_MS),
      },
    },
  ];
}

function counted(outcomes: readonly Outcome[]): string {
  const counts = new Map<string, number>();
  for (const name of outcomes.map(nameOf).sort()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} × ${name}`).join(", ");
}

function seconds(waits: readonly number[]): string {
  return waits.length === 0 ? "no time at all" : `${Math.ceil(Math.max(...waits) / 1_000)} s`;
}
