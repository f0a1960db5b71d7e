import type { Json, JsonObject } from "../outcome.js";

/** Why a request is not answered as it asks. */
export interface Problem {
  readonly status: ProblemStatus;
  /** A stable name, for programs. */
  readonly code: string;
  /** One line, lower case. Never what an exception of ours says. */
  readonly detail: string;
  /** What to do about it. */
  readonly help?: string | undefined;
  /** Further members of the document. */
  readonly more?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
}

export type ProblemStatus = keyof typeof TITLES;

/** What a status is called. */
export const TITLES = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

/** Thrown where a request cannot go on. */
export class HttpProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "HttpProblem";
    this.problem = problem;
  }
}

/** The document (RFC 9457). Its `type` names the code in a way that needs no host. */
function problemDocument({ status, code, detail, help, more = {} }: Problem): JsonObject {
  return {
    type: `urn:dispatch-gate:problem:${code}`,
    title: TITLES[status],
    status,
    detail,
    code,
    ...(help === undefined ? {} : { help }),
    ...more,
  };
}

/** What no answer goes without: nothing of it is kept, guessed at, framed, or taken for a page. */
const GUARDED: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** An answer with a body of one type. */
export function answer(
  status: number,
  type: string,
  body: string | ReadableStream<Uint8Array>,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { status, headers: { ...GUARDED, "content-type": type, ...headers } });
}

/** An answer in JSON. */
export function jsonAnswer(status: number, body: Json, headers?: Readonly<Record<string, string>>): Response {
  return answer(status, "application/json; charset=utf-8", `${JSON.stringify(body)}\n`, headers);
}

/** The answer that tells a problem. */
export function problemAnswer(problem: Problem): Response {
  const body = `${JSON.stringify(problemDocument(problem))}\n`;
  return answer(problem.status, "application/problem+json", body, problem.headers);
}
