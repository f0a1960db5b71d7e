import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { HttpHandler } from "./handler.js";

/** A handler as servers of Node's own kind call it: with an `IncomingMessage` and a `ServerResponse` of `node:http`. */
export type NodeListener = (incoming: object, outgoing: object) => Promise<void>;

/** Makes a handler one for servers of Node's own kind. */
export function toNodeListener(handler: HttpHandler): NodeListener {
  // The globals of the host's process are not ours to replace.
  const listener = getRequestListener((request) => handler(request), { overrideGlobalObjects: false });
  return (incoming, outgoing) => listener(incoming as IncomingMessage, outgoing as ServerResponse);
}
