import { compilePolicy, type Json, type Policy, PolicyError } from "dispatch-gate";
import { parseDocument, visit } from "yaml";
import { canonicalize } from "../../../src/canonical.js";
import type { PolicyDocument } from "../../../src/policy/document.js";
import { ask } from "../../policy/ask.js";
import { CONDITIONS, referenceDecide } from "../../policy/reference.js";
import type { Draws } from "../random.js";
import { JOBS } from "./corpus.js";
import { hangs } from "./hang.js";
import { strange, withoutStrangeKeys } from "./language.js";
import { drawText } from "./policy-text.js";

/** What one text came to. */
export interface TextEnd {
  readonly compiled: boolean;
  /** Decisions that were held against the reference. */
  readonly compared: number;
  readonly wrong: string | null;
}

const REFUSED: TextEnd = { compiled: false, compared: 0, wrong: null };

/** How many jobs each policy that compiles is asked about. */
const JOBS_EACH = 8;

/** Compiles one text, and holds what comes of it against a reading of its own. */
export function tryText(draws: Draws): TextEnd {
  const yaml = drawText(draws);
  let policy: Policy | null = null;
  let thrown: unknown = null;
  const cost = hangs(() => {
    try {
      policy = compilePolicy({ yaml });
    } catch (error) {
      thrown = error;
    }
  });
  const wrongs = (wrong: string): TextEnd => ({
    compiled: policy !== null,
    compared: 0,
    wrong: `${wrong}\n${textOf(yaml)}`,
  });
  if (cost !== null) return wrongs(`it takes ${cost.toFixed(0)} ms of processor time`);
  if (thrown !== null && !(thrown instanceof PolicyError)) return wrongs(`not a PolicyError: ${String(thrown)}`);
  return policy === null ? REFUSED : look(policy, textOf(yaml), draws, wrongs);
}

function look(policy: Policy, text: string, draws: Draws, wrongs: (wrong: string) => TextEnd): TextEnd {
  const said = readPlainly(text);
  if (typeof said === "string") return wrongs(`it compiles, and is no plain YAML: ${said}`);
  const unknown = strange(said.document);
  if (unknown.length > 0) return wrongs(`it compiles, and the language does not know ${unknown.join(", ")}`);
  const document = writtenOut(said.document);
  if (canonicalize(policy.document) !== canonicalize(document)) return wrongs("it compiles to what it does not say");
  if (compilePolicy({ document: policy.document }).snapshot !== policy.snapshot)
    return wrongs("its document is another");
  const conditions = whens(document);
  const known = conditions.every((when) => CONDITIONS.has(when));
  for (let n = 0; n < JOBS_EACH; n += 1) {
    const job = draws.pick(JOBS);
    let decided: ReturnType<typeof ask> | null = null;
    const cost = hangs(() => {
      decided = ask(policy, job);
    });
    if (cost !== null) return wrongs(`a decision takes ${cost.toFixed(0)} ms of processor time`);
    if (!known || decided === null) continue;
    const { type, ruleId } = decided as ReturnType<typeof ask>;
    const should = referenceDecide(document as unknown as PolicyDocument, job);
    if (type === should.type && ruleId === should.ruleId) continue;
    return wrongs(`${JSON.stringify(job)} is ${type} by ${ruleId}, where it says ${should.type} by ${should.ruleId}`);
  }
  return { compiled: true, compared: known ? JOBS_EACH : 0, wrong: null };
}

function textOf(yaml: string | Uint8Array): string {
  return typeof yaml === "string" ? yaml : Buffer.from(yaml).toString();
}

type Plain = Readonly<Record<string, Json>>;

/** The document as plain YAML says it, or what in the text is not plain. */
function readPlainly(text: string): { readonly document: Plain } | string {
  const parsed = parseDocument(text, { version: "1.2", schema: "core", merge: false, uniqueKeys: true });
  const fault = [...parsed.errors, ...parsed.warnings][0];
  if (fault !== undefined) return fault.message;
  const odd: string[] = [];
  visit(parsed, {
    Alias: () => {
      odd.push("an alias");
    },
    Node: (_, node) => {
      if ("tag" in node && node.tag !== undefined) odd.push("a tag");
      if ("anchor" in node && node.anchor !== undefined) odd.push("an anchor");
    },
  });
  return odd[0] ?? { document: parsed.toJS({ maxAliasCount: 0 }) as Plain };
}

/** What is left to defaults, written out; shorthands in full. */
function writtenOut(given: Plain): Plain {
  const rulesOf = (key: string): Json =>
    ((given[key] ?? []) as Plain[]).map((rule) => ({ ...rule, match: inFull(rule.match as Plain) }));
  const { outputs, ...rest } = given;
  return {
    combining: "most_restrictive",
    default: "deny",
    output_default: "secrets",
    ...rest,
    approvals: {
      expires_in_sec: 86_400,
      use_within_sec: 900,
      rejection_stands_sec: 86_400,
      ...((given.approvals ?? {}) as Plain),
    },
    rules: rulesOf("rules"),
    ...(outputs === undefined ? {} : { outputs: rulesOf("outputs") }),
  };
}

function inFull(match: Plain): Json {
  const full: Record<string, Json> = { ...match };
  const { risk_tags: tags, labels, unless } = match;
  if (Array.isArray(tags) && tags.length > 0) full.risk_tags = { any: tags };
  if (labels !== undefined) {
    const pairs = Object.entries(labels as Plain);
    full.labels = Object.fromEntries(pairs.map(([name, test]) => [name, typeof test === "string" ? [test] : test]));
  }
  if (unless !== undefined) full.unless = inFull(unless as Plain);
  return full;
}

function whens(document: Plain): readonly string[] {
  const blocks = [...(document.rules as Plain[]), ...((document.outputs ?? []) as Plain[])].map(
    ({ match }) => match as Plain,
  );
  return blocks
    .flatMap(({ when, unless }) => [when, (unless as Plain | undefined)?.when])
    .filter((when) => typeof when === "string");
}

const VERY_DEEP = /(?:[[{?:-]\s*){64}/;

/**
 * The naive reader: what it does not know it leaves out, and compiles the rest. Answers what it permits though the text is no
 * policy; null where it permits nothing.
 */
export function permitsWithoutSchema(draws: Draws): string | null {
  const text = textOf(drawText(draws));
  // The library for YAML bears no depth: it runs out of stack, or does not come back.
  if (VERY_DEEP.test(text)) return null;
  try {
    const said = readPlainly(text);
    if (typeof said === "string") return null;
    const unknown = strange(said.document);
    if (unknown.length === 0) return null;
    const policy = compilePolicy({ document: withoutStrangeKeys(said.document) });
    const job = JOBS.find((each) => ask(policy, each).type.startsWith("ALLOW"));
    return job === undefined ? null : `${job.topic} is permitted past ${unknown.join(", ").slice(0, 200)}`;
  } catch {
    return null;
  }
}
