import { createServer, type Server } from "node:http";
import { type HttpHandler, toNodeListener } from "dispatch-gate/http";

/** A server of Node's own. */
export function onNode(handler: HttpHandler): Server {
  return createServer(toNodeListener(handler));
}
