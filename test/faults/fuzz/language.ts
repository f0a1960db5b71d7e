/**
 * The policy language as one closed table, written down a second time and by hand: it shares nothing with the schema that the
 * engine is made of. What it says of a document is what DESIGN section 4 says.
 */
export type Word =
  | { readonly kind: "leaf"; readonly holds: (value: unknown) => boolean }
  | { readonly kind: "list"; readonly of: Word; readonly least: number; readonly most: number }
  | { readonly kind: "map"; readonly keys: ReadonlyMap<string, Word>; readonly required: readonly string[] }
  /** Names of the author's own. */
  | { readonly kind: "names"; readonly of: Word }
  | { readonly kind: "either"; readonly of: readonly Word[] };

const leaf = (holds: (value: unknown) => boolean): Word => ({ kind: "leaf", holds });
const list = (of: Word, least = 1, most = Number.POSITIVE_INFINITY): Word => ({ kind: "list", of, least, most });
const map = (keys: Readonly<Record<string, Word>>, required: readonly string[] = []): Word => ({
  kind: "map",
  keys: new Map(Object.entries(keys)),
  required,
});
const names = (of: Word): Word => ({ kind: "names", of });
const either = (...of: readonly Word[]): Word => ({ kind: "either", of });
const word = (...words: readonly unknown[]): Word => leaf((value) => words.includes(value));
const text = (least: number, most: number, grammar = /^[\s\S]*$/): Word =>
  leaf((value) => {
    const size = typeof value === "string" ? [...value].length : -1;
    return size >= least && size <= most && grammar.test(value as string);
  });
const number = (least: number, most: number): Word =>
  leaf((value) => typeof value === "number" && value >= least && value <= most);
const whole = (least: number, most: number): Word =>
  leaf((value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most);

const YEAR = 31_536_000;
const seconds = number(Number.MIN_VALUE, YEAR);
const million = whole(1, 1_000_000);
const line = /^[^\p{Cc}\u2028\u2029]*$/u;
const visible = /^[\x21-\x7e]*$/;
const tag = text(1, 64, /^[a-z0-9_-]*$/);
const window = map({ limit: million, window_sec: seconds }, ["limit", "window_sec"]);
const pattern = text(1, 512);

const KEYS = {
  topics: list(text(1, 512, /^[A-Za-z0-9_:@%~+*?{},-]+(\.[A-Za-z0-9_:@%~+*?{},-]+)*$/)),
  risk_tags: either(list(tag, 0), map({ any: list(tag), all: list(tag), none: list(tag) })),
  tenants: list(text(1, 256, visible)),
  actors: list(pattern),
  actor_types: list(word("human", "service", "agent")),
  capabilities: list(text(1, 256)),
  requires: list(text(1, 256)),
  labels: names(either(text(0, 512), list(text(0, 512)), map({ absent: word(true) }, ["absent"]))),
  when: text(1, 4_096),
};
const match = map({ ...KEYS, unless: map(KEYS) });
const path = text(1, 4_096, /^(\/|[A-Za-z]:[/\\])[^\p{Cc}*?]*$/u);
const host = text(1, 270, /^[A-Za-z0-9_.:[\]*/-]*$/);

const rule = map(
  {
    id: text(1, 128, visible),
    match,
    decision: word("allow", "deny", "require_approval", "throttle", "allow_with_constraints"),
    reason: text(1, 1_000, line),
    approval: map({
      quorum: whole(1, 100),
      roles: list(text(1, 128, visible)),
      kinds: list(word("human", "service")),
      expires_in_sec: seconds,
      allow_self: word(true, false),
      confirm_view: word(true, false),
      assurance: word("host", "token"),
    }),
    throttle: map(
      { limit: million, window_sec: seconds, per: list(text(1, 262, /^(tenant|actor|topic|label:[\s\S]+)$/)) },
      ["limit", "window_sec"],
    ),
    constraints: map({
      max_runtime_sec: seconds,
      max_retries: whole(0, 1_000),
      max_output_bytes: whole(0, Number.MAX_SAFE_INTEGER),
      max_concurrent: whole(0, 1_000_000),
      paths: map({ read: list(path, 0), write: list(path, 0), deny: list(path) }),
      network: map({ allow: list(host, 0), deny: list(host) }),
    }),
    remediations: list(
      map(
        {
          title: text(1, 200, line),
          summary: text(1, 1_000, line),
          replacement_topic: text(1, 256, /^[A-Za-z0-9_:@%~+.-]*$/),
          add_labels: names(text(0, 256)),
          remove_labels: list(text(1, 256), 1, 64),
        },
        ["title"],
      ),
      1,
      16,
    ),
  },
  ["id", "match", "decision"],
);

const detector = text(1, 64, /^[a-z0-9_]*$/);
const output = map(
  {
    id: text(1, 128, visible),
    match,
    detect: list(
      either(
        word("secrets", "pii"),
        map({ name: detector, pattern: text(1, 1_000) }, ["name", "pattern"]),
        map({ detector }, ["detector"]),
      ),
    ),
    action: word("redact", "quarantine"),
  },
  ["id", "match", "detect", "action"],
);

/** A whole policy that imports nothing. */
const POLICY: Word = map(
  {
    version: word("v1"),
    combining: word("most_restrictive", "first_match"),
    default: word("deny", "require_approval"),
    tags: names(text(0, 1_000)),
    tiers: list(tag, 1, 64),
    queue: map({ max_pending: million, max_pending_per_actor: million, max_requests_per_actor: window }),
    approvals: map({ expires_in_sec: seconds, use_within_sec: seconds, rejection_stands_sec: number(0, YEAR) }),
    rules: list(rule),
    outputs: list(output),
    output_default: word("secrets", "none"),
  },
  ["version", "rules"],
);

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What of a value the language does not have, by where it stands. */
export function strange(value: unknown, is: Word = POLICY, at = ""): readonly string[] {
  switch (is.kind) {
    case "leaf":
      return is.holds(value) ? [] : [at];
    case "either": {
      const each = is.of.map((one) => strange(value, one, at));
      return each.find(({ length }) => length === 0) ?? each[0] ?? [];
    }
    case "list":
      if (!Array.isArray(value) || value.length < is.least || value.length > is.most) return [at];
      return value.flatMap((item: unknown, index) => strange(item, is.of, `${at}/${index}`));
    case "names":
      if (!isMap(value) || Object.keys(value).length === 0) return [at];
      return Object.entries(value).flatMap(([name, item]) => strange(item, is.of, `${at}/${name}`));
    case "map": {
      if (!isMap(value) || Object.keys(value).length === 0) return [at];
      const missing = is.required.filter((key) => !Object.hasOwn(value, key)).map((key) => `${at}/${key}`);
      const held = Object.entries(value).flatMap(([key, item]) => {
        const of = is.keys.get(key);
        return of === undefined ? [`${at}/${key}`] : strange(item, of, `${at}/${key}`);
      });
      return [...missing, ...held];
    }
  }
}

/** The value without the keys that the language does not have: what a reader without a closed schema makes of it. */
export function withoutStrangeKeys(value: unknown, is: Word = POLICY): unknown {
  if (is.kind === "list" && Array.isArray(value)) return value.map((item: unknown) => withoutStrangeKeys(item, is.of));
  if (is.kind !== "map" || !isMap(value)) return value;
  const kept = Object.entries(value).flatMap(([key, item]) => {
    const of = is.keys.get(key);
    return of === undefined ? [] : [[key, withoutStrangeKeys(item, of)] as const];
  });
  return Object.fromEntries(kept);
}
