import { Readable } from "node:stream";
import { describe, expect, test, vi } from "vitest";
import { gather, nextUntil } from "../../src/dispatch/gather.js";
import { type ChunkSource, openSource, type Step } from "../../src/dispatch/source.js";

async function* words(...list: readonly unknown[]): AsyncGenerator<unknown> {
  yield* list;
}

/** A class as clients of model services have: the method stands on its prototype. */
class Answer {
  readonly #words: readonly string[];
  constructor(list: readonly string[]) {
    this.#words = list;
  }
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return words(...this.#words);
  }
}

function opened(value: unknown): ChunkSource {
  const source = openSource(value);
  if (source === null) throw new Error("it is no stream");
  return source;
}

const NEVER = new AbortController().signal;
const CAPS = { chunks: 100, content: 1_000 };

/** An iterator by hand, and what was asked of it. */
function byHand(next: () => Promise<unknown>) {
  const returned = vi.fn(async () => ({ done: true, value: undefined }));
  return { iterable: { [Symbol.asyncIterator]: () => ({ next, return: returned }) }, returned };
}

describe("what is a stream", () => {
  const web = (): ReadableStream<unknown> =>
    new ReadableStream({
      start: (controller) => {
        for (const word of ["a", "b"]) controller.enqueue(word);
        controller.close();
      },
    });
  const bytes = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      type: "bytes",
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode("ab"));
        controller.close();
      },
    });

  test.each<readonly [string, () => unknown, readonly unknown[]]>([
    ["an async generator", () => words("a", { b: 1 }), ["a", { b: 1 }]],
    ["a Node stream of objects", () => Readable.from(["a", "b"]), ["a", "b"]],
    [
      "a Node stream of bytes",
      () => Readable.from([Buffer.from("ab")], { objectMode: false }),
      [new Uint8Array([97, 98])],
    ],
    ["a web stream", web, ["a", "b"]],
    ["a web stream of bytes", bytes, [new Uint8Array([97, 98])]],
    ["a web stream that was decoded", () => bytes().pipeThrough(new TextDecoderStream()), ["ab"]],
    ["an instance of a class", () => new Answer(["a", "b"]), ["a", "b"]],
    ["an object of a null prototype", () => Object.assign(Object.create(null), new NullAnswer()), ["n"]],
    ["one that ends at once", () => words(), []],
  ])("%s is read to its end", async (_name, make, chunks) => {
    const gathered = await gather(opened(make()), NEVER, CAPS);
    // A Buffer is bytes like any others.
    const plain = gathered.chunks.map((chunk) => (chunk instanceof Uint8Array ? new Uint8Array(chunk) : chunk));
    expect({ ...gathered, chunks: plain }).toEqual({ chunks, isCut: false });
  });

  test.each<readonly [string, unknown]>([
    ["a text", "words"],
    ["null", null],
    ["a list", ["a"]],
    ["a generator that is not asynchronous", (function* () {})()],
    ["a function that would make one", words],
    ["a Promise of one", Promise.resolve(words("a"))],
    ["plain data", { [Symbol.iterator]: 1, asyncIterator: words }],
    ["a method that is none", { [Symbol.asyncIterator]: "words" }],
  ])("%s is none", (_name, value) => {
    expect(openSource(value)).toBeNull();
  });

  test("no getter is called, and no proxy asked, on the way to find out", () => {
    const ran = vi.fn(() => words("a"));
    const getter = Object.defineProperty({}, Symbol.asyncIterator, { get: ran });
    const traps = { get: ran, has: ran, getPrototypeOf: ran, getOwnPropertyDescriptor: ran, apply: ran } as never;
    const inherited = Object.create(getter) as object;
    const behind = Object.create(new Proxy({}, traps)) as object;
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    for (const value of [getter, inherited, new Proxy({}, traps), new Proxy(new Answer([]), traps), behind]) {
      expect(openSource(value)).toBeNull();
    }
    expect(openSource(new Proxy(new ReadableStream(), traps))).toBeNull();
    expect(openSource(revoked.proxy)).toBeNull();
    expect(ran).not.toHaveBeenCalled();
  });

  test("a web stream that says otherwise of itself is still read as one", async () => {
    const stream = web();
    const ran = vi.fn();
    Object.defineProperty(stream, "getReader", { get: ran });
    Object.defineProperty(stream, Symbol.asyncIterator, { get: ran });
    Object.defineProperty(stream, "locked", { get: ran });
    expect(await gather(opened(stream), NEVER, CAPS)).toEqual({ chunks: ["a", "b"], isCut: false });
    expect(ran).not.toHaveBeenCalled();
  });

  test("one that is being read already, and one whose method answers no iterator, cannot be read", () => {
    const stream = web();
    stream.getReader();
    expect(() => openSource(stream)).toThrow(TypeError);
    expect(() => openSource({ [Symbol.asyncIterator]: () => 7 })).toThrow(new TypeError("the stream has no iterator"));
    expect(() =>
      openSource({
        [Symbol.asyncIterator]: () => {
          throw new Error("not now");
        },
      }),
    ).toThrow(new Error("not now"));
  });

  test("chains of prototypes are followed so far and no further", () => {
    const at = (levels: number): object => {
      let object: object = { [Symbol.asyncIterator]: () => words("a") };
      for (let level = 0; level < levels; level += 1) object = Object.create(object) as object;
      return object;
    };
    expect(openSource(at(12))).not.toBeNull();
    expect(openSource(at(24))).toBeNull();
  });
});

