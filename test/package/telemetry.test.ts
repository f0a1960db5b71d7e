import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { ROOT } from "./tarball.js";

const PROGRAM = `
  const isLoaded = () => Object.keys(require.cache).some((file) => file.includes("@opentelemetry"));
  const policy = { yaml: 'version: v1\\nrules: [{ id: all, match: { topics: ["**"] }, decision: allow, reason: any }]' };
  const said = [];
  const run = async (telemetry) => {
    const gate = await createGate({ policy, store: createMemoryStore(), dispatch: () => 1, ...telemetry });
    const { status } = await gate.evaluateAndDispatch({ topic: "a" });
    said.push(status, isLoaded());
    await gate.close();
  };
  const main = async () => {
    await run({});
    await run({ telemetry: await openTelemetry() });
    console.log(said.join(" "));
  };
  main();`;

const names = (
  subpaths: readonly (readonly [string, string])[],
  load: (name: string, from: string) => string,
): string => subpaths.map(([name, from]) => load(name, from)).join("\n");

const SUBPATHS = [
  ["createGate", "dispatch-gate"],
  ["openTelemetry", "dispatch-gate/otel"],
  ["createMemoryStore", "dispatch-gate/testing"],
] as const;

test.each([
  [
    "module",
    `import { createRequire } from "node:module";
    const require = createRequire(process.cwd() + "/x.js");
    ${names(SUBPATHS, (name, from) => `import { ${name} } from "${from}";`)}`,
  ],
  ["commonjs", names(SUBPATHS, (name, from) => `const { ${name} } = require("${from}");`)],
])("as a %s, nothing of OpenTelemetry is loaded until telemetry is opened", (type, head) => {
  // From here the package finds itself by its own name, and what is installed beside it.
  const args = [`--input-type=${type}`, "--eval", `${head}\n${PROGRAM}`];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  expect([stderr, status]).toEqual(["", 0]);
  expect(stdout.trim()).toBe("SUCCEEDED false SUCCEEDED true");
});
