import type { MapShape, Shape } from "./shape.js";

/** The format of a suite, key by key. */

const TEXT: Shape = { is: "text" };
const NUMBER: Shape = { is: "number" };
const FLAG: Shape = { is: "flag" };
const ANY: Shape = { is: "any" };
const TEXTS: Shape = { is: "list", of: TEXT };

const map = (keys: Readonly<Record<string, Shape>>, more: Pick<MapShape, "required" | "full"> = {}): MapShape => ({
  is: "map",
  keys: new Map(Object.entries(keys)),
  ...more,
});

/** Values are the gate's to judge, as those of any job: a job that is refused fails its test. Keys are not. */
const JOB = map(
  {
    topic: ANY,
    risk_tags: ANY,
    derived_tags: TEXTS,
    tenant_id: ANY,
    actor: { is: "map or null", map: map({ id: ANY, type: ANY, on_behalf_of: ANY }) },
    labels: ANY,
    capability: ANY,
    requires: ANY,
    resources: map({ paths: ANY, hosts: ANY }),
    constraints: map({ max_runtime_sec: ANY, max_retries: ANY }),
    payload: ANY,
  },
  { required: ["topic"] },
);

const LISTS: Shape = { is: "list", of: TEXTS };

const CONSTRAINTS = map({
  max_runtime_sec: NUMBER,
  max_retries: NUMBER,
  max_output_bytes: NUMBER,
  paths: map({ read: LISTS, write: LISTS, deny: TEXTS }, { full: true }),
  network: map({ allow: LISTS, deny: TEXTS }, { full: true }),
});

const APPROVAL = map(
  {
    rule: TEXT,
    quorum: NUMBER,
    roles: TEXTS,
    kinds: TEXTS,
    expires_in_sec: NUMBER,
    allow_self: FLAG,
    confirm_view: FLAG,
    assurance: TEXT,
  },
  { full: true },
);

const EXPECT = map(
  {
    decision: { is: "word", words: ["allow", "deny", "require_approval", "throttle", "allow_with_constraints"] },
    rule: TEXT,
    reason: TEXT,
    matched: TEXTS,
    erred: TEXTS,
    constraints: CONSTRAINTS,
    approvals: { is: "list", of: APPROVAL },
    limits: TEXTS,
    pools: TEXTS,
    outputs: TEXTS,
    remediations: TEXTS,
  },
  { required: ["decision"] },
);

const TEST = map({ name: TEXT, job: JOB, expect: EXPECT }, { required: ["name", "job", "expect"] });

export const SUITE: Shape = map(
  {
    note: TEXT,
    policy: { is: "text or map", map: { is: "map", keys: null } },
    declared_tags: { is: "word", words: ["trusted", "restrict_only"] },
    tests: { is: "list", of: TEST, full: true },
  },
  { required: ["policy", "tests"] },
);
