import type { Server } from "node:http";
import { type HttpHandler, toNodeListener } from "dispatch-gate/http";
import { fastify } from "fastify";

/** Fastify: in a scope of its own, where no parser has read the body before. */
export async function onFastify(handler: HttpHandler): Promise<Server> {
  const listener = toNodeListener(handler);
  const app = fastify();
  app.get("/hello", async () => "hello");
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _body, done) => done(null));
    scope.all("/*", async (request, reply) => {
      reply.hijack();
      await listener(request.raw, reply.raw);
    });
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return app.server;
}
