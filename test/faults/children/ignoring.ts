import { defineStore, type Store } from "../../../src/store/port.js";
import { createMemoryStore } from "../../../src/testing.js";

/** The control: a store that answers from memory, and writes the same to the disk without looking whether that went well. */
export function ignoring(disk: Store): Store {
  const memory = createMemoryStore();
  const both = async <Answer>(answer: Promise<Answer>, written: Promise<unknown>): Promise<Answer> => {
    await written.catch(() => undefined);
    return answer;
  };
  return defineStore({
    ...memory,
    ...(disk.keyFile === undefined ? {} : { keyFile: disk.keyFile }),
    claim: (request) => both(memory.claim(request), disk.claim(request)),
    settle: (request) => both(memory.settle(request), disk.settle(request)),
    vote: (request) => both(memory.vote(request), disk.vote(request)),
    change: (change) => both(memory.change(change), disk.change(change)),
    recover: (request) => both(memory.recover(request), disk.recover(request)),
    close: () => both(memory.close(), disk.close()),
  });
}
