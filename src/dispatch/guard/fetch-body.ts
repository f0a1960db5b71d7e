import type { ReadableStreamDefaultReader } from "node:stream/web";

/** What holds a connection. */
interface Connection {
  readonly destroy: () => Promise<void>;
}

/** A body that nobody can read any more holds no connection. */
const unreachable = new FinalizationRegistry<Connection>(end);

/**
 * The same bytes, in a stream that takes its connection with it when it ends, fails, is aborted, cancelled or let go of.
 * Left to itself, undici answers a body that is given up with a new connection to the same server.
 */
export function carryBody(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  connection: Connection,
): ReadableStream<Uint8Array> {
  const finish = (): void => end(connection);
  reader.closed.then(finish, finish);
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  unreachable.register(body, connection);
  return body;
}

function end(connection: Connection): void {
  connection.destroy().catch(() => {});
}
