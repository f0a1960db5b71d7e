/** One stream of server-sent events that is open. */
export interface Stream {
  /** Tells that the queue stands otherwise. Of what a slow reader has not taken yet the latest alone is kept. */
  readonly tell: (mark: string) => void;
  readonly end: () => void;
}

/** How often a stream says that it lives, in milliseconds: fewer than proxies wait. */
const HEARTBEAT_MS = 15_000;

/** Heartbeats that a reader may leave lying before it is let go. */
const MOST_UNREAD = 4;

/** How long a stream lives, in milliseconds: then the page asks anew, and is asked anew who it is. */
const LIFE_MS = 600_000;

/** Opens a stream. `onEnd` is called once, when it has ended, by whoever ended it. */
export function openStream(onEnd: () => void): {
  readonly stream: Stream;
  readonly readable: ReadableStream<Uint8Array>;
} {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** What is to be told as soon as the reader has room. */
  let due: string | null = null;
  let unread = 0;

  const hasRoom = (): boolean => (controller?.desiredSize ?? 0) > 0;
  const flush = (): void => {
    if (due === null || !hasRoom()) return;
    const message = encoder.encode(due);
    // First: a reader that waits has the stream ask for more at once.
    due = null;
    controller?.enqueue(message);
  };
  const stop = (): void => {
    if (controller === null) return;
    controller = null;
    clearInterval(heartbeat);
    clearTimeout(life);
    onEnd();
  };
  const end = (): void => {
    controller?.close();
    stop();
  };
  const heartbeat = setInterval(() => {
    unread = hasRoom() ? 0 : unread + 1;
    if (unread >= MOST_UNREAD) end();
    else if (unread === 0) controller?.enqueue(encoder.encode(": \n\n"));
  }, HEARTBEAT_MS).unref();
  const life = setTimeout(end, LIFE_MS).unref();

  const readable = new ReadableStream<Uint8Array>(
    {
      start: (own) => {
        controller = own;
      },
      pull: flush,
      cancel: stop,
    },
    { highWaterMark: 1 },
  );
  const tell = (mark: string): void => {
    due = `event: queue\ndata: ${mark}\n\n`;
    flush();
  };
  return { stream: { tell, end }, readable };
}
