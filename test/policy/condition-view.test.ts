import { describe, expect, test } from "vitest";
import { admit, DEFAULT_MAX_JOB_BYTES } from "../../src/job/admit.js";
import type { AdmittedJob } from "../../src/job/job.js";
import { conditionJobOf, purseOf, viewAdmitted } from "../../src/policy/view.js";

function admitted(job: object): AdmittedJob {
  const answer = admit({ topic: "t", ...job }, { jobId: "j", traceId: "t", maxJobBytes: DEFAULT_MAX_JOB_BYTES });
  if (!answer.ok) throw new Error("not admitted");
  return answer.admission.job;
}

const seen = (job: object): unknown => conditionJobOf(viewAdmitted(admitted(job), [], "trusted"));

describe("what conditions see of a job", () => {
  const BARE = {
    actor: null,
    capability: null,
    constraints: {},
    labels: {},
    payload: null,
    requires: [],
    resources: { paths: [], hosts: [] },
    risk_tags: [],
    tenant_id: "default",
    topic: "t",
  };

  test.each<[string, object, object]>([
    ["a job that says nothing has no key that `has` would find", {}, {}],
    [
      "an actor who acts for nobody has nobody to act for",
      { actor: { id: "a", type: "agent" } },
      { actor: { id: "a", type: "agent" } },
    ],
    [
      "an actor who acts for another",
      { actor: { id: "a", type: "agent", onBehalfOf: "b" } },
      { actor: { id: "a", type: "agent", on_behalf_of: "b" } },
    ],
    [
      "constraints that are there, in the spelling of a policy",
      { constraints: { maxRuntimeSec: 1, maxRetries: 2, maxOutputBytes: 3 } },
      { constraints: { max_runtime_sec: 1, max_retries: 2, max_output_bytes: 3 } },
    ],
    ["half of the resources", { resources: { hosts: ["h"] } }, { resources: { paths: [], hosts: ["h"] } }],
    ["the other half", { resources: { paths: ["/a"] } }, { resources: { paths: ["/a"], hosts: [] } }],
  ])("%s", (_, job, wanted) => {
    expect(JSON.parse(JSON.stringify(seen(job)))).toEqual({ ...BARE, ...wanted });
    expect(keysOf(seen(job))).toEqual(keysOf({ ...BARE, ...wanted }));
  });

  /** Also keys that hold nothing, which JSON leaves out. */
  function keysOf(job: unknown): unknown {
    const { actor, constraints, resources } = job as Record<string, object | null>;
    return [job, actor, constraints, resources].map((part) => Object.keys(part ?? {}).sort());
  }
});

test("what conditions see is made once, and of an admitted job nothing is copied", () => {
  const job = admitted({ payload: { a: 1 } });
  const view = viewAdmitted(job, [], "trusted");
  expect(conditionJobOf(view)).toBe(conditionJobOf(view));
  expect(conditionJobOf(view)?.payload).toBe(job.payload);
});

describe("tags that the host derives", () => {
  test("come among those of the job, sorted, each once", () => {
    const view = viewAdmitted(admitted({ riskTags: ["m", "z"] }), ["z", "a", "n"], "trusted");
    expect([view.tags, view.trustedTags, view.untrusted]).toEqual([["a", "m", "n", "z"], ["a", "m", "n", "z"], []]);
  });

  test("are the only ones trusted where the job's may only restrict", () => {
    const view = viewAdmitted(admitted({ riskTags: ["m", "z"] }), ["z", "a"], "restrict_only");
    expect([view.tags, view.trustedTags, view.untrusted]).toEqual([["a", "m", "z"], ["z", "a"], ["m"]]);
  });
});

test("all conditions of a decision pay from one purse of 150,000 steps", () => {
  const view = viewAdmitted(admitted({}), [], "trusted");
  const purse = purseOf(view);
  expect(purse).toEqual({ left: 150_000 });
  purse.left = 7;
  expect(purseOf(view)).toBe(purse);
  expect(purseOf(viewAdmitted(admitted({}), [], "trusted"))).toEqual({ left: 150_000 });
});
