import { compare, type Result } from "../check.js";
import { readDesk } from "../desk.js";
import type { Site } from "../site.js";

/** A read without risk is allowed, and changes nothing. */
export async function readTickets(site: Site): Promise<readonly Result[]> {
  const outcome = await site.submit("read-tickets", "read-tickets");
  const { tickets } = await readDesk(site.deskPath);
  const answered = outcome.status === "SUCCEEDED" && Array.isArray(outcome.output) ? outcome.output.length : 0;
  return [
    compare("read tickets", "ALLOW → SUCCEEDED (allow-low-risk-read)", outcome, {
      found: `${answered} of ${tickets.length} tickets answered, none changed`,
      ok: answered === tickets.length && tickets.every(({ version }) => version === 1),
    }),
  ];
}
