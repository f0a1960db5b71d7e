export { createHttpHandler, type HttpHandler } from "./http/handler.js";
export type { Action, Asked, Authenticate, Authorize, Identity } from "./http/identity.js";
export { type NodeListener, toNodeListener } from "./http/node.js";
export type { HttpOptions } from "./http/options.js";
