import { canonicalize } from "../canonical.js";
import { didYouMean } from "../nearest.js";
import type { Json } from "../outcome.js";
import { checkConstraints as checkLimits } from "./constraints.js";
import { type CopyIssue, type CopyLimits, copyAsCanonical } from "./copy.js";
import { deepFreeze } from "./freeze.js";

/** The hashed fields, in the order of their canonical text. */
export const HASHED = [
  "actor",
  "capability",
  "constraints",
  "labels",
  "payload",
  "requires",
  "resources",
  "riskTags",
  "tenantId",
  "topic",
] as const;

export type HashedName = (typeof HASHED)[number];

/** Every field a job may have. */
export const FIELDS: ReadonlySet<string> = new Set<string>(["id", "traceId", ...HASHED, "annotations"]);

/** The grammar of topics: what a job may carry and a policy may match. */
export const TOPIC = /^[A-Za-z0-9_:@%~+-]+(?:\.[A-Za-z0-9_:@%~+-]+)*$/;

/** Characters in a topic. */
export const MAX_TOPIC = 256;

/** Printable ASCII without spaces: ids of jobs, traces, tenants and actors. */
export const IDENTIFIER = /^[\x21-\x7e]{1,256}$/;

/** The grammar of risk tags, declared or derived. */
export const TAG = /^[a-z0-9_-]{1,64}$/;

/** Tags, requirements or labels of one job. */
export const MAX_ITEMS = 64;

/** UTF-16 code units of a label, a capability or a requirement. */
export const MAX_TEXT = 256;

/** What one field must be: answers the normalised value, or says what is wrong and where below the field. */
type Check = (value: Json) => { readonly value: Json } | { readonly path: string; readonly message: string };

type Shape = { readonly [key: string]: Json };

const wrong = (path: string, message: string): { readonly path: string; readonly message: string } => ({
  path,
  message,
});

const isShape = (value: Json): value is Shape => typeof value === "object" && value !== null && !Array.isArray(value);

function unknownKey(
  value: Shape,
  field: string,
  known: readonly string[],
): { path: string; message: string } | undefined {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const hint = didYouMean(key, known, `one of: ${known.join(", ")}`);
    return wrong("", `\`${field}\` has an unknown key \`${key.slice(0, 64)}\` (${hint})`);
  }
  return undefined;
}

const checkTopic: Check = (value) =>
  typeof value === "string" && value.length <= MAX_TOPIC && TOPIC.test(value)
    ? { value }
    : wrong(
        "",
        `\`topic\` must be 1 to ${MAX_TOPIC} characters, dot-separated segments of letters, digits and _:@%~+-`,
      );

const checkTenant: Check = (value) =>
  typeof value === "string" && IDENTIFIER.test(value)
    ? { value }
    : wrong("", "`tenantId` must be 1 to 256 printable ASCII characters without spaces");

const ACTOR_TYPES: readonly Json[] = ["human", "service", "agent"];

const checkActor: Check = (value) => {
  if (value === null) return { value };
  if (!isShape(value)) return wrong("", "`actor` must be an object with `id` and `type`");
  const stray = unknownKey(value, "actor", ["id", "type", "onBehalfOf"]);
  if (stray !== undefined) return stray;
  for (const key of ["id", "onBehalfOf"]) {
    const id = value[key];
    if (id === undefined && key === "onBehalfOf") continue;
    if (typeof id !== "string" || !IDENTIFIER.test(id)) {
      return wrong(`/${key}`, `\`actor.${key}\` must be 1 to 256 printable ASCII characters without spaces`);
    }
  }
  if (!ACTOR_TYPES.includes(value.type ?? null)) return wrong("/type", "`actor.type` must be human, service or agent");
  return { value };
};

const checkCapability: Check = (value) =>
  value === null || isText(value) ? { value } : wrong("", `\`capability\` must be 1 to ${MAX_TEXT} characters or null`);

const isText = (value: Json | undefined): value is string =>
  typeof value === "string" && value.length >= 1 && value.length <= MAX_TEXT;

/** A set in any order: the admitted job holds it sorted and without repeats, so that order is not content. */
function setOf(field: string, grammar: (item: Json) => item is string, what: string): Check {
  return (value) => {
    if (!Array.isArray(value)) return wrong("", `\`${field}\` must be a list`);
    if (value.length > MAX_ITEMS) return wrong("", `\`${field}\` must hold at most ${MAX_ITEMS} items`);
    const index = value.findIndex((item: Json) => !grammar(item));
    if (index >= 0) return wrong(`/${index}`, `an item of \`${field}\` must be ${what}`);
    return { value: isSorted(value as string[]) ? value : [...new Set(value as string[])].sort() };
  };
}