class NullAnswer {
  readonly [Symbol.asyncIterator] = (): AsyncIterator<unknown> => words("n");
}

describe("a stream that is gathered", () => {
  test("is cut over either cap, and told to stop", async () => {
    for (const [caps, chunk] of [
      [{ chunks: 3, content: 1_000 }, { a: 1 }],
      [{ chunks: 100, content: 10 }, "abcd"],
      [{ chunks: 100, content: 10 }, new Uint8Array(4)],
    ] as const) {
      let came = 0;
      const { iterable, returned } = byHand(async () => {
        came += 1;
        return { done: false, value: chunk };
      });
      expect(await gather(opened(iterable), NEVER, caps)).toEqual({ chunks: [], isCut: true });
      expect(returned).toHaveBeenCalledOnce();
      expect(came).toBeLessThanOrEqual(4);
    }
    expect(await gather(opened(words("abcde", "fghij")), NEVER, { chunks: 2, content: 10 })).toEqual({
      chunks: ["abcde", "fghij"],
      isCut: false,
    });
  });

  test("the texts within values count as well: what is gathered is bounded", async () => {
    let came = 0;
    const { iterable } = byHand(async () => {
      came += 1;
      return came > 1_000 ? { done: true } : { done: false, value: { text: "x".repeat(100) } };
    });
    const { isCut } = await gather(opened(iterable), NEVER, { chunks: 10_000, content: 1_000 });
    expect(isCut).toBe(true);
    expect(came).toBeLessThanOrEqual(11);
  });

  test("rejects with what it fails with", async () => {
    const failure = new Error("the line went dead");
    async function* failing(): AsyncGenerator<string> {
      yield "a";
      throw failure;
    }
    await expect(gather(opened(failing()), NEVER, CAPS)).rejects.toBe(failure);
    const web = new ReadableStream({
      pull: (controller) => controller.error(failure),
    });
    await expect(gather(opened(web), NEVER, CAPS)).rejects.toBe(failure);
    const { iterable } = byHand(async () => 7);
    // What answers no step at all never ends of itself: it is cut like any other.
    expect(await gather(opened(iterable), NEVER, CAPS)).toEqual({ chunks: [], isCut: true });
  });

  test("ends with the signal, whose reason it rejects with, and tells the source", async () => {
    const gone = new Error("gone");
    for (const isBefore of [true, false]) {
      const controller = new AbortController();
      const { iterable, returned } = byHand(() => new Promise(() => undefined));
      if (isBefore) controller.abort(gone);
      const gathering = gather(opened(iterable), controller.signal, CAPS);
      controller.abort(gone);
      await expect(gathering).rejects.toBe(gone);
      expect(returned).toHaveBeenCalledOnce();
    }
  });

  test("a source that fails while it is told to stop fails nobody", async () => {
    const controller = new AbortController();
    const rejecting = { next: () => new Promise(() => undefined), return: () => Promise.reject(new Error("late")) };
    const throwing = {
      next: () => new Promise(() => undefined),
      return: () => {
        throw new Error("late");
      },
    };
    const web = new ReadableStream({ cancel: () => Promise.reject(new Error("late")) });
    const sources = [
      { [Symbol.asyncIterator]: () => rejecting },
      { [Symbol.asyncIterator]: () => throwing },
      { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) },
      web,
    ];
    const all = sources.map((source) => gather(opened(source), controller.signal, CAPS));
    controller.abort(new Error("gone"));
    for (const gathering of all) await expect(gathering).rejects.toThrow("gone");
    // Were one of them left unhandled, the run would end with it.
    await new Promise(setImmediate);
  });

  test("a web stream that is cancelled knows why", async () => {
    const cancel = vi.fn();
    const stream = new ReadableStream({ pull: (controller) => controller.enqueue("abcd"), cancel });
    await gather(opened(stream), NEVER, { chunks: 2, content: 100 });
    expect(cancel).toHaveBeenCalledExactlyOnceWith(new Error("the output is over a limit"));
  });

  test("no listener is left at the signal, however many chunks came", async () => {
    const controller = new AbortController();
    const add = vi.spyOn(controller.signal, "addEventListener");
    const remove = vi.spyOn(controller.signal, "removeEventListener");
    await gather(opened(words("a", "b", "c")), controller.signal, CAPS);
    expect(add).toHaveBeenCalledTimes(4);
    expect(remove).toHaveBeenCalledTimes(4);
    const steps: Step[] = [];
    const source = opened(words("a"));
    for (let count = 0; count < 3; count += 1) steps.push(await nextUntil(source, controller.signal));
    expect(steps).toEqual([{ done: false, value: "a" }, { done: true }, { done: true }]);
  });
});
