import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readSuite, runSuite } from "../../src/analysis/suite.js";
import { constrain } from "../../src/dispatch/constrain.js";
import { loadPolicy } from "../../src/load-policy.js";
import { compileCondition } from "../../src/policy/condition.js";
import { compileTopics } from "../../src/policy/match.js";
import { compilePolicy, type Policy } from "../../src/policy/policy.js";
import { counts, isEligible } from "../../src/store/approval-state.js";
import { jobWith } from "../policy/condition-job.js";
import { bare, blocksOf, codesIn, rowsOf } from "./markdown.js";

const DOCS = readFileSync("docs/policy.md", "utf8");

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Loads every policy and runs every suite of a document: what is not as it says, with the line of the block. */
async function problemsOf(docs: string): Promise<{ readonly found: readonly string[]; readonly tests: number }> {
  const found: string[] = [];
  const blocks = blocksOf(docs);
  const named = new Map<string, string>();
  for (const { language, text } of blocks) {
    const [, name] = /^# (\S+\.yaml)\n/.exec(text) ?? [];
    if (language === "yaml" && name !== undefined) named.set(name, text);
  }
  const root = mkdtempSync(join(folder, "files-"));
  for (const [name, text] of named) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  let policy: Policy | undefined;
  let tests = 0;
  for (const [index, { language, text, line }] of blocks.entries()) {
    if (language !== "yaml") continue;
    try {
      if (text.startsWith("# does not load\n")) {
        const said = refusalOf(text);
        const next = blocks[index + 1];
        if (next?.language !== "" || next.text !== `${said}\n`) found.push(`${line}: it says ${said}`);
      } else if (/^(# tests of \S+\n)?(tests|declared_tags):/.test(text)) {
        const [, name] = /^# tests of (\S+)\n/.exec(text) ?? [];
        const asked = name === undefined ? policy : await loadPolicy(join(root, name));
        if (asked === undefined) throw new Error("there is no policy above it");
        const read = readSuite(`policy: ./above.yaml\n${text}`);
        if (!read.ok) throw new Error(read.issues.map(({ message }) => message).join("; "));
        for (const { name: title, differences } of runSuite(read.suite, asked).results) {
          tests += 1;
          if (differences.length > 0) found.push(`${line}: ${title}: ${JSON.stringify(differences)}`);
        }
      } else if (/^(version: v1|#)/.test(text)) {
        policy = /^imports:/m.test(text) ? undefined : compilePolicy({ yaml: text });
      } else throw new Error("a block that is neither a policy nor tests");
    } catch (error) {
      found.push(`${line}: ${(error as Error).message}`);
    }
  }
  return { found, tests };
}

function refusalOf(yaml: string): string {
  try {
    compilePolicy({ yaml });
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing: it loads";
}

/** The tables of conditions, against the engine. */
function conditionProblems(docs: string): readonly string[] {
  const json = blocksOf(docs).find(({ language }) => language === "json")?.text ?? "{}";
  const job = jobWith({ actor: null, ...(JSON.parse(json) as object) });
  const answers = rowsOf(docs, "| condition | answer |").map(([source = "", wanted = ""]) => {
    const read = compileCondition(bare(source));
    if (!read.ok) return [source, wanted, "it does not load"] as const;
    const answer = read.condition.evaluate(job);
    return [source, wanted, typeof answer === "boolean" ? `${answer}` : `error: ${answer.error}`] as const;
  });
  const refusals = rowsOf(docs, "| condition | message |").map(([source = "", message = "", help = ""]) => {
    const read = compileCondition(bare(source));
    const [first] = read.ok ? [] : read.problems;
    return [source, `${message} ${help}`, `${first?.message ?? "it loads"} ${first?.help ?? ""}`] as const;
  });
  return [...answers, ...refusals]
    .filter(([, wanted, is]) => wanted !== is)
    .map(([source, , is]) => `${source}: ${is}`);
}

/** The table of patterns, against the engine. */
function patternProblems(docs: string): readonly string[] {
  return rowsOf(docs, "| pattern | matches |").flatMap(([pattern = "", yes = "", no = ""]) => {
    const matches = compileTopics([bare(pattern)]);
    const wrong = [...codesIn(yes).filter((topic) => !matches(topic)), ...codesIn(no).filter(matches)];
    return wrong.map((topic) => `${pattern} ${topic}`);
  });
}

/** What the words of the table of halves stand for; the job declares the tag `d`, and nothing vouches for it. */
const OWN = new Map<string, object>([
  ["hold", {}],
  ["may hold", { risk_tags: ["d"] }],
  ["err", { when: "job.payload.gone" }],
  ["do not hold", { risk_tags: ["other"] }],
]);
const UNLESS = new Map<string, object>([
  ["none", {}],
  ["does not hold", { unless: { risk_tags: ["other"] } }],
  ["may hold", { unless: { risk_tags: ["d"] } }],
  ["errs", { unless: { when: "job.payload.gone" } }],
  ["holds", { unless: { topics: ["**"] } }],
]);

function halves(docs: string): { readonly wrong: readonly string[]; readonly cases: number } {
  const wrong: string[] = [];
  let cases = 0;
  for (const [owns = "", exceptions = "", permission, restriction] of rowsOf(docs, "| the rule's own keys")) {
    for (const own of owns.split(", ")) {
      for (const exception of exceptions.split(", ")) {
        cases += 1;
        const match = { topics: ["**"], ...OWN.get(own), ...UNLESS.get(exception) };
        if (!OWN.has(own) || !UNLESS.has(exception)) wrong.push(`${own} / ${exception} is not known`);
        const allow = answerOf([{ id: "a", match, decision: "allow" }]) === "allow";
        const open = { id: "open", match: { topics: ["**"] }, decision: "allow" };
        const deny = answerOf([open, { id: "a", match, decision: "deny" }]) === "deny";
        if (allow !== (permission === "counts")) wrong.push(`${own} / ${exception}: permission`);
        if (deny !== (restriction === "counts")) wrong.push(`${own} / ${exception}: restriction`);
      }
    }
  }
  return { wrong, cases };
}

function answerOf(rules: readonly object[]): string | undefined {
  const suite =
    "policy: ./x.yaml\ndeclared_tags: restrict_only\ntests:\n  - name: x\n    job: { topic: a, risk_tags: [d] }\n";
  return ["allow", "deny"].find((decision) => {
    const read = readSuite(`${suite}    expect: { decision: ${decision} }\n`);
    if (!read.ok) throw new Error("the suite is wrong");
    return runSuite(read.suite, compilePolicy({ document: { version: "v1", rules } })).results[0]?.ok;
  });
}

describe("docs/policy.md", () => {
  test("its policies load, its tests pass, and what does not load says what stands below it", async () => {
    const { found, tests } = await problemsOf(DOCS);
    expect(found).toEqual([]);
    expect(tests).toBeGreaterThan(40);
  });

  test("so does all that docs/first-match.md shows", async () => {
    const { found, tests } = await problemsOf(readFileSync("docs/first-match.md", "utf8"));
    expect(found).toEqual([]);
    expect(tests).toBe(7);
  });

  test.each([
    ["a misspelt key", "risk_tags: [prod] }\n    decision: require", "risk_tag: [prod] }\n    decision: require"],
    [
      "another decision",
      '    decision: require_approval\n    reason: "A person',
      '    decision: deny\n    reason: "A person',
    ],
    ["another expectation", "expect: { decision: allow, rule: reads }", "expect: { decision: deny, rule: reads }"],
    ["another message", "`default` cannot be `allow`", "`default` must not be `allow`"],
    ["a policy that loads where none should", "default: allow\nrules:", "default: deny\nrules:"],
    ["an imported file that is gone", "# teams/payments.yaml", "# teams/refunds.yaml"],
    ["a block that is nothing", "```yaml\nversion: v1\ncombining", "```yaml\ncombining"],
  ])("the control: %s is found", async (_, from, to) => {
    expect(DOCS).toContain(from);
    expect((await problemsOf(DOCS.replace(from, to))).found).not.toEqual([]);
  });

  test("its conditions and patterns answer what the tables say, and a wrong row is found", () => {
    expect(rowsOf(DOCS, "| condition |").length).toBeGreaterThan(30);
    expect(conditionProblems(DOCS)).toEqual([]);
    expect(conditionProblems(DOCS.replace("is missing |", "is gone |"))).toHaveLength(1);
    expect(conditionProblems(DOCS.replace("| write `1.0` |", "| write `1` |"))).toHaveLength(1);
    expect(rowsOf(DOCS, "| pattern |").length).toBeGreaterThan(5);
    expect(patternProblems(DOCS)).toEqual([]);
    expect(patternProblems(DOCS.replace("| `job` |", "| `job.x` |"))).toEqual(["`job.**` job.x"]);
  });

  test("the table of halves is what the engine does, in every combination, and a wrong row is found", () => {
    expect(halves(DOCS)).toEqual({ wrong: [], cases: OWN.size * UNLESS.size });
    const { wrong } = halves(
      DOCS.replace("| hold | may hold, errs | | counts |", "| hold | may hold, errs | counts | |"),
    );
    expect(wrong).toHaveLength(4);
  });
});

type Node = { readonly [key: string]: Node };
const SCHEMA = JSON.parse(readFileSync("src/policy/schema.json", "utf8")) as Node;

/** Every property of the language with its node in the schema. */
function propertiesOf(node: Node): readonly (readonly [string, Node])[] {
  if (typeof node !== "object" || node === null) return [];
  const own =
    typeof node.properties === "object" && !("enum" in node.properties) ? Object.entries(node.properties) : [];
  return [...own, ...Object.values(node).flatMap(propertiesOf)];
}

/** The bounds of a number as the document writes them. */
function boundsOf({ minimum, maximum }: Readonly<Record<string, unknown>>): string {
  const most = Number(maximum).toLocaleString("en-US");
  return minimum === undefined ? `over 0, at most ${most}` : `${String(minimum)} to ${most}`;
}

describe("docs/policy.md as a reference", () => {
  const rows = DOCS.split("\n").filter((line) => line.startsWith("|"));

  test("every key and word of the schema stands in a table, every number with its bounds", () => {
    const properties = propertiesOf(SCHEMA);
    expect(properties.length).toBeGreaterThan(60);
    const about = (key: string): readonly string[] => rows.filter((row) => new RegExp(`\\b${key}\\b`).test(row));
    for (const [key, node] of properties) {
      expect([key, about(key).length > 0]).toEqual([key, true]);
      for (const word of Object.values(node.enum ?? {}))
        expect([key, DOCS.includes(String(word))]).toEqual([key, true]);
      if (node.maximum === undefined) continue;
      const bounds = boundsOf(node);
      expect([key, bounds, about(key).some((row) => row.includes(bounds))]).toEqual([key, bounds, true]);
    }
  });

  test("every key that a table of keys names is one", () => {
    const keys = new Set(propertiesOf(SCHEMA).map(([key]) => key));
    const named = rowsOf(DOCS, "| key ").map(([key = ""]) => bare(key));
    expect(named.filter((key) => !keys.has(key))).toEqual([]);
    expect(named.length).toBeGreaterThan(45);
  });

  test("the gate's own ids are those of the engine", () => {
    const sources = ["combine", "compile", "refuse"]
      .map((name) => readFileSync(`src/policy/${name}.ts`, "utf8"))
      .join();
    const ids = new Set([...`${sources}`.matchAll(/"(@[a-z_]+)"/g)].map(([, id]) => id));
    ids.add("@invalid");
    expect(new Set(rowsOf(DOCS, "| id | names |").map(([id = ""]) => bare(id)))).toEqual(ids);
  });

  test("what changes a snapshot, and what does not", () => {
    const of = (yaml: string): string => compilePolicy({ yaml }).snapshot;
    const base =
      "version: v1\ntags: { a: x, b: y }\ntiers: [low, high]\nrules:\n  - { id: r, match: { risk_tags: [a] }, decision: allow }\n  - { id: s, match: { topics: [t], labels: { env: prod } }, decision: deny, reason: no }\n";
    const change = (from: string | RegExp, to: string): string => {
      expect(base).toMatch(from);
      return base.replace(from, to);
    };
    const defaults = rowsOf(DOCS, "| key of `approvals`").map(
      ([key, , value = ""]) => `${bare(key ?? "")}: ${value.replace(",", "")}`,
    );
    const written = `combining: most_restrictive\ndefault: deny\noutput_default: secrets\napprovals: { ${defaults.join(", ")} }\n`;
    const variants = new Map<string, readonly string[]>([
      [
        "comments, layout, the order of keys",
        [`# x\n${base}`, change("id: r, match: { risk_tags: [a] }", "match: { risk_tags: [a] }, id: r")],
      ],
      ["a default written out", [base + written]],
      [
        "a shorthand spelt in full (`risk_tags: [a]` for `{ any: [a] }`, a label's one pattern for a list)",
        [change("[a]", "{ any: [a] }"), change("env: prod", "env: [prod]")],
      ],
      ["`queue`, the descriptions under `tags`", [`${base}queue: { max_pending: 5 }\n`, change("a: x", "a: z")]],
      [
        "a rule's id, reason or remediations",
        [
          change("id: r", "id: q"),
          change("reason: no", "reason: nope"),
          change("reason: no", "reason: no, remediations: [{ title: t }]"),
        ],
      ],
      [
        "the order of rules, or of items in a list",
        [base.replace(/( {2}- .*\n)( {2}- .*\n)/, "$2$1"), change("[low, high]", "[high, low]")],
      ],
      [
        "`approvals`, `tiers`, a tag added to the vocabulary",
        [`${base}approvals: { use_within_sec: 1 }\n`, change("[low, high]", "[low]"), change("b: y", "b: y, c: z")],
      ],
      ["anything else", [change("topics: [t]", "topics: [u]"), `${base}output_default: none\n`]],
    ]);
    const imported = "rules moved to an imported file that stands in the same place";
    const told = rowsOf(DOCS, "| change | snapshot |");
    expect(told.map(([name]) => name).filter((name) => name !== imported)).toEqual([...variants.keys()]);
    for (const [name = "", wanted] of told) {
      for (const variant of variants.get(name) ?? []) {
        expect([name, variant === base, of(variant) === of(base)]).toEqual([name, false, wanted === "same"]);
      }
    }
  });

  test("rules moved to an imported file leave the snapshot", async () => {
    const rule = "rules:\n  - { id: r, match: { topics: [t] }, decision: allow }\n";
    writeFileSync(join(folder, "main.yaml"), "version: v1\nimports: [./part.yaml]\n");
    writeFileSync(join(folder, "part.yaml"), `version: v1\n${rule}`);
    const { snapshot } = await loadPolicy(join(folder, "main.yaml"));
    expect(snapshot).toBe(compilePolicy({ yaml: `version: v1\n${rule}` }).snapshot);
  });

  test("what it says the gate does not enforce itself is refused where nobody does", async () => {
    const { queue } = compilePolicy({
      yaml: "version: v1\nrules: [{ id: a, match: { topics: [a] }, decision: deny }]\n",
    });
    const { limit, windowSec } = queue.maxRequestsPerActor;
    const bounds = [`${limit} in ${windowSec}`, queue.maxPending, queue.maxPendingPerActor].map(String);
    const told = rowsOf(DOCS, "| key of `queue`").map((row) => (row.at(-1) ?? "").replaceAll(",", ""));
    expect(told.sort()).toEqual(bounds.sort());
    const enforced = DOCS.match(/\*\*The gate itself enforces (.*?)\.\*\*/s)?.[1] ?? "";
    expect(codesIn(enforced)).toEqual(["max_runtime_sec", "max_retries", "max_output_bytes", "max_concurrent"]);
    const values = new Map<string, object | number>([
      ["paths", { read: [] }],
      ["network", { allow: [] }],
    ]);
    for (const [key = ""] of rowsOf(DOCS, "| key of `constraints`")) {
      const constraints = { [bare(key)]: values.get(bare(key)) ?? 1 };
      const rules = [{ id: "a", match: { topics: ["a"] }, decision: "allow_with_constraints", constraints }];
      const decision = compilePolicy({ document: { version: "v1", rules } }).decide({ topic: "a" });
      const asked = { decision, own: {}, maxRuntimeSec: 900 };
      const byItself = codesIn(enforced).includes(bare(key));
      expect([key, constrain({ ...asked, enforcers: [] }).ok]).toEqual([key, byItself]);
      const guard = { name: "guard", enforces: ["paths", "network"] } as const;
      expect(constrain({ ...asked, enforcers: [guard] }).ok).toBe(true);
    }
    const voter = { kind: "human", roles: [], assurance: "host", view: null } as const;
    const requirement = { ruleId: "a", quorum: 1, kinds: ["human"], allowSelf: false, confirmView: false } as const;
    expect(isEligible(requirement, voter)).toBe(true);
    expect(isEligible({ ...requirement, assurance: "host" }, voter)).toBe(true);
    expect(counts({ ...requirement, confirmView: true }, voter)).toBe(false);
    expect(counts({ ...requirement, confirmView: true }, { ...voter, view: "shown" })).toBe(true);
    expect(isEligible({ ...requirement, assurance: "token" }, voter)).toBe(false);
    expect(isEligible({ ...requirement, assurance: "token" }, { ...voter, assurance: "token" })).toBe(true);
  });

  test("its explanation is that of the first policy, and its schema the one that is published", () => {
    const [first] = blocksOf(DOCS);
    const shown = blocksOf(DOCS).find(({ text }) => text.startsWith("DENY by"))?.text;
    expect(`${compilePolicy({ yaml: first?.text ?? "" }).explain({ topic: "job.tickets.write.close" }).text}\n`).toBe(
      shown,
    );
    const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as {
      readonly exports: Readonly<Record<string, unknown>>;
    };
    const path = /\$schema=\.\/node_modules\/dispatch-gate\/(\S+)/.exec(first?.text ?? "")?.[1];
    expect(exports["./policy.schema.json"]).toBe(`./${path}`);
  });
});
