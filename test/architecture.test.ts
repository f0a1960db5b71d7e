import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { library } from "../tsup.config.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

// Every file and folder directly under src has a level. Imports point down or stay, so whoever adds one says where it stands.
const LEVELS: ReadonlyMap<string, number> = new Map([
  ...["outcome.ts", "errors.ts", "canonical.ts", "digest.ts", "nearest.ts", "linear-pattern.ts", "snake-case.ts"].map(
    (name) => [name, 0] as const,
  ),
  ...["job", "policy", "output", "evidence"].map((name) => [name, 1] as const),
  ...["dispatch", "store", "analysis", "load-policy.ts", "refuse-unknown.ts", "signer.ts"].map(
    (name) => [name, 2] as const,
  ),
  ...["gate.ts", "gate", "approvals.ts", "detect-tags.ts", "open-approvals.ts", "model-text.ts", "wire.ts"].map(
    (name) => [name, 3] as const,
  ),
  ...[
    "index.ts",
    "sqlite.ts",
    "testing.ts",
    "testing",
    "analysis.ts",
    "process.ts",
    "otel.ts",
    "otel",
    "cli.ts",
    "http.ts",
    "http",
    "cli",
    "adapters",
  ].map((name) => [name, 4] as const),
]);

// On level 1 the organs know the job and nothing else of each other.
const ON_LEVEL_1: ReadonlyMap<string, readonly string[]> = new Map([
  ["job", []],
  ["policy", ["job"]],
  ["output", []],
  ["evidence", ["job"]],
]);

// Third-party packages stand in one folder each, so that each can be replaced there.
const PACKAGES: ReadonlyMap<string, string> = new Map([
  ["yaml", "src/policy/"],
  ["@marcbachmann/cel-js", "src/policy/condition"],
  ["re2js", "src/linear-pattern.ts"],
  ["better-sqlite3", "src/store/sqlite/"],
  ["ipaddr.js", "src/dispatch/guard/"],
  ["undici", "src/dispatch/guard/"],
  ["jose", "src/dispatch/permit-"],
  ["@opentelemetry/api", "src/otel/"],
  ["hono", "src/http/"],
  ["@hono/node-server", "src/http/"],
]);

// What levels 0 and 1 may take from Node: functions of their arguments alone.
const PURE_BUILTINS: ReadonlyMap<string, readonly string[]> = new Map([
  ["node:util", ["types", "isDeepStrictEqual"]],
  ["node:crypto", ["hash", "createHash", "timingSafeEqual", "createPublicKey", "verify"]],
  ["node:buffer", ["Buffer", "isUtf8"]],
]);

// What reaches the clock, chance or the world without an import.
const IMPURE_GLOBALS: ReadonlySet<string> = new Set([
  ...["performance", "process", "crypto", "fetch", "globalThis", "console", "eval", "require"],
  ...["setTimeout", "setInterval", "setImmediate", "queueMicrotask", "WeakRef", "FinalizationRegistry"],
]);
/** What loads a module that the user names. */
const LOADERS: ReadonlySet<string> = new Set(["src/cli/serve/dispatch-module.ts"]);
const IMPURE_MEMBERS: ReadonlySet<string> = new Set(["Date.now", "Math.random"]);

// Each branded type and the only place that may make one by a cast.
const MAKERS: ReadonlyMap<string, RegExp> = new Map([
  ["AdmittedJob", /^src\/job\/admit\.ts$/],
  ["ClearedOutput", /^src\/output\//],
  ["Permit", /^src\/dispatch\/permit\.ts$/],
]);

/** The text of each source file, by its path from the root with forward slashes. */
type Sources = ReadonlyMap<string, string>;

interface Import {
  readonly specifier: string;
  /** The names taken; null where all of the module is. */
  readonly names: readonly string[] | null;
}

interface Reading {
  readonly imports: readonly Import[];
  readonly violations: readonly string[];
}

/** What breaks the architecture in a set of sources: sentences that begin with the file. Empty when nothing does. */
function violationsIn(sources: Sources): string[] {
  const violations: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, text] of sources) {
    if (levelOf(file) === undefined) {
      violations.push(`${file} stands on no level: list \`${placeOf(file)}\` in LEVELS of test/architecture.test.ts`);
      continue;
    }
    const reading = read(file, text);
    violations.push(...reading.violations);
    const targets: string[] = [];
    for (const { specifier, names } of reading.imports) {
      const target = specifier.startsWith(".") ? resolve(file, specifier) : undefined;
      const wrong = target === undefined ? judgePackage(file, specifier, names) : judgeFile(file, target, sources);
      if (wrong !== undefined) violations.push(`${file} ${wrong}`);
      if (target !== undefined && target !== file) targets.push(target);
    }
    graph.set(file, targets);
  }
  return [...violations, ...cyclesIn(graph)];
}

