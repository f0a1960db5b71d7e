import { types } from "node:util";
import { isPlainArray, isPlainObject } from "../job/copy.js";
import { FIELDS, MAX_ITEMS, MAX_TEXT, MAX_TOPIC, TAG, TOPIC } from "../job/fields.js";
import { nearest } from "../nearest.js";
import { quoted } from "./source.js";
import { NONE, type View } from "./view.js";

/** A job nobody has admitted, as far as policies look at it: or why there is no such view of it. */
export type ViewResult = View | { readonly malformed: string };

/** What a policy asks of a job. */
export interface Asking {
  /** The fields that any of its rules looks at. Others are not read. */
  readonly fields: ReadonlySet<string>;
  /** True for a topic whose grammar was checked before. */
  readonly knows: (topic: string) => boolean;
}

/**
 * Reads own enumerable data properties once, with the grammar of `admit`; what is asked for and not of that grammar is
 * malformed. Total: neither a getter nor a proxy's trap is run, and nothing is thrown.
 */
export function viewUnknown(job: unknown, { fields, knows }: Asking): ViewResult {
  if (!isOpen(job)) return malformed("a job must be a plain object");
  let topic: unknown;
  let tenantId: unknown = "default";
  let actor: View["actor"] | undefined = null;
  let capability: unknown = null;
  let requires: readonly string[] | undefined = NONE;
  let labels: View["labels"] | undefined = NO_LABELS;
  let tags: readonly string[] | undefined = NONE;
  const rest: { constraints?: unknown; payload?: unknown; resources?: unknown } = {};
  for (const key of Object.keys(job)) {
    if (!fields.has(key)) {
      if (!FIELDS.has(key)) return malformed(unknownField(key));
      continue;
    }
    const descriptor = Object.getOwnPropertyDescriptor(job, key) as PropertyDescriptor;
    const value: unknown = descriptor.value;
    if (value === undefined) {
      if ("value" in descriptor) continue;
      return malformed("a job must be a plain object");
    }
    switch (key) {
      case "topic":
        topic = value;
        break;
      case "tenantId":
        tenantId = value;
        break;
      case "actor":
        actor = readActor(value);
        break;
      case "capability":
        capability = value;
        break;
      case "requires":
        requires = readList(value, isText);
        break;
      case "labels":
        labels = readLabels(value);
        break;
      case "riskTags":
        tags = readList(value, isTag);
        break;
      case "constraints":
      case "payload":
      case "resources":
        rest[key] = value;
    }
  }
  if (typeof topic !== "string" || !(knows(topic) || isTopic(topic))) {
    return malformed("`topic` must be dot-separated segments of letters, digits and _:@%~+-");
  }
  if (tenantId !== "default" && !isIdentifier(tenantId)) return malformed("`tenantId` is not an identifier");
  if (actor === undefined) return malformed("`actor` must have an `id` and a `type` of human, service or agent");
  if (capability !== null && !isText(capability))
    return malformed(`\`capability\` must be 1 to ${MAX_TEXT} characters`);
  if (tags === undefined) return malformed("`riskTags` must be a list of at most 64 tags of a-z, 0-9, _ and -");
  if (requires === undefined) return malformed("`requires` must be a list of at most 64 texts");
  if (labels === undefined) return malformed("`labels` must be at most 64 texts by name");
  return {
    topic,
    tenantId: tenantId as string,
    actor,
    capability,
    requires,
    labels,
    tags,
    trustedTags: tags,
    untrusted: NONE,
    rest,
    admitted: false,
    conditionJob: undefined,
    purse: undefined,
  };
}

function malformed(reason: string): ViewResult {
  return { malformed: `the job is malformed: ${reason}` };
}

function unknownField(key: string): string {
  const meant = nearest(key, FIELDS);
  return `unknown field ${quoted(key)}${meant === undefined ? "" : ` (did you mean \`${meant}\`?)`}`;
}

const NO_LABELS: View["labels"] = Object.freeze({});

/** A plain object, whose keys can be listed without running code of its maker's. A proxy is asked nothing. */
function isOpen(value: unknown): value is object {
  if (typeof value !== "object" || value === null || types.isProxy(value)) return false;
  return !Array.isArray(value) && isPlainObject(value);
}

/** An own data property; undefined where there is none, and where a property is code. */
function read(object: object, key: PropertyKey): unknown {
  return Object.getOwnPropertyDescriptor(object, key)?.value;
}

const ACTOR_TYPES: ReadonlySet<unknown> = new Set(["human", "service", "agent"]);

function readActor(value: unknown): View["actor"] | undefined {
  if (value === null) return null;
  if (!isOpen(value)) return undefined;
  let id: unknown;
  let type: unknown;
  let onBehalfOf: unknown;
  for (const key of Object.keys(value)) {
    if (key === "id") id = read(value, key);
    else if (key === "type") type = read(value, key);
    else if (key === "onBehalfOf") {
      onBehalfOf = read(value, key);
      // A property that is code is not one that is absent.
      if (onBehalfOf === undefined) return undefined;
    } else return undefined;
  }
  if (!isIdentifier(id) || !ACTOR_TYPES.has(type)) return undefined;
  if (onBehalfOf === undefined) return { id, type: type as string };
  return isIdentifier(onBehalfOf) ? { id, type: type as string, onBehalfOf } : undefined;
}

function readList(value: unknown, grammar: (item: unknown) => item is string): readonly string[] | undefined {
  if (types.isProxy(value) || !Array.isArray(value) || !isPlainArray(value)) return undefined;
  if (value.length > MAX_ITEMS) return undefined;
  const items: string[] = [];
  for (let index = 0; index < value.length; index += 1) {
    const item = read(value, index);
    if (!grammar(item)) return undefined;
    if (!items.includes(item)) items.push(item);
  }
  return items;
}

function readLabels(value: unknown): View["labels"] | undefined {
  if (!isOpen(value)) return undefined;
  const names = Object.keys(value);
  if (names.length > MAX_ITEMS) return undefined;
  const entries: [string, string][] = [];
  for (const name of names) {
    const text = read(value, name);
    if (!isText(name) || name === "__proto__") return undefined;
    if (typeof text !== "string" || text.length > MAX_TEXT || !text.isWellFormed()) return undefined;
    entries.push([name, text]);
  }
  return Object.fromEntries(entries);
}

function isTopic(value: string): boolean {
  return value.length <= MAX_TOPIC && TOPIC.test(value);
}

function isIdentifier(value: unknown): value is string {
  if (typeof value !== "string" || value.length === 0 || value.length > MAX_IDENTIFIER) return false;
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length >= 1 && value.length <= MAX_TEXT && value.isWellFormed();
}

function isTag(value: unknown): value is string {
  if (typeof value !== "string" || value.length === 0 || value.length > MAX_TAG) return false;
  for (let at = 0; at < value.length; at += 1) if (TAG_CODES[value.charCodeAt(at)] !== 1) return false;
  return true;
}

// The grammars of `fields.ts`, a character at a time: on texts this short an expression costs more to enter than to run.
const MAX_IDENTIFIER = 256;
const MAX_TAG = 64;
const TAG_CODES = Uint8Array.from({ length: 128 }, (_, code) => (TAG.test(String.fromCharCode(code)) ? 1 : 0));
