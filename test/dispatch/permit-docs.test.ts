import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { bare, brokenLinks, codesIn, rowsOf } from "../docs/markdown.js";
import { jsonOf, partsOf, permit } from "./permit-sample.js";

const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const DOCS = readFileSync(file("docs/permits.md"), "utf8");

it("names every code of a refusal, and no other", () => {
  const union = /export type PermitErrorCode =([\s\S]*?);/.exec(readFileSync(file("src/errors.ts"), "utf8"))?.[1] ?? "";
  const codes = [...union.matchAll(/"([a-z_]+)"/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(0);
  expect(
    rowsOf(DOCS, "| code |")
      .map(([cell = ""]) => bare(cell))
      .sort(),
  ).toEqual(codes.sort());
});

it("names every claim, and no other", async () => {
  const { dg, ...claims } = jsonOf(partsOf(await permit())[1]);
  const all = [...Object.keys(claims), ...Object.keys(dg as object).map((claim) => `dg.${claim}`)];
  expect(
    rowsOf(DOCS, "| claim |")
      .flatMap(([cell = ""]) => codesIn(cell))
      .sort(),
  ).toEqual(all.sort());
});

it("links to what is there", () => {
  expect(brokenLinks(file("docs/permits.md"))).toEqual([]);
});