function placeOf(file: string): string {
  return file.split("/")[1] ?? file;
}

function levelOf(file: string): number | undefined {
  return file.startsWith("src/") ? LEVELS.get(placeOf(file)) : undefined;
}

// Sources name the built `.js`; what stands on disk is `.ts`, or a generated `.js` itself.
function resolve(file: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(file), specifier)).replace(/(?<!\.generated)\.(c|m)?js$/, ".$1ts");
}

function judgeFile(file: string, target: string, sources: Sources): string | undefined {
  const from = levelOf(file) ?? 0;
  const to = levelOf(target);
  if (to === undefined) return `imports ${target}, which stands on no level`;
  if (!sources.has(target) && !target.includes(".generated.")) return `imports ${target}, which does not exist`;
  if (to > from) return `imports ${target}: level ${from} must not import level ${to}`;
  const [organ, other] = [placeOf(file), placeOf(target)];
  if (from !== 1 || to !== 1 || organ === other) return undefined;
  return ON_LEVEL_1.get(organ)?.includes(other) ? undefined : `imports ${target}: ${organ} must not know ${other}`;
}

function judgePackage(file: string, specifier: string, names: Import["names"]): string | undefined {
  const pure = (levelOf(file) ?? 0) <= 1;
  if (specifier.startsWith("node:")) {
    if (!pure) return undefined;
    const allowed = PURE_BUILTINS.get(specifier);
    if (allowed === undefined) return `imports ${specifier}: levels 0 and 1 have no clock and no I/O`;
    const extra = names === null ? "all of it" : names.find((name) => !allowed.includes(name));
    return extra === undefined
      ? undefined
      : `imports ${extra} of ${specifier}: it is not a function of its arguments alone`;
  }
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const home = PACKAGES.get(name);
  if (home === undefined) return `imports the package ${specifier}, which no folder is the home of`;
  return file.startsWith(home) ? undefined : `imports the package ${specifier}, whose home is ${home}`;
}

function read(file: string, text: string): Reading {
  const imports: Import[] = [];
  const violations: string[] = [];
  const pure = (levelOf(file) ?? 0) <= 1;
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const report = (node: ts.Node, what: string): void => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    violations.push(`${file} line ${line + 1} ${what}`);
  };
  const take = (node: ts.Node, specifier: ts.Node | undefined, names: Import["names"]): void => {
    const bare = specifier === undefined ? undefined : withoutCast(specifier);
    if (bare !== undefined && ts.isStringLiteralLike(bare)) imports.push({ specifier: bare.text, names });
    else if (!LOADERS.has(file)) report(node, "imports what cannot be read here: name the module in one string");
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) take(node, node.moduleSpecifier, namesOf(node));
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) take(node, node.moduleSpecifier, null);
    else if (ts.isImportTypeNode(node))
      take(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, null);
    else if (ts.isExternalModuleReference(node)) take(node, node.expression, null);
    else if (ts.isCallExpression(node) && loadsModule(node)) take(node, node.arguments[0], null);

    for (const brand of forgedBrands(node)) {
      if (!MAKERS.get(brand)?.test(file))
        report(node, `forges \`${brand}\`: only its maker may say that a value is one`);
    }
    if (ts.isAsExpression(node) && node.type.kind === ts.SyntaxKind.NeverKeyword && !makesUniqueSymbol(node)) {
      report(node, "casts to `never`, which passes for every branded type");
    }
    const impure = pure ? impurityOf(node) : undefined;
    if (impure !== undefined) report(node, `uses ${impure}: levels 0 and 1 have no clock, no chance and no I/O`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { imports, violations };
}

