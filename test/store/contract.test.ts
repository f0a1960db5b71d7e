import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { storeContract } from "../../src/store/contract.js";
import { createMemoryStore } from "../../src/store/memory.js";
import { openSqliteStore } from "../../src/store/sqlite/reopening.js";

const folder = mkdtempSync(join(tmpdir(), "dispatch-gate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

describe("the in-memory store keeps the contract", () => {
  for (const { name, run } of storeContract(createMemoryStore)) test(name, run);
});

describe("the SQLite store keeps the contract, on a file", () => {
  for (const { name, run } of storeContract(() => openSqliteStore(join(folder, `${files++}.db`)))) test(name, run);
});

describe("the SQLite store keeps the contract, in memory and one commit a verb", () => {
  for (const { name, run } of storeContract(() => openSqliteStore(":memory:", { groupCommit: false }))) test(name, run);
});
