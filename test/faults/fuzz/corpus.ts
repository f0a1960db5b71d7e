import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { jobs, policies } from "../../policy/arbitrary.js";
import type { ReferenceJob } from "../../policy/reference.js";

const folder = new URL("../../cases/", import.meta.url);

/** Whole policies that load: those of the cases, the seed's, and some drawn so that their rules often match. */
export const TEXTS: readonly string[] = [
  readFileSync(new URL("../../../examples/governance-policy.yaml", import.meta.url), "utf8"),
  ...readdirSync(folder)
    .filter((name) => name.endsWith(".test.yaml"))
    .map((name) => (parse(readFileSync(new URL(name, folder), "utf8")) as { readonly policy?: unknown }).policy)
    .filter((policy) => typeof policy === "object")
    .map((policy) => stringify(policy)),
  ...fc.sample(policies, { seed: 7, numRuns: 60 }).map((policy) => stringify(policy)),
  // Flow style: as JSON.
  ...fc.sample(policies, { seed: 8, numRuns: 20 }).map((policy) => JSON.stringify(policy)),
];

/** Jobs that those policies tell apart. */
export const JOBS: readonly ReferenceJob[] = fc.sample(jobs, { seed: 9, numRuns: 500 });

/** What stands in policies, and what stands nearly there: a token is replaced by any other. */
export const TOKENS: readonly string[] = [
  ...["version", "v1", "v2", "combining", "most_restrictive", "first_match", "default", "deny", "allow", "rules", "id"],
  ...[
    "match",
    "topics",
    "risk_tags",
    "any",
    "all",
    "none",
    "tenants",
    "actors",
    "actor_types",
    "capabilities",
    "labels",
  ],
  ...[
    "absent",
    "when",
    "unless",
    "decision",
    "reason",
    "approval",
    "quorum",
    "roles",
    "kinds",
    "allow_self",
    "throttle",
  ],
  ...["limit", "window_sec", "per", "constraints", "max_retries", "max_concurrent", "paths", "network", "outputs"],
  ...["require_approval", "allow_with_constraints", "detect", "secrets", "pii", "action", "redact", "tags", "tiers"],
  // Nearly.
  ...[
    "risk_tag",
    "topic",
    "tenant",
    "Allow",
    "DENY",
    "allowed",
    "rule",
    "matches",
    "unles",
    "deniy",
    "approvals",
    "queue",
  ],
  ...["constructor", "__proto__", "prototype", "toString", "hasOwnProperty", "imports", "<<", "permit", "decisions"],
  // Patterns.
  ...[
    "**",
    "*",
    "a.**",
    "**.b",
    "a*b*c*d",
    "{a,b}",
    "{a",
    "[z-a]",
    "!a",
    "a..b",
    "?",
    "job.*.*.z",
    "@(a|b)",
    "a.**.**.b",
  ],
  // Numbers.
  ...[
    "0",
    "-1",
    "1e309",
    ".inf",
    ".nan",
    "0x10",
    "0o17",
    "9007199254740993",
    "1_000",
    "1.5",
    "-0",
    "1e-400",
    "12345678901234567890",
  ],
  // What other readers of YAML take for something else.
  ...[
    "yes",
    "no",
    "on",
    "~",
    "null",
    "true",
    "FALSE",
    "!!str x",
    "&a b",
    "*a",
    "? k",
    "- x",
    "%YAML 1.1",
    "---",
    "...",
  ],
  ...['"p" in job.risk_tags', "job.payload.n > 1.0", "job.payload.n % 2 == 1", "[1].exists(x, [2].exists(y, x == y))"],
  ...[
    'job.topic.matches("^(a+)+$")',
    "true",
    "job",
    "job.payload.list.all(x, x > 0.0)",
    "has(job.payload.n)",
    "1 / 0 == 1",
  ],
  // Odd characters: zero width, bidi, full width, no-break, byte order mark, a line separator, a tab, a form feed.
  ...[
    "\u200b",
    "\u202e",
    "ａｌｌｏｗ",
    "\u00a0",
    "\ufeff",
    "\u2028",
    "\t",
    "\f",
    "\u0000",
    "é",
    "e\u0301",
    "😀",
    "\\ud800",
  ],
  ...["{", "}", "[", "]", ":", ",", "'", '"', "|", ">", "#", "\\", "\r", "\n", "  "],
];
