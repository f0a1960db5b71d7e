import { expect, test } from "vitest";
import { JOB_FIELDS, JOB_FIELDS_BELOW } from "../../src/job/spelling.js";

test("each field of a job has its one name in the API", () => {
  expect(Object.fromEntries(JOB_FIELDS)).toEqual({
    id: "id",
    trace_id: "traceId",
    topic: "topic",
    tenant_id: "tenantId",
    capability: "capability",
    risk_tags: "riskTags",
    requires: "requires",
    labels: "labels",
    actor: "actor",
    payload: "payload",
    resources: "resources",
    constraints: "constraints",
    annotations: "annotations",
  });
});

test("so have the names inside of them that are ours", () => {
  const below = [...JOB_FIELDS_BELOW].map(([field, names]) => [field, Object.fromEntries(names)]);
  expect(Object.fromEntries(below)).toEqual({
    actor: { on_behalf_of: "onBehalfOf" },
    constraints: {
      max_runtime_sec: "maxRuntimeSec",
      max_retries: "maxRetries",
      max_output_bytes: "maxOutputBytes",
    },
  });
});
