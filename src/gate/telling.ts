import type { SealedEvent } from "../evidence/event.js";
import type { Store } from "../store/port.js";
import type { Outage } from "./outage.js";

const NEVER_AWAY: Pick<Outage, "failed" | "now"> = { failed: () => undefined, now: () => null };

/**
 * The same store, whose every step tells what it made durable before its answer is given. `outage` is told of what fails; while it
 * says that the store is away a claim fails at once.
 */
export function telling(
  store: Store,
  tell: (events: readonly SealedEvent[]) => void,
  outage: Pick<Outage, "failed" | "now"> = NEVER_AWAY,
): Store {
  const heard = async <Answer>(step: Promise<Answer>): Promise<Answer> => {
    try {
      return await step;
    } catch (error) {
      outage.failed(error);
      throw error;
    }
  };
  const told = async <Answer extends { readonly events: readonly SealedEvent[] }>(
    step: Promise<Answer>,
  ): Promise<Answer> => {
    const answer = await heard(step);
    tell(answer.events);
    return answer;
  };
  return {
    kind: store.kind,
    ...(store.freeBytes === undefined ? {} : { freeBytes: store.freeBytes }),
    ...(store.keyFile === undefined ? {} : { keyFile: store.keyFile }),
    claim: (request) => {
      const why = outage.now();
      return why === null ? told(store.claim(request)) : Promise.reject(why);
    },
    settle: async (request) => {
      const answer = await heard(store.settle(request));
      if (answer.status === "settled") tell([request.event]);
      return answer;
    },
    vote: (request) => told(store.vote(request)),
    change: (change) => told(store.change(change)),
    recover: (request) => told(store.recover(request)),
    read: (query) => heard(store.read(query)),
    page: (query) => heard(store.page(query)),
    watch: (request) => store.watch(request),
    verify: (request) => store.verify(request),
    ...(store.reopen === undefined ? {} : { reopen: () => store.reopen?.() as Promise<void> }),
    close: () => store.close(),
  };
}
