import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import type { HttpHandler } from "dispatch-gate/http";
import { Hono } from "hono";

/** Hono, as any server that speaks in web-standard requests: the handler is called as it is. */
export function onHono(handler: HttpHandler): Server {
  const app = new Hono();
  app.get("/hello", (context) => context.text("hello"));
  app.all("*", (context) => handler(context.req.raw));
  return serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
}
