import { Ajv2020 } from "ajv/dist/2020.js";
import type { Gate, JsonObject } from "dispatch-gate";
import { createHttpHandler, type HttpHandler, type HttpOptions, type Identity } from "dispatch-gate/http";
import { expect } from "vitest";
import { OPENAPI_DOCUMENT } from "../../src/http/openapi.js";

/** A handler that lets everybody who is known do everything, unless a test says otherwise. */
export function handlerFor(gate: Gate, options: Partial<HttpOptions> = {}): HttpHandler {
  return createHttpHandler(gate, { authenticate: bearer, authorize: () => true, ...options });
}

/** People, services and agents, by the token that they send. */
export const PEOPLE: Readonly<Record<string, Identity>> = {
  ann: { id: "ann@example.com", type: "human", roles: ["sre"], assurance: "token" },
  bob: { id: "bob@example.com", type: "human", roles: ["sre"], assurance: "token" },
  agent: { id: "agent-7", type: "agent" },
  other: { id: "agent-8", type: "agent", tenantId: "other" },
  eve: { id: "eve@example.com", type: "human", tenantId: "other" },
  all: { id: "root@example.com", type: "human", tenants: "all" },
};

function bearer(request: Request): Identity | null {
  const [, token = ""] = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
  return Object.hasOwn(PEOPLE, token) ? (PEOPLE[token] ?? null) : null;
}

/** What is sent. */
export interface Sent {
  readonly as?: string | null;
  /** Sent as JSON; a string or bytes as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What came back, held against the OpenAPI document. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

/** Asks a handler, and holds what it answers against the OpenAPI document. */
export async function ask(handler: HttpHandler, line: string, sent: Sent = {}): Promise<Answered> {
  const [method = "GET", path = "/"] = line.split(" ");
  const { as = "ann", body, headers = {} } = sent;
  const request = new Request(`http://localhost:8081${path}`, {
    method,
    headers: {
      ...(as === null ? {} : { authorization: `Bearer ${as}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined
      ? {}
      : { body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body) }),
  });
  const response = await handler(request);
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  const json = type.includes("json") ? JSON.parse(text) : null;
  const answered = { status: response.status, headers: response.headers, text, json };
  expect(faultsOf(method, path, answered), `${line}: ${text}`).toEqual([]);
  return answered;
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema(OPENAPI_DOCUMENT, "openapi");

type Operations = Readonly<Record<string, Readonly<Record<string, { readonly responses: JsonObject }>>>>;

/** What an answer has that the document does not know. */
function faultsOf(method: string, path: string, { status, headers, json }: Answered): readonly string[] {
  const [plain = ""] = path.split("?");
  const paths = OPENAPI_DOCUMENT.paths as unknown as Operations;
  const template = Object.keys(paths).find((each) => pattern(each).test(plain));
  const operation = template === undefined ? undefined : paths[template]?.[method.toLowerCase()];
  // What is not in the document is told as a problem, by any method.
  if (template === undefined || operation === undefined)
    return status === 404 || status === 405 ? [] : [`status ${status}`];
  const response = operation.responses[String(status)];
  if (response === undefined) return [`the document has no ${status}`];
  const { content } = response as { readonly content: JsonObject };
  const [type = ""] = (headers.get("content-type") ?? "").split(";");
  if (!Object.hasOwn(content, type)) return [`the document has no ${type} for ${status}`];
  if (json === null) return [];
  const at = ["paths", template, method.toLowerCase(), "responses", String(status), "content", type, "schema"];
  const pointer = at.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
  const validate = validatorOf(`openapi#/${pointer}`);
  return validate(json) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

const validators = new Map<string, ReturnType<typeof ajv.compile>>();

/** Compiling one takes longer than most requests. */
function validatorOf($ref: string): ReturnType<typeof ajv.compile> {
  const validate = validators.get($ref) ?? ajv.compile({ $ref });
  validators.set($ref, validate);
  return validate;
}

function pattern(template: string): RegExp {
  return new RegExp(`^${template.replace(/[.]/g, "\\.").replace(/\{[^}]+\}/g, "[^/]+")}$`);
}
