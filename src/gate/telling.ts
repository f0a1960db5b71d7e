import type { SealedEvent } from "../evidence/event.js";
import type { Store } from "../store/port.js";

/** The same store, whose every step tells what it made durable before its answer is given. */
export function telling(store: Store, tell: (events: readonly SealedEvent[]) => void): Store {
  const told = async <Answer extends { readonly events: readonly SealedEvent[] }>(
    step: Promise<Answer>,
  ): Promise<Answer> => {
    const answer = await step;
    tell(answer.events);
    return answer;
  };
  return {
    kind: store.kind,
    ...(store.keyFile === undefined ? {} : { keyFile: store.keyFile }),
    claim: (request) => told(store.claim(request)),
    settle: async (request) => {
      const answer = await store.settle(request);
      if (answer.status === "settled") tell([request.event]);
      return answer;
    },
    vote: (request) => told(store.vote(request)),
    change: (change) => told(store.change(change)),
    recover: (request) => told(store.recover(request)),
    read: (query) => store.read(query),
    page: (query) => store.page(query),
    watch: (request) => store.watch(request),
    verify: (request) => store.verify(request),
    close: () => store.close(),
  };
}
