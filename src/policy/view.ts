import { types } from "node:util";
import { isPlainArray, isPlainObject } from "../job/copy.js";
import { FIELDS, MAX_ITEMS, MAX_TEXT, MAX_TOPIC, TAG, TOPIC, writeField } from "../job/fields.js";
import type { AdmittedJob } from "../job/job.js";
import { nearest } from "../nearest.js";
import type { Json } from "../outcome.js";
import type { ConditionJob, Purse } from "./condition.js";
import { quoted } from "./source.js";

/** What a policy sees of one job. */
export interface View {
  readonly topic: string;
  readonly tenantId: string;
  readonly actor: { readonly id: string; readonly type: string; readonly onBehalfOf?: string } | null;
  readonly capability: string | null;
  // Lists, not sets: they are short, and most jobs are looked at by rules that ask for none of them.
  readonly requires: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Declared and derived. */
  readonly tags: readonly string[];
  /** Those that may satisfy a permission or lift a restriction: all of `tags`, or under `restrict_only` the derived ones. */
  readonly trustedTags: readonly string[];
  /** Those of `tags` that are not among the trusted. */
  readonly untrusted: readonly string[];
  /** What only conditions look at, as it came: of a job that nobody admitted it is hostile. */
  readonly rest: { readonly constraints?: unknown; readonly payload?: unknown; readonly resources?: unknown };
  /** True for a job that `admit` has read: `rest` is frozen plain JSON then. */
  readonly admitted: boolean;
  /** What conditions see, made when the first of them is asked. */
  conditionJob: ConditionJob | null | undefined;
  /** What all conditions may cost together, made with it. */
  purse: Purse | undefined;
}

/** Steps of all conditions of one decision: five times as many as one may take, some 25 ms. */
const MAX_DECISION_STEPS = 150_000;

/** The purse of a decision, full when its first condition is asked. */
export function purseOf(view: View): Purse {
  view.purse ??= { left: MAX_DECISION_STEPS };
  return view.purse;
}

const NONE: readonly string[] = Object.freeze([]);
const NO_LABELS: View["labels"] = Object.freeze({});

/** What a policy sees of a job that was admitted. */
export function viewAdmitted(
  job: AdmittedJob,
  derivedTags: readonly string[],
  declaredTags: "trusted" | "restrict_only",
): View {
  const tags = derivedTags.length === 0 ? job.riskTags : [...new Set([...job.riskTags, ...derivedTags])].sort();
  const trusted = declaredTags === "trusted";
  return {
    topic: job.topic,
    tenantId: job.tenantId,
    actor: job.actor,
    capability: job.capability,
    requires: job.requires,
    labels: job.labels,
    tags,
    trustedTags: trusted ? tags : derivedTags,
    untrusted: trusted ? NONE : job.riskTags.filter((tag) => !derivedTags.includes(tag)),
    rest: job,
    admitted: true,
    conditionJob: undefined,
    purse: undefined,
  };
}

/** What conditions see of a job, as plain JSON; null when the job holds something that is not. */
export function conditionJobOf(view: View): ConditionJob | null {
  if (view.conditionJob === undefined) view.conditionJob = makeConditionJob(view);
  return view.conditionJob;
}

function makeConditionJob(view: View): ConditionJob | null {
  const { actor } = view;
  const rest = view.admitted ? (view.rest as Record<string, Json | undefined>) : readRest(view.rest);
  if (rest === null) return null;
  const constraints = (rest.constraints ?? {}) as { readonly maxRuntimeSec?: number; readonly maxRetries?: number };
  const resources = (rest.resources ?? {}) as Partial<ConditionJob["resources"]>;
  return {
    actor:
      actor === null
        ? null
        : {
            id: actor.id,
            type: actor.type,
            ...(actor.onBehalfOf === undefined ? {} : { on_behalf_of: actor.onBehalfOf }),
          },
    capability: view.capability,
    constraints: {
      ...(constraints.maxRuntimeSec === undefined ? {} : { max_runtime_sec: constraints.maxRuntimeSec }),
      ...(constraints.maxRetries === undefined ? {} : { max_retries: constraints.maxRetries }),
    },
    labels: view.labels,
    payload: rest.payload ?? null,
    requires: view.requires,
    resources: { paths: resources.paths ?? [], hosts: resources.hosts ?? [] },
    risk_tags: view.trustedTags,
    tenant_id: view.tenantId,
    topic: view.topic,
  };
}

/** No larger than an admitted job may be at most. */
const MAX_REST = { maxBytes: 16_777_216, maxDepth: 64 };

/** Copied and checked as `admit` does. */
function readRest(rest: View["rest"]): Record<string, Json> | null {
  const read: Record<string, Json> = {};
  for (const name of ["constraints", "payload", "resources"] as const) {
    const written = writeField(name, rest[name], MAX_REST);
    if (!written.ok) return null;
    read[name] = written.value;
  }
  return read;
}

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
