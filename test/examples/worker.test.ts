import { expect, test } from "vitest";
import { runExample } from "./run-example.js";

const TRANSCRIPT = `gate:    refund A-17: SUCCEEDED, {"refunded":"A-17"}
gate:    refund A-18: SUCCEEDED, {"refunded":"A-18"}
gate:    delete Ana: DENIED, Agents may not delete customers
worker:  a job without a permit: refused, permit_malformed
worker:  the same job again: refused, permit_replayed
worker:  another order under its permit: refused, permit_job_mismatch
worker:  its job under another's permit: refused, permit_job_mismatch
worker:  a permit with other claims: refused, permit_signature_invalid
`;

test("a worker process does what the gate let run, once, and nothing else that reaches its line", async () => {
  const { code, stdout, stderr } = await runExample("examples/worker/main.ts");
  expect(stderr).toBe("");
  expect(stdout).toBe(TRANSCRIPT);
  expect(code).toBe(0);
});
