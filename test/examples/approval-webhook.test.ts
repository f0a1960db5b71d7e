import { expect, test } from "vitest";
import { runExample } from "./run-example.js";

test("each transition reaches a chat that is busy now and then, and what is decided on is what was posted", async () => {
  const { code, stdout, stderr } = await runExample("examples/approval-webhook/main.ts");
  expect([stderr, code]).toEqual(["", 0]);
  const [asked = "", told = ""] = stdout.split("\n\n");
  expect(asked).toMatch(/^Approval [0-9a-f-]{36}: pending\n/);
  expect(asked).toContain('"note": "\\u{1b}[2Jharmless"');
  expect(asked).toContain('1 human with one of the roles "support-lead", whose vote names this view');
  expect(told.trimEnd().split("\n")).toEqual([
    'outcome: SUCCEEDED {"refunded":{"note":"\\u001b[2Jharmless","order":"A-18"}}',
    "chat:    approval.voted: the request is approved",
    "chat:    job.dispatching: the request is consumed",
  ]);
});