/** In order and without repeats. */
function isSorted(list: readonly string[]): boolean {
  return list.every((item, index) => index === 0 || (list[index - 1] as string) < item);
}

const isTag = (item: Json): item is string => typeof item === "string" && TAG.test(item);

const checkLabels: Check = (value) => {
  if (!isShape(value)) return wrong("", "`labels` must be an object");
  const names = Object.keys(value);
  if (names.length > MAX_ITEMS) return wrong("", `\`labels\` must hold at most ${MAX_ITEMS} items`);
  for (const name of names) {
    const text = value[name];
    if (!isText(name)) return wrong("", `a label's name must be 1 to ${MAX_TEXT} characters`);
    if (typeof text !== "string" || text.length > MAX_TEXT) {
      return wrong(`/${name}`, `a label must be a string of at most ${MAX_TEXT} characters`);
    }
  }
  return { value };
};

const MAX_RESOURCES = 256;
const MAX_RESOURCE = 4_096;

const checkResources: Check = (value) => {
  if (!isShape(value)) return wrong("", "`resources` must be an object with `paths` or `hosts`");
  const stray = unknownKey(value, "resources", ["paths", "hosts"]);
  if (stray !== undefined) return stray;
  const whole: Record<string, Json> = { hosts: [], paths: [] };
  for (const key of Object.keys(value)) {
    const list = value[key] as Json;
    if (!Array.isArray(list) || list.length > MAX_RESOURCES) {
      return wrong(`/${key}`, `\`resources.${key}\` must be a list of at most ${MAX_RESOURCES}`);
    }
    const index = list.findIndex((item: Json) => typeof item !== "string" || item === "" || item.length > MAX_RESOURCE);
    if (index >= 0) return wrong(`/${key}/${index}`, `a resource must be 1 to ${MAX_RESOURCE} characters`);
    whole[key] = [...new Set(list as string[])].sort();
  }
  return { value: whole };
};

const checkConstraints: Check = (value) =>
  checkLimits(value, (shape, where, known) => unknownKey(shape as Shape, where, known));

interface Field {
  readonly check: Check;
  /** What a job that does not have the field has; undefined where the field is required. */
  readonly absent?: Written;
}

/** One hashed field: its canonical text, and the frozen value that this very text stands for. */
export interface Written {
  readonly text: string;
  readonly value: Json;
}

const absent = (text: string): Written => Object.freeze({ text, value: deepFreeze(JSON.parse(text) as Json) });

const FIELD_RULES: ReadonlyMap<string, Field> = new Map<string, Field>([
  ["actor", { check: checkActor, absent: absent("null") }],
  ["capability", { check: checkCapability, absent: absent("null") }],
  ["constraints", { check: checkConstraints, absent: absent("{}") }],
  ["labels", { check: checkLabels, absent: absent("{}") }],
  ["payload", { check: (value) => ({ value }), absent: absent("null") }],
  ["requires", { check: setOf("requires", isText, `1 to ${MAX_TEXT} characters`), absent: absent("[]") }],
  ["resources", { check: checkResources, absent: absent('{"hosts":[],"paths":[]}') }],
  ["riskTags", { check: setOf("riskTags", isTag, "1 to 64 of a-z, 0-9, _ and -"), absent: absent("[]") }],
  ["tenantId", { check: checkTenant, absent: absent('"default"') }],
  ["topic", { check: checkTopic }],
]);

type WriteResult = ({ readonly ok: true } & Written) | { readonly ok: false; readonly issue: CopyIssue };

/** One hashed field, normalised; the default where the job does not have it. */
export function writeField(name: HashedName, value: unknown, limits: CopyLimits): WriteResult {
  const field = FIELD_RULES.get(name) as Field;
  const root = `/${name}`;
  if (value === undefined) {
    if (field.absent !== undefined) return { ok: true, ...field.absent };
    return { ok: false, issue: { path: root, message: `a job must have a ${name}` } };
  }
  const copy = copyAsCanonical(value, limits, root);
  if (!copy.ok) return copy;
  // Parsed from its text, whatever it was read from: what travels on is what was hashed.
  const parsed = JSON.parse(copy.text) as Json;
  const checked = field.check(parsed);
  if ("message" in checked) return { ok: false, issue: { path: root + checked.path, message: checked.message } };
  const text = checked.value === parsed ? copy.text : canonicalize(checked.value);
  return { ok: true, text, value: deepFreeze(checked.value) };
}
