import { StreamError } from "../errors.js";

/** Chunks that wait to be read, of which the writer waits for room. */
const ROOM = 64;

/** From one writer to one reader, in order, with no more in between than there is room for. */
export interface Channel {
  /** To be read once. */
  readonly chunks: AsyncIterable<unknown>;
  readonly write: (chunk: unknown) => void;
  /** Resolves when there is room, at once where there is. */
  readonly room: () => Promise<void>;
  /** Ends the chunks: after those that wait, reading is done, or throws. */
  readonly end: (error?: StreamError, isOver?: boolean) => void;
  /** Calls back once, when the reader reads no more, unless what it answers is called first. */
  readonly onCancel: (called: () => void) => () => void;
}

/** A channel that nothing was written to. */
export function createChannel(): Channel {
  const waiting: unknown[] = [];
  let ended: { readonly error: StreamError | undefined } | undefined;
  let isRead = false;
  let isCancelled = false;
  let wakeReader: () => void = () => undefined;
  let wakeWriter: () => void = () => undefined;
  let onCancel: () => void = () => undefined;
  /** Reads that were asked for before: each gets its chunk in turn. */
  let last: Promise<unknown> = Promise.resolve();

  const take = async (): Promise<IteratorResult<unknown, undefined>> => {
    while (waiting.length === 0 && ended === undefined) {
      await new Promise<void>((resolve) => {
        wakeReader = resolve;
      });
    }
    if (waiting.length > 0) {
      const value = waiting.shift();
      if (waiting.length < ROOM) wakeWriter();
      return { done: false, value };
    }
    const error = ended?.error;
    ended = { error: undefined };
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  };

  const next = (): Promise<IteratorResult<unknown, undefined>> => {
    const taken = last.then(take, take);
    // Whoever reads is told how it went; here only the order counts.
    last = taken.catch(() => undefined);
    return taken;
  };

  const stop = async (): Promise<IteratorResult<unknown, undefined>> => {
    waiting.length = 0;
    ended = { error: undefined };
    isCancelled = true;
    wakeReader();
    wakeWriter();
    onCancel();
    return { done: true, value: undefined };
  };

  return {
    chunks: {
      [Symbol.asyncIterator]: () => {
        if (isRead) throw new StreamError("stream_read", "a stream can be read once");
        isRead = true;
        return { next, return: stop };
      },
    },
    write: (chunk) => {
      if (ended !== undefined) return;
      waiting.push(chunk);
      wakeReader();
    },
    room: async () => {
      while (waiting.length >= ROOM && ended === undefined) {
        await new Promise<void>((resolve) => {
          wakeWriter = resolve;
        });
      }
    },
    end: (error, isOver = false) => {
      ended ??= { error };
      if (isOver) waiting.length = 0;
      wakeReader();
      wakeWriter();
    },
    onCancel: (called) => {
      if (isCancelled) called();
      else onCancel = called;
      return () => {
        onCancel = () => undefined;
      };
    },
  };
}
