import type { JsonObject } from "../outcome.js";
import { HttpProblem } from "./problem.js";

/** How long a body may take to come, in milliseconds. */
const BODY_MS = 10_000;

/**
 * Reads a body that must be one JSON object (RFC 7493: UTF-8, no name twice). Throws an {@link HttpProblem}: `body_too_large` as
 * soon as it is, `body_slow`, `body_invalid`.
 */
export async function readJsonObject(request: Request, maxBytes: number): Promise<JsonObject> {
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > maxBytes) throw tooLarge(maxBytes);
  const bytes = await readBytes(request, maxBytes);
  if (bytes.byteLength > maxBytes) throw tooLarge(maxBytes);
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw invalid("the body is not JSON in UTF-8");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid("the body must be one JSON object");
  }
  if (repeatsName(text)) throw invalid("the body has an object with one name twice");
  return value as JsonObject;
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  let timer: NodeJS.Timeout | undefined;
  const slow = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new HttpProblem({ status: 408, code: "body_slow", detail: "the body took too long to come" }));
    }, BODY_MS);
  });
  try {
    // Of an announced length, which servers hold senders to, nothing has to be counted: that spares a stream for each request.
    const isBounded = request.headers.has("content-length");
    return await (isBounded
      ? Promise.race([request.arrayBuffer().then((bytes) => new Uint8Array(bytes)), slow])
      : readStream(request, maxBytes, slow));
  } catch (error) {
    throw error instanceof HttpProblem ? error : invalid("the body ended before its end");
  } finally {
    clearTimeout(timer);
  }
}

async function readStream(request: Request, maxBytes: number, slow: Promise<never>): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), slow]);
      if (done) return Buffer.concat(chunks, size);
      size += value.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => undefined);
    throw error;
  }
}

function tooLarge(maxBytes: number): HttpProblem {
  const detail = `the body is larger than ${maxBytes} bytes`;
  // What is left of it is not read, so that the connection cannot go on.
  return new HttpProblem({ status: 413, code: "body_too_large", detail, headers: { connection: "close" } });
}

function invalid(detail: string): HttpProblem {
  return new HttpProblem({ status: 400, code: "body_invalid", detail });
}

const STRING = /"(?:[^"\\]|\\.)*"/gy;

/** Whether any object in a valid JSON text has a name twice: readers disagree about what such a text says. */
export function repeatsName(json: string): boolean {
  /** The names of each object that is open; null for a list. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < json.length; at += 1) {
    switch (json[at]) {
      case "{":
        open.push(new Set());
        break;
      case "[":
        open.push(null);
        break;
      case "}":
      case "]":
        open.pop();
        break;
      case '"': {
        STRING.lastIndex = at;
        const [literal = '"'] = STRING.exec(json) ?? [];
        at += literal.length - 1;
        const names = open.at(-1);
        if (names === null || names === undefined || !isName(json, at + 1)) break;
        const name: unknown = JSON.parse(literal);
        if (names.has(name as string)) return true;
        names.add(name as string);
      }
    }
  }
  return false;
}

/** A string with a colon behind it is a name. */
function isName(json: string, from: number): boolean {
  let at = from;
  while (" \t\n\r".includes(json[at] ?? "-")) at += 1;
  return json[at] === ":";
}
