import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { Message } from "./notify.js";

/** A chat with an incoming webhook: a real server on this machine. */
export interface Chat {
  readonly url: string;
  /** The next message that nobody has read yet. */
  readonly read: () => Promise<Message>;
  readonly close: () => Promise<void>;
}

/** Opens the chat. Its first answer to each message is that it is busy, as chats are now and then. */
export async function openChat(): Promise<Chat> {
  const unread: Message[] = [];
  const readers: ((message: Message) => void)[] = [];
  let posts = 0;
  const server: Server = createServer(async (request, response) => {
    const message = (await json(request)) as Message;
    posts += 1;
    if (posts % 2 === 1) {
      response.writeHead(503).end();
      return;
    }
    const reader = readers.shift();
    if (reader === undefined) unread.push(message);
    else reader(message);
    response.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hooks/approvals`,
    read: async () => unread.shift() ?? new Promise((resolve) => readers.push(resolve)),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
