import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { APART } from "./apart.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What tells that a file changes its process or measures it. */
const SIGNS: readonly RegExp[] = [
  /\bvi\.(?:mock|doMock|resetModules|stubEnv|stubGlobal)\(/,
  /\bprocess\.env(?:\.\w+|\[[^\]]+\]) \??\?*=[^=]/,
  /\bdelete process\.env\b/,
  /\bprocess\.(?:chdir|cpuUsage|memoryUsage)\(/,
  /\bsetFlagsFromString\(/,
  /\bfrom "[./]*\/(?:cpu|sdk)\.js"/,
];

const mustStandApart = (text: string): boolean => SIGNS.some((sign) => sign.test(text));

test("a test file that changes its process or measures it shares it with no other", () => {
  const files = readdirSync(`${ROOT}test`, { recursive: true, encoding: "utf8" })
    .map((file) => `test/${file.replaceAll("\\", "/")}`)
    .filter((file) => file.endsWith(".test.ts") && file !== "test/apart.test.ts");
  const found = files.filter((file) => mustStandApart(readFileSync(ROOT + file, "utf8")));
  expect(found.filter((file) => !APART.includes(file))).toEqual([]);
  expect(APART.filter((file) => !existsSync(ROOT + file))).toEqual([]);
  expect(found.length).toBeGreaterThan(APART.length / 2);
});

test.each([
  ['vi.mock("../src/x.js");'],
  ["vi.resetModules();"],
  ['process.env.HTTP_PROXY = "x";'],
  ["process.env[name] = value;"],
  ["delete process.env[name];"],
  ['process.chdir("/");'],
  ["const before = process.memoryUsage().heapUsed;"],
  ['setFlagsFromString("--expose-gc");'],
  ['import { cpu } from "../cpu.js";'],
])("one with `%s` would be seen (control)", (line) => {
  expect(mustStandApart(line)).toBe(true);
});

test("one that reads the environment, or spies on an object of its own, may share it", () => {
  expect(mustStandApart("const seed = process.env.SEED;")).toBe(false);
  expect(mustStandApart('if (process.env.SEED === "1") run();')).toBe(false);
  expect(mustStandApart('vi.spyOn(store, "read");')).toBe(false);
});
