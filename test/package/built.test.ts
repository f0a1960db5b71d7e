import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { ROOT } from "./tarball.js";

/** What a built file does that this package promises not to do: sentences, empty when it keeps the promise. */
function breachesIn(file: string, text: string): string[] {
  const breaches: string[] = [];
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  const commonJs = file.endsWith(".cjs");
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const callee = node.expression;
      if (ts.isIdentifier(callee) && ["eval", "Function"].includes(callee.text)) breaches.push("makes code of text");
      // Jest runs CommonJS in a realm of its own, where a native import() is refused.
      if (commonJs && callee.kind === ts.SyntaxKind.ImportKeyword) breaches.push("calls import() from CommonJS");
    }
    if (commonJs && ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) {
      breaches.push("reads import.meta from CommonJS");
    }
    const lazy = commonJs
      ? topLevelLoad(node)
      : ts.isImportDeclaration(node)
        ? lazyIn(node.moduleSpecifier)
        : undefined;
    if (lazy !== undefined) breaches.push(`loads ${lazy} at once`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return breaches.map((breach) => `${file} ${breach}`);
}

/** A native module, and a peer that need not be there. */
const LAZY: readonly string[] = ["better-sqlite3", "@opentelemetry/api"];

function lazyIn(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? LAZY.find((name) => name === node.text) : undefined;
}

function topLevelLoad(node: ts.Node): string | undefined {
  const requires = ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === "require";
  if (!requires) return undefined;
  for (let at = node.parent; at !== undefined; at = at.parent) if (ts.isFunctionLike(at)) return undefined;
  return lazyIn(node.arguments[0]);
}

describe("the built files", () => {
  it("make no code of text, load the driver and what is optional only when asked, and stay within their module format", () => {
    const files = readdirSync(join(ROOT, "dist")).filter((file) => /\.c?js$/.test(file));
    expect(files).toEqual(expect.arrayContaining(["index.js", "index.cjs"]));
    expect(files.flatMap((file) => breachesIn(file, readFileSync(join(ROOT, "dist", file), "utf8")))).toEqual([]);
  });

  it.each([
    ["x.js", "const f = new Function('return 1');", "makes code of text"],
    ["x.js", "Function('return 1')();", "makes code of text"],
    ["x.cjs", "eval('1');", "makes code of text"],
    ["x.cjs", "const load = () => import('better-sqlite3');", "calls import() from CommonJS"],
    ["x.cjs", "const here = import.meta.url;", "reads import.meta from CommonJS"],
    ["x.cjs", "const Database = require('better-sqlite3');", "loads better-sqlite3 at once"],
    ["x.js", "import Database from 'better-sqlite3';", "loads better-sqlite3 at once"],
    ["x.cjs", "const api = require('@opentelemetry/api');", "loads @opentelemetry/api at once"],
    ["x.js", "import { trace } from '@opentelemetry/api';", "loads @opentelemetry/api at once"],
  ])("would be caught where %s holds %s", (file, text, breach) => {
    expect(breachesIn(file, text)).toEqual([`${file} ${breach}`]);
  });

  it("are allowed a load inside a function, and import() in a module", () => {
    expect(breachesIn("x.cjs", "const load = () => require('better-sqlite3');")).toEqual([]);
    expect(breachesIn("x.js", "const load = () => import('better-sqlite3');")).toEqual([]);
  });
});

/** The modules that a declaration file takes types from, outside the package itself. */
function foreignTypesIn(text: string): string[] {
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(text, true, true);
  return [...importedFiles, ...typeReferenceDirectives]
    .map((file) => file.fileName)
    .filter((name) => !/^\.\//.test(name));
}

/** What a declaration file names beside itself that is of another module format, or is none of the files. */
function strangeFormatsIn(file: string, text: string, files: readonly string[]): string[] {
  const ending = file.endsWith(".cts") ? ".cjs" : ".js";
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => !name.endsWith(ending) || !files.includes(name.slice(2).replace(/\.(c?)js$/, ".d.$1ts")))
    .map((name) => `${file}: ${name}`);
}

describe("the built declarations", () => {
  it("take no type from another package or from Node", () => {
    const files = readdirSync(join(ROOT, "dist")).filter((file) => /\.d\.c?ts$/.test(file));
    expect(files).toEqual(expect.arrayContaining(["index.d.ts", "index.d.cts"]));
    const foreign = files.map(
      (file) => [file, foreignTypesIn(readFileSync(join(ROOT, "dist", file), "utf8"))] as const,
    );
    expect(foreign.filter(([, names]) => names.length > 0)).toEqual([]);
  });

  it("name only declarations of their own format that are there", () => {
    const files = readdirSync(join(ROOT, "dist")).filter((file) => /\.d\.c?ts$/.test(file));
    const named = files.flatMap((file) =>
      strangeFormatsIn(file, readFileSync(join(ROOT, "dist", file), "utf8"), files),
    );
    expect(named).toEqual([]);
    const text = 'import "./a.js"; export { b } from "./b.cjs"; export declare const x: import("./c.cjs").C;';
    expect(strangeFormatsIn("x.d.cts", text, ["a.d.ts", "b.d.cts"])).toEqual(["x.d.cts: ./a.js", "x.d.cts: ./c.cjs"]);
  });

  it.each([
    ["an import", 'import type { Document } from "yaml";', ["yaml"]],
    ["an inline import", 'export declare const x: import("node:stream").Readable;', ["node:stream"]],
    ["a reference", '/// <reference types="node" />', ["node"]],
  ])("would be caught where they hold %s", (_, text, wanted) => {
    expect(foreignTypesIn(text)).toEqual(wanted);
  });
});
