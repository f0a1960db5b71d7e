import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { closedLog } from "./closed-log.js";
import { run, runJson } from "./run-command.js";

test("events come in pages, each of which says where the next begins, until the log is read", async () => {
  const { cwd } = await closedLog();
  const first = await run({ cwd }, "events", "--limit", "2");
  expect(first.out).toMatch(
    /^1 \S+Z gate\.opened "a gate was opened"\n2 \S+Z policy\.activated ".*"\nmore: --after 2\n$/,
  );
  const all = (await runJson({ cwd }, "events")).document;
  const seen: unknown[] = [];
  let after = 0;
  for (;;) {
    const { document } = await runJson({ cwd }, "events", "--limit", "3", "--after", String(after));
    seen.push(...(document.events as readonly unknown[]));
    if (document.next === null) break;
    after = document.next as number;
  }
  expect(seen).toEqual(all.events);
  expect(seen.length).toBeGreaterThan(10);
  expect(readdirSync(cwd).sort()).toEqual(["dispatch-gate.db", "dispatch-gate.db.key"]);
});

test("and only those that meet all that is given", async () => {
  const { cwd } = await closedLog();
  const { document } = await runJson({ cwd }, "events", "--type", "job.settled", "--trace", "t-1");
  const events = document.events as unknown as {
    readonly body: { readonly type: string; readonly trace_id: string };
  }[];
  expect(events.map(({ body }) => [body.type, body.trace_id])).toEqual([
    ["job.settled", "t-1"],
    ["job.settled", "t-1"],
  ]);
  expect(document.next).toBe(null);
});

test.each([
  [["--limit", "0"], "value_invalid", "`--limit` must be from 1 to 1,000"],
  [["--limit", "1001"], "value_invalid", "`--limit` must be from 1 to 1,000"],
  [["--after", "x"], "value_invalid", "`--after` is no number: `x`"],
  [["--type", "job.setled"], "value_unknown", "`--type` does not know `job.setled`"],
  [["--store", "none.db"], "store_path_invalid", "there is no database: `none.db`"],
  [["more"], "operand_unknown", "`more` is one argument too many"],
])("events %j cannot run: %s", async (args, code, message) => {
  const { cwd } = await closedLog();
  const asked = await runJson({ cwd }, "events", ...args);
  expect([asked.code, asked.document.error]).toEqual([2, expect.objectContaining({ code, message })]);
});
