import { types } from "node:util";
import { FIELDS, IDENTIFIER, MAX_ITEMS, MAX_TEXT, MAX_TOPIC, TAG, TOPIC } from "../job/fields.js";
import type { AdmittedJob } from "../job/job.js";
import { nearest } from "../nearest.js";
import type { View } from "./match.js";
import { quoted } from "./source.js";

/** What a policy sees of a job that was admitted. */
export function viewAdmitted(
  job: AdmittedJob,
  derivedTags: readonly string[],
  declaredTags: "trusted" | "restrict_only",
): View {
  const tags = derivedTags.length === 0 ? job.riskTags : [...job.riskTags, ...derivedTags];
  return {
    segments: job.topic.split("."),
    tenantId: job.tenantId,
    actor: job.actor,
    capability: job.capability,
    requires: job.requires,
    labels: job.labels,
    tags,
    trustedTags: declaredTags === "trusted" ? tags : derivedTags,
  };
}

/** A job nobody has admitted, as far as policies look at it: or why there is no such view of it. */
export type ViewResult = { readonly ok: true; readonly view: View } | { readonly ok: false; readonly reason: string };

const ACTOR_TYPES: ReadonlySet<unknown> = new Set(["human", "service", "agent"]);

/**
 * Reads own data properties once, with the grammar of `admit`; whatever is not of that grammar is malformed.
 * Total: neither a getter nor a proxy's trap is run, and nothing is thrown.
 */
export function viewUnknown(job: unknown): ViewResult {
  const fields = readOwn(job);
  if (fields === undefined) return malformed("a job must be a plain object");
  for (const key of fields.keys()) {
    if (!FIELDS.has(key)) return malformed(unknownField(key));
  }
  const topic = fields.get("topic");
  if (typeof topic !== "string" || topic.length > MAX_TOPIC || !TOPIC.test(topic)) {
    return malformed("`topic` must be dot-separated segments of letters, digits and _:@%~+-");
  }
  const tenantId = fields.get("tenantId") ?? "default";
  if (fields.get("tenantId") === null || !isIdentifier(tenantId)) return malformed("`tenantId` is not an identifier");
  const actor = readActor(fields.get("actor"));
  if (actor === undefined) return malformed("`actor` must have an `id` and a `type` of human, service or agent");
  const capability = fields.get("capability") ?? null;
  if (capability !== null && !isText(capability))
    return malformed(`\`capability\` must be 1 to ${MAX_TEXT} characters`);
  const tags = readList(fields.get("riskTags"), isTag);
  if (tags === undefined) return malformed("`riskTags` must be a list of at most 64 tags of a-z, 0-9, _ and -");
  const requires = readList(fields.get("requires"), isText);
  if (requires === undefined) return malformed("`requires` must be a list of at most 64 texts");
  const labels = readLabels(fields.get("labels"));
  if (labels === undefined) return malformed("`labels` must be at most 64 texts by name");
  return {
    ok: true,
    view: { segments: topic.split("."), tenantId, actor, capability, requires, labels, tags, trustedTags: tags },
  };
}

function malformed(reason: string): ViewResult {
  return { ok: false, reason: `the job is malformed: ${reason}` };
}

function unknownField(key: string): string {
  const meant = nearest(key, FIELDS);
  return `unknown field ${quoted(key)}${meant === undefined ? "" : ` (did you mean \`${meant}\`?)`}`;
}

/** Own data properties; undefined when the value is not an object that has only such, under string keys. */
function readOwn(value: unknown): Map<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || types.isProxy(value) || Array.isArray(value)) return undefined;
  const read = new Map<string, unknown>();
  for (const key of Reflect.ownKeys(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (typeof key !== "string" || descriptor === undefined || !("value" in descriptor)) return undefined;
    read.set(key, descriptor.value);
  }
  return read;
}

function readActor(value: unknown): View["actor"] | undefined {
  if (value === undefined || value === null) return null;
  const fields = readOwn(value);
  if (fields === undefined) return undefined;
  const id = fields.get("id");
  const type = fields.get("type");
  const behalf = fields.get("onBehalfOf");
  for (const key of fields.keys()) {
    if (key !== "id" && key !== "type" && key !== "onBehalfOf") return undefined;
  }
  if (!isIdentifier(id) || !ACTOR_TYPES.has(type) || (behalf !== undefined && !isIdentifier(behalf))) return undefined;
  return { id, type: type as string };
}

function readList(value: unknown, grammar: (item: unknown) => item is string): readonly string[] | undefined {
  if (value === undefined) return [];
  if (types.isProxy(value) || !Array.isArray(value) || value.length > MAX_ITEMS) return undefined;
  const items: string[] = [];
  for (let index = 0; index < value.length; index += 1) {
    const item: unknown = Object.getOwnPropertyDescriptor(value, index)?.value;
    if (!grammar(item)) return undefined;
    items.push(item);
  }
  return items;
}

function readLabels(value: unknown): View["labels"] | undefined {
  if (value === undefined) return {};
  const fields = readOwn(value);
  if (fields === undefined || fields.size > MAX_ITEMS) return undefined;
  for (const [name, text] of fields) {
    if (!isText(name) || typeof text !== "string" || text.length > MAX_TEXT) return undefined;
  }
  return Object.fromEntries(fields as Map<string, string>);
}

function isIdentifier(value: unknown): value is string {
  return typeof value === "string" && IDENTIFIER.test(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length >= 1 && value.length <= MAX_TEXT;
}

function isTag(value: unknown): value is string {
  return typeof value === "string" && TAG.test(value);
}
