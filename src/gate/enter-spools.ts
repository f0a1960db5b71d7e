import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { StoreError } from "../errors.js";
import { LEASE_MS } from "../store/owner.js";
import type { Store } from "../store/port.js";
import type { OwnerRow } from "../store/rows.js";
import { isLeftSpool, readSpool, removeSpool, type SpoolContent, takeSpool } from "../store/spool.js";
import { SETTLE_WAIT_MS } from "./settle-wait.js";

/** How long the store was away, and why. */
export interface Away {
  readonly since: number;
  readonly error: StoreError;
}

/** What takes the content of a spool. */
export interface SpoolTaker {
  readonly store: Pick<Store, "change">;
  readonly now: () => number;
  readonly owner: OwnerRow;
}

/** Entries that one step takes. */
const AT_ONCE = 64;

/** A process of which nothing else can be seen is gone when it has not touched its spool for so long, in milliseconds. */
const SILENT_MS = 4 * LEASE_MS;

/** Gives the store what stands in a spool: in parts, and with the last of them what came of it. */
export async function giveSpooled(
  { store, now, owner }: SpoolTaker,
  { owner: whose, entries, lost }: SpoolContent,
  away: Away | null,
): Promise<void> {
  const entered = entries.filter(({ kind }) => kind === "claim").length;
  const why = away === null ? {} : { since: away.since, reason: { code: away.error.code } };
  const facts = { owner: whose?.id ?? owner.id, entered, lost, ...why };
  for (let from = 0; from === 0 || from < entries.length; from += AT_ONCE) {
    const ended = from + AT_ONCE >= entries.length ? { ...facts, until: now() } : null;
    const part = entries.slice(from, from + AT_ONCE);
    await store.change({ kind: "spooled", now: now(), waitMs: SETTLE_WAIT_MS, entries: part, ended });
  }
}

/** Takes over the spools of processes that are gone. `path`: what their names begin with; `own`: what is left out. */
export async function enterLeftSpools(taker: SpoolTaker, path: string, own: string | null): Promise<void> {
  for (const left of spoolsBeside(path)) {
    if (left === own || !isLeft(left)) continue;
    const mine = `${path}.${taker.owner.id}.taken`;
    if (!takeSpool(left, mine)) continue;
    const content = readSpool(mine);
    if (content.entries.length + content.lost > 0) await giveSpooled(taker, content, null);
    removeSpool(mine);
  }
}

function spoolsBeside(path: string): readonly string[] {
  const [folder, begins] = [dirname(path), `${basename(path)}.`];
  try {
    return readdirSync(folder).flatMap((name) => (name.startsWith(begins) ? [join(folder, name)] : []));
  } catch {
    return [];
  }
}

/** One that cannot be read is left where it is: somebody has to look at it. */
function isLeft(path: string): boolean {
  try {
    return isLeftSpool(path, SILENT_MS);
  } catch {
    return false;
  }
}