function withoutCast(node: ts.Node): ts.Node {
  return ts.isAsExpression(node) || ts.isParenthesizedExpression(node) ? withoutCast(node.expression) : node;
}

function loadsModule(call: ts.CallExpression): boolean {
  const callee = call.expression;
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === "require");
}

function namesOf(node: ts.ImportDeclaration): Import["names"] {
  const clause = node.importClause;
  const named = clause?.namedBindings;
  if (clause === undefined || clause.name !== undefined || named === undefined || ts.isNamespaceImport(named))
    return null;
  return named.elements.map((element) => (element.propertyName ?? element.name).text);
}

// A value becomes branded by a cast, by a type guard, or through another name for the brand.
function forgedBrands(node: ts.Node): string[] {
  if (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node)) return brandsIn(node.type);
  if (ts.isTypePredicateNode(node) && node.type !== undefined) return brandsIn(node.type);
  if (ts.isTypeAliasDeclaration(node) && ts.isTypeReferenceNode(node.type)) return brandsIn(node.type);
  const renamed = ts.isImportSpecifier(node) || ts.isExportSpecifier(node) ? node.propertyName?.text : undefined;
  return renamed !== undefined && MAKERS.has(renamed) ? [renamed] : [];
}

function brandsIn(type: ts.Node): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && MAKERS.has(node.text)) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(type);
  return found;
}

// The one honest use: `Symbol.for` answers a plain symbol where a constant wants its own type.
function makesUniqueSymbol(node: ts.AsExpression): boolean {
  const declared = ts.isVariableDeclaration(node.parent) ? node.parent.type : undefined;
  return declared !== undefined && ts.isTypeOperatorNode(declared) && declared.operator === ts.SyntaxKind.UniqueKeyword;
}

function impurityOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const member = `${node.expression.text}.${node.name.text}`;
    return IMPURE_MEMBERS.has(member) ? member : undefined;
  }
  if (ts.isElementAccessExpression(node) && ts.isIdentifier(node.expression)) {
    return ["Date", "Math"].includes(node.expression.text) ? `${node.expression.text}[...]` : undefined;
  }
  if (ts.isNewExpression(node) || ts.isCallExpression(node)) {
    const callee = ts.isIdentifier(node.expression) ? node.expression.text : "";
    if (callee === "Function") return "code made of text";
    const now = ts.isCallExpression(node) || (node.arguments?.length ?? 0) === 0;
    return callee === "Date" && now ? "the current date" : undefined;
  }
  if (!ts.isIdentifier(node) || !IMPURE_GLOBALS.has(node.text)) return undefined;
  const { parent } = node;
  const isMemberName = "name" in parent && parent.name === node && !ts.isShorthandPropertyAssignment(parent);
  return isMemberName || ts.isTypeReferenceNode(parent) ? undefined : node.text;
}

function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push(`${[...path.slice(start), file].join(" -> ")} is a cycle`);
    if (start >= 0 || done.has(file)) return;
    for (const target of graph.get(file) ?? []) walk(target, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return cycles;
}

function readSources(): Sources {
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .map((file) => `src/${file.split(sep).join("/")}`)
    .filter((file) => /\.[cm]?[jt]s$/.test(file) && !file.includes(".generated."));
  return new Map(files.sort().map((file) => [file, readFileSync(join(ROOT, file), "utf8")]));
}

describe("the source", () => {
  it("keeps imports pointing down the levels, without cycles, clocks in pure files, or forged brands", () => {
    const sources = readSources();
    expect(sources.size).toBeGreaterThan(10);
    expect(violationsIn(sources)).toEqual([]);
  });
});

