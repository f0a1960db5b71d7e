import { createHash } from "node:crypto";
import type { Action, Identity } from "../../http/identity.js";
import type { ActorType } from "../../job/job.js";
import { didYouMean } from "../../nearest.js";
import type { Json, JsonObject } from "../../outcome.js";
import { isMap } from "../../policy/report.js";
import { quoted } from "../../policy/source.js";
import { CannotRun, type Io } from "../io.js";
import { readText } from "../read-text.js";
import { yamlValue } from "../yaml-value.js";

/** What the owner of a token may do here. */
export type Duty = "submit" | "review" | "operate";

/** Who is known, by what they bring. */
export interface Tokens {
  readonly size: number;
  /** Whose a token is; null for one that is nobody's. */
  readonly identityOf: (token: string) => Identity | null;
  /** What somebody may whom {@link identityOf} answered; nothing for anybody else. */
  readonly dutiesOf: (identity: Identity) => ReadonlySet<Duty>;
}

/** What each duty is made of. To read a job is besides for whoever asked for it. */
export const ACTIONS: Readonly<Record<Duty, ReadonlySet<Action>>> = {
  submit: new Set<Action>(["jobs.submit"]),
  review: new Set<Action>(["jobs.read", "approvals.read", "approvals.decide", "traces.read"]),
  operate: new Set<Action>([
    "jobs.read",
    "approvals.read",
    "traces.read",
    "policy.read",
    "policy.simulate",
    "audit.read",
    "metrics.read",
  ]),
};

/** One that is shorter could be guessed. */
const LEAST_TOKEN = 32;

const FIELDS = ["id", "type", "sha256", "may", "roles", "tenant_id", "tenants", "on_behalf_of"];
const TYPES: readonly ActorType[] = ["agent", "service", "human"];
const DUTIES: readonly Duty[] = ["submit", "review", "operate"];

/** Reads a file of tokens: YAML or JSON, of each token its hash alone. @throws CannotRun with what is wrong with it. */
export async function readTokens(io: Io, path: string): Promise<Tokens> {
  const asked = { shown: quoted(path), what: "a file of tokens", code: "tokens_invalid" };
  const value = yamlValue(await readText(io, path), asked);
  const identities = new Map<string, Identity>();
  const duties = new Map<Identity, ReadonlySet<Duty>>();
  const refuse: Refuse = (message, help) => {
    throw new CannotRun("tokens_invalid", `${quoted(path)}: ${message}`, help);
  };
  for (const [at, item] of tokensOf(value, refuse).entries()) {
    const { hash, identity, may } = readHolder(item, (message, help) => refuse(`\`tokens[${at}]\` ${message}`, help));
    if (identities.has(hash)) refuse(`\`tokens[${at}]\` is the same token as one before it`);
    identities.set(hash, identity);
    duties.set(identity, may);
  }
  return {
    size: identities.size,
    // The hash is looked up, so that the time it takes tells nothing of a token.
    identityOf: (token) => (token.length < LEAST_TOKEN ? null : (identities.get(sha256(token)) ?? null)),
    dutiesOf: (identity) => duties.get(identity) ?? new Set(),
  };
}

type Refuse = (message: string, help?: string) => never;

function sha256(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function tokensOf(value: Json | undefined, refuse: Refuse): readonly Json[] {
  if (value === undefined || !isMap(value)) return refuse("must be a map", "write `tokens:` and a list below it");
  const stray = Object.keys(value).find((key) => key !== "tokens");
  if (stray !== undefined) refuse(`knows no ${quoted(stray)}`, "write `tokens:` and a list below it");
  const { tokens } = value;
  return Array.isArray(tokens) && tokens.length > 0 ? tokens : refuse("`tokens` must be a list, and not empty");
}

/** What a file says of one token. */
interface Holder {
  readonly hash: string;
  readonly identity: Identity;
  readonly may: ReadonlySet<Duty>;
}

function readHolder(item: Json, refuse: Refuse): Holder {
  if (!isMap(item)) return refuse("must be a map");
  const stray = Object.keys(item).find((key) => !FIELDS.includes(key));
  if (stray !== undefined)
    refuse(`has no field ${quoted(stray)}`, didYouMean(stray, FIELDS, `fields: ${FIELDS.join(", ")}`));
  const { id, type, sha256: hash, may } = item;
  if (typeof id !== "string" || !/^[\x21-\x7e]{1,256}$/.test(id)) {
    return refuse("needs an `id`: 1 to 256 printable ASCII characters without spaces");
  }
  const kind = TYPES.find((known) => known === type);
  if (kind === undefined) return refuse(`needs a \`type\`: ${TYPES.join(", ")}`);
  if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)) {
    return refuse("needs the token's `sha256`: 64 of 0-9 and a-f", 'print it: printf %s "$TOKEN" | sha256sum');
  }
  const duties = textsOf(item, "may", refuse);
  if (may === undefined || duties.length === 0 || !duties.every(isDuty)) {
    return refuse(`needs \`may\`: a list of ${DUTIES.join(", ")}`);
  }
  if (kind === "agent" && duties.some((duty) => duty !== "submit")) {
    return refuse("is an agent's, who may `submit` and nothing else", "what they saw would teach them a way round");
  }
  const identity: Identity = {
    ...{ id, type: kind, assurance: "token", roles: textsOf(item, "roles", refuse) },
    tenants: item.tenants === "all" ? "all" : textsOf(item, "tenants", refuse),
    ...optional(item, "tenant_id", "tenantId", refuse),
    ...optional(item, "on_behalf_of", "onBehalfOf", refuse),
  };
  return { hash, identity, may: new Set(duties.filter(isDuty)) };
}

function isDuty(text: string): text is Duty {
  return DUTIES.some((duty) => duty === text);
}

function textsOf(item: JsonObject, field: string, refuse: Refuse): readonly string[] {
  const value = item[field] ?? [];
  const isList = Array.isArray(value) && value.every((text) => typeof text === "string" && text !== "");
  return isList ? (value as readonly string[]) : refuse(`\`${field}\` must be a list of texts`);
}

function optional(item: JsonObject, field: string, name: "tenantId" | "onBehalfOf", refuse: Refuse): object {
  const value = item[field];
  if (value === undefined) return {};
  return typeof value === "string" && value !== "" ? { [name]: value } : refuse(`\`${field}\` must be a text`);
}
