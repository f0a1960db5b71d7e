import type { Server } from "node:http";
import { type HttpHandler, toNodeListener } from "dispatch-gate/http";
import express from "express";

/** Express: before anything that reads bodies, since the handler reads its own. */
export function onExpress(handler: HttpHandler): Server {
  const app = express();
  app.get("/hello", (_request, response) => {
    response.send("hello");
  });
  app.use(toNodeListener(handler));
  return app.listen(0, "127.0.0.1");
}