// Each plants one fault in a small sound tree; a check that does not see it proves nothing about the real one.
describe("the architecture check", () => {
  const sound: Sources = new Map([
    ["src/outcome.ts", "export interface Reason { readonly code: string }\n"],
    ["src/digest.ts", 'import { createHash } from "node:crypto";\nexport const digest = createHash;\n'],
    [
      "src/job/job.ts",
      'import type { Reason } from "../outcome.js";\nexport type AdmittedJob = { readonly why: Reason };\n',
    ],
    [
      "src/job/admit.ts",
      'import type { AdmittedJob } from "./job.js";\nexport const admit = (job: unknown) => job as AdmittedJob;\n',
    ],
    [
      "src/policy/decide.ts",
      'import type { AdmittedJob } from "../job/job.js";\nexport const at = (ms: number) => new Date(ms);\n',
    ],
    ["src/gate.ts", 'import { admit } from "./job/admit.js";\nexport const createGate = () => [admit, Date.now()];\n'],
    ["src/index.ts", 'export { createGate } from "./gate.js";\n'],
  ]);
  const planted = (file: string, text: string): string[] => violationsIn(new Map([...sound, [file, text]]));
  const purity = "levels 0 and 1 have no clock, no chance and no I/O";

  it("finds nothing in a sound tree", () => {
    expect(violationsIn(sound)).toEqual([]);
  });

  it.each([
    ["an import", 'import { createGate } from "../gate.js";\nexport const x = createGate;'],
    ["a type-only import", 'import type { createGate } from "../gate.js";\nexport type X = typeof createGate;'],
    ["an inline type import", 'export type X = typeof import("../gate.js");'],
    ["a re-export", 'export * from "../gate.js";'],
    ["a dynamic import", 'export const load = () => import("../gate.js" as string);'],
    ["a require", 'import gate = require("../gate.js");\nexport const x = gate;'],
  ])("sees %s that points up", (_, text) => {
    expect(planted("src/job/up.ts", text)).toEqual([
      "src/job/up.ts imports src/gate.ts: level 1 must not import level 3",
    ]);
  });

  it("sees an import between two organs of level 1 that must not know each other", () => {
    expect(planted("src/output/scan.ts", 'import { at } from "../policy/decide.js";\nexport const x = at;')).toEqual([
      "src/output/scan.ts imports src/policy/decide.ts: output must not know policy",
    ]);
  });

  it("sees an import of a file that is not there, and one that leaves the source", () => {
    expect(planted("src/job/x.ts", 'import "./gone.js";\nimport "../../test/x.js";')).toEqual([
      "src/job/x.ts imports src/job/gone.ts, which does not exist",
      "src/job/x.ts imports test/x.ts, which stands on no level",
    ]);
  });

  it("sees a module whose name is computed", () => {
    expect(planted("src/gate.ts", "export const load = (name: string) => import(name);")).toContain(
      "src/gate.ts line 1 imports what cannot be read here: name the module in one string",
    );
  });

  it("sees a cycle, even one of types alone", () => {
    expect(
      planted("src/job/job.ts", 'import type { admit } from "./admit.js";\nexport type AdmittedJob = typeof admit;'),
    ).toEqual(["src/job/job.ts -> src/job/admit.ts -> src/job/job.ts is a cycle"]);
  });

  it("sees a file and a folder that nobody gave a level", () => {
    expect(planted("src/helpers.ts", "export {};")).toEqual([
      "src/helpers.ts stands on no level: list `helpers.ts` in LEVELS of test/architecture.test.ts",
    ]);
    expect(planted("src/extra/file.ts", "export {};")).toEqual([
      "src/extra/file.ts stands on no level: list `extra` in LEVELS of test/architecture.test.ts",
    ]);
  });

  it.each([
    ["a cast", "export const x = (job: unknown) => job as AdmittedJob;"],
    ["a cast by way of unknown", "export const x = (job: string) => job as unknown as AdmittedJob;"],
    ["a cast inside another type", "export const x = (jobs: unknown) => jobs as readonly AdmittedJob[];"],
    ["an old-style cast", "export const x = (job: unknown) => <AdmittedJob>job;"],
    ["a type guard", "export const x = (job: unknown): job is AdmittedJob => job !== null;"],
    ["a second name", "type Mine = AdmittedJob;"],
  ])("sees a brand forged by %s", (_, text) => {
    const found = planted("src/gate.ts", `import type { AdmittedJob } from "./job/job.js";\n${text}`);
    expect(found).toEqual(["src/gate.ts line 2 forges `AdmittedJob`: only its maker may say that a value is one"]);
  });

  it("sees a brand imported under another name, and a cast to never", () => {
    expect(
      planted("src/gate.ts", 'import type { Permit as P } from "./outcome.js";\nexport const x = 1 as never;'),
    ).toEqual([
      "src/gate.ts line 1 forges `Permit`: only its maker may say that a value is one",
      "src/gate.ts line 2 casts to `never`, which passes for every branded type",
    ]);
  });

  it.each([
    ["Date.now", "export const x = Date.now();"],
    ["Date[...]", 'export const x = Date["now"]();'],
    ["the current date", "export const x = new Date();"],
    ["the current date", "export const x = Date();"],
    ["Math.random", "export const x = Math.random();"],
    ["code made of text", 'export const x = new Function("return Date.now()");'],
    ["performance", "export const x = performance.now();"],
    ["setTimeout", "export const x = (f: () => void) => setTimeout(f, 1);"],
    ["crypto", "export const x = crypto.randomUUID();"],
    ["process", "export const x = process.env;"],
    ["fetch", "export const x = { fetch };"],
    ["globalThis", "export const x = globalThis;"],
  ])("sees %s in a pure file", (what, text) => {
    expect(planted("src/policy/x.ts", text)).toEqual([`src/policy/x.ts line 1 uses ${what}: ${purity}`]);
  });

  it.each(["node:fs", "node:net", "node:child_process", "node:timers", "node:timers/promises", "node:worker_threads"])(
    "sees %s in a pure file",
    (name) => {
      expect(planted("src/evidence/x.ts", `import { x } from "${name}";\nexport const y = x;`)).toEqual([
        `src/evidence/x.ts imports ${name}: levels 0 and 1 have no clock and no I/O`,
      ]);
    },
  );

  it("sees randomness taken from a builtin that may be used for hashing", () => {
    expect(
      planted("src/job/x.ts", 'import { createHash, randomUUID } from "node:crypto";\nexport const x = 1;'),
    ).toEqual(["src/job/x.ts imports randomUUID of node:crypto: it is not a function of its arguments alone"]);
    expect(planted("src/job/x.ts", 'import * as crypto from "node:crypto";\nexport const x = 1;')).toEqual([
      "src/job/x.ts imports all of it of node:crypto: it is not a function of its arguments alone",
    ]);
  });

  it("sees a package outside its home, and one that has none", () => {
    expect(planted("src/gate.ts", 'import "better-sqlite3";\nimport "left-pad";')).toEqual([
      "src/gate.ts imports the package better-sqlite3, whose home is src/store/sqlite/",
      "src/gate.ts imports the package left-pad, which no folder is the home of",
    ]);
  });

  it("leaves alone the words of the clock where they only name a member", () => {
    expect(planted("src/job/x.ts", "export const x = (a: { process: number }) => ({ fetch: a.process });")).toEqual([]);
  });
});

describe("the subpaths", () => {
  it("are the same in package.json, in the build's entries and in what was built", () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { exports: unknown };
    const wanted: Record<string, unknown> = {
      "./policy.schema.json": "./dist/policy.schema.json",
      "./package.json": "./package.json",
    };
    expect(["dist/policy.schema.json", "dist/cli.js"].filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    for (const [name, source] of Object.entries(library)) {
      expect(source).toBe(`src/${name}.ts`);
      wanted[name === "index" ? "." : `./${name}`] = {
        import: { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
        require: { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` },
      };
      const built = ["js", "cjs", "d.ts", "d.cts"].map((ending) => `dist/${name}.${ending}`);
      expect([source, ...built].filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    }
    expect(manifest.exports).toEqual(wanted);
  });
});
