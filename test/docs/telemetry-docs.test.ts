import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { bare, blocksOf, codesIn, rowsOf } from "./markdown.js";
import { runProgram, userFolder } from "./user-folder.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const docs = readFileSync(join(root, "docs/telemetry.md"), "utf8");
const sources = readdirSync(join(root, "src/otel")).map((name) => readFileSync(join(root, "src/otel", name), "utf8"));

test("the program in docs/telemetry.md runs as it stands, and says what it should", () => {
  const program = blocksOf(docs).find(({ language }) => language === "ts");
  const ran = runProgram(userFolder(["@opentelemetry"]), program?.text ?? "");
  expect([ran.stderr, ran.status]).toEqual(["", 0]);
  expect(ran.stdout.trimEnd().split("\n")).toEqual([
    "[ 'traceparent' ]",
    "SUCCEEDED true",
    "dispatch_gate.dispatch undefined",
    "dispatch_gate.evaluate_and_dispatch mail",
    "answer a customer undefined",
  ]);
});

test("docs/telemetry.md names every attribute, span, event and metric, and no other", () => {
  const told = ["| span |", "| event |", "| attribute |", "| metric |"].flatMap((head) =>
    rowsOf(docs, head).map(([cell = ""]) => bare(cell)),
  );
  const words: Readonly<Record<string, readonly string[]>> = {
    "dispatch_gate.${operation}": ["evaluate_and_dispatch", "evaluate", "resume"].map(
      (name) => `dispatch_gate.${name}`,
    ),
    "dispatch_gate.approval.${approval.began}": ["requested", "joined"].map((name) => `dispatch_gate.approval.${name}`),
  };
  const named = sources.flatMap((text) =>
    [...text.matchAll(/["`](dispatch_gate\.[^"`]+|error\.type)["`]/g)].flatMap(
      ([, name = ""]) => words[name] ?? [name],
    ),
  );
  expect([...told].sort()).toEqual([...new Set(named)].sort());
});

test("docs/telemetry.md names every fault that is an error", () => {
  const set = /const FAULTS[^[]*\[([^\]]*)\]/.exec(sources.join("\n"))?.[1] ?? "";
  const faults = [...set.matchAll(/"([a-z_]+)"/g)].map(([, code]) => code);
  const told = codesIn(/for trouble of its own \(([^)]*)\)/.exec(docs)?.[1] ?? "");
  expect(told).toEqual(faults);
});
