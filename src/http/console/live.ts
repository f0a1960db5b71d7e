import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Gate } from "../../gate.js";
import { openStream, type Stream } from "./stream.js";
import { markOf } from "./words.js";

/** Tells pages that a queue has changed, whoever changed it and in whatever process. */
export interface Live {
  /**
   * A stream of server-sent events about the queue of a tenant, or of all where it is null: one at once, and one after each
   * change. Null where there are {@link MOST_STREAMS} already.
   */
  readonly open: (tenantId: string | null) => ReadableStream<Uint8Array> | null;
}

/** How many requests a page of the queue has, and a look at it: each is read back from the bytes that were hashed. */
export const QUEUE_PAGE = 50;

/** How many streams one handler holds. */
export const MOST_STREAMS = 64;

/** The least time between two looks at a queue, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/** How many times as long as the look took is waited after it: so looking takes a tenth of the time, whatever stands in a queue. */
const REST = 9;

/** One queue that somebody looks at. */
interface Watched {
  readonly streams: Set<Stream>;
  /** How it stood at the last look; null before the first. */
  mark: string | null;
}

/** Watches the queues of a gate. It looks at the store only while a stream is open, once for all streams of one queue. */
export function createLive({ approvals }: Pick<Gate, "approvals">): Live {
  const queues = new Map<string | null, Watched>();
  let count = 0;

  const look = async (tenantId: string | null): Promise<string> => {
    const of = tenantId === null ? {} : { tenantId };
    const [{ items }, { depth }] = await Promise.all([
      approvals.list({ ...of, limit: QUEUE_PAGE }),
      approvals.stats({ ...of, windowSec: 1 }),
    ]);
    return createHash("sha256")
      .update(JSON.stringify([depth, items.map(markOf)]))
      .digest("hex");
  };

  const watch = async (tenantId: string | null, watched: Watched): Promise<void> => {
    try {
      while (watched.streams.size > 0) {
        const began = performance.now();
        const mark = await look(tenantId);
        if (mark !== watched.mark) {
          watched.mark = mark;
          for (const stream of watched.streams) stream.tell(mark);
        }
        await sleep(Math.max(LOOK_EVERY_MS, REST * (performance.now() - began)), undefined, { ref: false });
      }
    } catch {
      // The page asks again, and is told then what is wrong.
      for (const stream of watched.streams) stream.end();
    } finally {
      queues.delete(tenantId);
    }
  };

  return {
    open: (tenantId) => {
      if (count >= MOST_STREAMS) return null;
      count += 1;
      const known = queues.get(tenantId);
      const watched = known ?? { streams: new Set(), mark: null };
      const { stream, readable } = openStream(() => {
        count -= 1;
        watched.streams.delete(stream);
      });
      watched.streams.add(stream);
      if (watched.mark !== null) stream.tell(watched.mark);
      if (known === undefined) {
        queues.set(tenantId, watched);
        void watch(tenantId, watched);
      }
      return readable;
    },
  };
}
