import { Hono } from "hono";
import type { Gate } from "../gate.js";
import { type CallParts, callBy, createCall, identify } from "./call.js";
import { createLive } from "./console/live.js";
import { problemPage, rootOf } from "./console/page.js";
import { type HttpOptions, readHttpOptions } from "./options.js";
import { type Problem, problemAnswer } from "./problem.js";
import { checkHost, checkJsonType, checkOrigin } from "./protect.js";
import { problemOf } from "./refused.js";
import { PAGES, PARTS, ROUTES, type Route } from "./routes.js";

/** Answers requests, as web-standard servers and `toNodeListener` call it. Never rejects. */
export type HttpHandler = (request: Request) => Promise<Response>;

/**
 * A gate's operator's face over HTTP: jobs, the queue of approvals, traces, the policy, health and metrics, and the console for people at `/`. Throws a `TypeError` for
 * options that are none. What it serves is described at `/openapi.json`.
 */
export function createHttpHandler(gate: Gate, options: HttpOptions): HttpHandler {
  const settings = readHttpOptions(options);
  const app = new Hono({ strict: true });
  const methods = new Map<string, Route["method"][]>();
  const live = createLive(gate);
  const serve = (route: Route, tell: (problem: Problem) => Response): void => {
    const { method, path } = route;
    methods.set(path, [...(methods.get(path) ?? []), method]);
    app.on(method === "GET" ? ["GET", "HEAD"] : [method], path, async (context) => {
      const made = { request: context.req.raw, params: context.req.param() };
      try {
        return await answered(route, { gate, settings, live, known: route.query, ...made });
      } catch (error) {
        return tell(problemOf(error));
      }
    });
  };
  for (const route of [...ROUTES, ...PARTS]) serve(route, problemAnswer);
  for (const route of PAGES) serve(route, (problem) => problemPage(problem, rootOf(route.path)));
  for (const [path, allowed] of methods) {
    app.all(path, () => problemAnswer(methodProblem(allowed)));
  }
  app.notFound(() => problemAnswer({ status: 404, code: "route_unknown", detail: "there is nothing here" }));
  app.onError((error) => problemAnswer(problemOf(error)));
  return async (request) => app.fetch(request);
}

async function answered(route: Route, parts: CallParts): Promise<Response> {
  const { request, settings } = parts;
  if (route.who === "anybody") return route.handle(createCall(parts));
  const host = checkHost(request, settings.hosts);
  if (route.method === "POST") {
    checkOrigin(request, host);
    checkJsonType(request);
  }
  const identity = await identify(request, settings);
  return route.handle(callBy(createCall(parts), identity));
}

function methodProblem(allowed: readonly Route["method"][]): Problem {
  const all = allowed.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  const allow = all.join(", ");
  const detail = `this is asked with ${allow}`;
  return { status: 405, code: "method_not_allowed", detail, headers: { allow } };
}
