import { expect, test } from "vitest";

// A mutant that stops a module from loading leaves the other test files without tests, and so without one that fails.
test("jobs and policies can be loaded", async () => {
  const { admit } = await import("../../src/job/admit.js");
  const { compilePolicy } = await import("../../src/policy/policy.js");
  const { JOB_FIELDS } = await import("../../src/job/spelling.js");
  expect([typeof admit, typeof compilePolicy, typeof JOB_FIELDS]).toEqual(["function", "function", "object"]);
});
