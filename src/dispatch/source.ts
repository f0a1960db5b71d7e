import { Readable } from "node:stream";
import { types } from "node:util";
import { getterOf } from "../output/native.js";

/** What a stream gives next. */
export type Step = { readonly done: true } | { readonly done: false; readonly value: unknown };

/** A stream that a dispatch function answered, read by nobody else. */
export interface ChunkSource {
  /** The next chunk. Rejects with what the stream failed with. */
  readonly next: () => Promise<Step>;
  /** Tells the stream that nobody reads on; what that throws is nobody's any more. */
  readonly cancel: (reason: unknown) => void;
}

const isLocked = getterOf<boolean>(ReadableStream.prototype, "locked");
const getReader = Function.prototype.call.bind(ReadableStream.prototype.getReader) as (
  stream: object,
) => ReadableStreamDefaultReader<unknown>;

/**
 * The stream that a value is: a web stream, or any object with a method `Symbol.asyncIterator` of its own or its prototypes.
 * Null for what is none. Nothing else of the value is called, no getter and no proxy's trap. Throws where a stream that is
 * being read already cannot be read.
 */
export function openSource(value: unknown): ChunkSource | null {
  const chain = chainOf(value);
  if (chain === null || typeof value !== "object" || value === null) return null;
  if (chain.includes(ReadableStream.prototype) && isWebStream(value)) return once(readerSource(getReader(value)));
  const method = methodOf(chain, Symbol.asyncIterator);
  if (method === undefined) return null;
  // Its iterator can only say that nobody reads on once it has given its next chunk, which may be never.
  if (value instanceof Readable) {
    return once({ ...iteratorSource(value[Symbol.asyncIterator]()), cancel: () => void value.destroy() });
  }
  const iterator: unknown = Reflect.apply(method, value, []);
  if (typeof iterator !== "object" || iterator === null) throw new TypeError("the stream has no iterator");
  return once(iteratorSource(iterator as AsyncIterator<unknown>));
}

function isWebStream(value: object): boolean {
  try {
    isLocked(value);
    return true;
  } catch {
    return false;
  }
}

function readerSource(reader: ReadableStreamDefaultReader<unknown>): ChunkSource {
  return {
    next: async () => {
      const { done, value } = await reader.read();
      return done ? { done } : { done, value };
    },
    cancel: (reason) => void reader.cancel(reason).catch(() => undefined),
  };
}

function iteratorSource(iterator: AsyncIterator<unknown>): ChunkSource {
  return {
    next: async () => {
      const { done, value } = await iterator.next();
      return done === true ? { done } : { done: false, value };
    },
    cancel: () => {
      // One that runs ends where it gives its next chunk: nobody waits for it.
      void (async () => iterator.return?.())().catch(() => undefined);
    },
  };
}

/** Told to stop once, however often somebody gives it up. */
function once({ next, cancel }: ChunkSource): ChunkSource {
  let isCancelled = false;
  let since = performance.now();
  return {
    next: async () => {
      // A stream that never waits would keep every timer of the process from its turn, that of the run time too.
      if (performance.now() - since >= TURN_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        since = performance.now();
      }
      return next();
    },
    cancel: (reason) => {
      if (isCancelled) return;
      isCancelled = true;
      cancel(reason);
    },
  };
}

/** Milliseconds after which everything else has its turn. */
const TURN_MS = 10;

const MAX_PROTOTYPES = 16;

/** The value and what it inherits from; null for what is no object, or where a proxy would have to be asked. */
function chainOf(value: unknown): readonly object[] | null {
  const chain: object[] = [];
  let holder: unknown = value;
  while (typeof holder === "object" && holder !== null && chain.length <= MAX_PROTOTYPES) {
    if (types.isProxy(holder)) return null;
    chain.push(holder);
    holder = Object.getPrototypeOf(holder);
  }
  return chain.length === 0 ? null : chain;
}

/** A method where a look-up would find it, as far as that runs no code. */
function methodOf(chain: readonly object[], key: symbol): ((...args: unknown[]) => unknown) | undefined {
  const holder = chain.find((each) => Object.hasOwn(each, key));
  const method: unknown = holder === undefined ? undefined : Object.getOwnPropertyDescriptor(holder, key)?.value;
  return typeof method === "function" && !types.isProxy(method) ? (method as () => unknown) : undefined;
}
