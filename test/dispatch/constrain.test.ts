import { describe, expect, test } from "vitest";
import { type Constraining, constrain } from "../../src/dispatch/constrain.js";
import type { Enforcer } from "../../src/dispatch/enforcer.js";
import { sourcesOf } from "../../src/dispatch/sources.js";
import type { JobConstraints } from "../../src/job/job.js";
import { compilePolicy } from "../../src/policy/policy.js";

const GUARD: Enforcer = { name: "guard", enforces: ["paths", "network"] };

/** One rule for each of these, all matching. */
function policyOf(...constraints: readonly object[]) {
  const rules = constraints.map((each, n) => ({
    id: `r${n}`,
    match: { topics: ["**"] },
    decision: "allow_with_constraints",
    constraints: each,
  }));
  return compilePolicy({ document: { version: "v1", rules } });
}

function asked(constraints: readonly object[], more: Partial<Constraining> = {}) {
  const decision = policyOf(...constraints).decide({ topic: "a" });
  return constrain({ decision, own: {}, maxRuntimeSec: 900, enforcers: [], ...more });
}

const inForce = (constraints: readonly object[], more: Partial<Constraining> = {}) => {
  const constrained = asked(constraints, more);
  if (!constrained.ok) throw new Error(`${constrained.code}: ${constrained.keys.join(", ")}`);
  return constrained.constraints;
};

describe("the limits of a run", () => {
  test("are the tightest of policy, job and gate, whichever way round", () => {
    expect(inForce([{ max_runtime_sec: 10 }, { max_runtime_sec: 20, max_retries: 2 }])).toEqual({
      maxRuntimeSec: 10,
      maxRetries: 2,
    });
    const own: JobConstraints = { maxRuntimeSec: 5, maxRetries: 7, maxOutputBytes: 9 };
    expect(inForce([{ max_runtime_sec: 10, max_retries: 2 }], { own })).toEqual({
      maxRuntimeSec: 5,
      maxRetries: 2,
      maxOutputBytes: 9,
    });
    // A job gives itself no retries: without a rule there are none, and absent is no more than 0.
    expect(inForce([{ max_runtime_sec: 10 }], { own: { maxRetries: 7 } })).toEqual({
      maxRuntimeSec: 10,
      maxRetries: 0,
    });
    const held = { own: { maxRetries: 7, paths: { read: ["/a"] } }, enforcers: [GUARD] };
    expect(inForce([{ max_runtime_sec: 10 }], held).maxRetries).toBe(0);
    expect(inForce([{ max_retries: 1 }], { maxRuntimeSec: 3 })).toEqual({ maxRuntimeSec: 3, maxRetries: 1 });
  });

  test("absent, `0` and `[]` are three things", () => {
    expect(inForce([{ max_retries: 0, max_output_bytes: 0 }])).toEqual({
      maxRuntimeSec: 900,
      maxRetries: 0,
      maxOutputBytes: 0,
    });
    expect(inForce([{ max_retries: 1 }]).maxOutputBytes).toBe(undefined);
    const more = { enforcers: [GUARD] };
    expect(inForce([{ paths: { read: [] } }], more).paths).toEqual({ read: [[]] });
    expect(inForce([{ network: { allow: [] } }], more).network).toEqual({ allow: [[]] });
    expect(inForce([{ paths: { deny: ["/a"] } }], more).paths).toEqual({ deny: ["/a"] });
  });

  test("of a job stand beside those of the policy, and widen nothing", () => {
    const own: JobConstraints = { paths: { read: ["/data"], deny: ["/data/x"] }, network: { allow: ["a.example"] } };
    expect(inForce([{ paths: { read: ["/data/a", "/b"] } }], { own, enforcers: [GUARD] })).toEqual({
      maxRuntimeSec: 900,
      paths: { read: [["/b", "/data/a"], ["/data"]], deny: ["/data/x"] },
      network: { allow: [["a.example"]] },
    });
  });

  test("that nobody holds the run to refuse it, and so does an enforcer that fails or claims too little", () => {
    const paths = { paths: { read: ["/a"] } };
    const network = { network: { deny: ["a.example"] } };
    const refused = (keys: readonly string[]) => ({ ok: false, code: "constraint_unenforceable", keys });
    expect(asked([paths, network])).toEqual(refused(["paths", "network"]));
    expect(asked([{ max_retries: 1 }], { own: { paths: { read: [] } } })).toEqual(refused(["paths"]));
    const half: Enforcer = { name: "half", enforces: ["paths"] };
    expect(asked([paths, network], { enforcers: [half] })).toEqual(refused(["network"]));
    const failing: Enforcer = {
      name: "failing",
      enforces: () => {
        throw new Error("not now");
      },
    };
    expect(asked([paths], { enforcers: [failing] })).toEqual(refused(["paths"]));
    const odd = { name: "odd", enforces: () => "paths" } as unknown as Enforcer;
    expect(asked([paths], { enforcers: [odd] })).toEqual(refused(["paths"]));
    const picky: Enforcer = {
      name: "picky",
      enforces: ({ paths: given }) => (given?.write === undefined ? ["paths"] : []),
    };
    expect(asked([paths], { enforcers: [picky] })).toMatchObject({ ok: true, enforcedBy: { paths: ["picky"] } });
    expect(asked([{ paths: { write: ["/a"] } }], { enforcers: [picky] })).toEqual(refused(["paths"]));
    expect(asked([paths, network], { enforcers: [half, GUARD] })).toMatchObject({
      enforcedBy: { paths: ["half", "guard"], network: ["guard"] },
    });
  });

  test.each([
    [[{ paths: { read: ["/a"] } }, { paths: { read: ["/b", "/c"] } }], ["paths.read"]],
    [[{ paths: { read: ["/a"] } }, { paths: { read: ["/a/b"] } }], []],
    [[{ paths: { write: ["/data"] } }, { paths: { write: ["/database"] } }], ["paths.write"]],
    // Nothing on purpose is no mistake.
    [[{ paths: { read: ["/a"] } }, { paths: { read: [] } }], []],
    [[{ network: { allow: ["a.example"] } }, { network: { allow: ["b.example"] } }], ["network.allow"]],
    [[{ network: { allow: ["*.example"] } }, { network: { allow: ["b.example:443"] } }], []],
    [[{ network: { allow: ["b.example:80"] } }, { network: { allow: ["b.example:443"] } }], ["network.allow"]],
    [[{ network: { allow: ["10.0.0.0/8"] } }, { network: { allow: ["10.1.2.3"] } }], []],
    [[{ network: { allow: ["10.0.0.0/8"] } }, { network: { allow: ["192.168.0.0/16"] } }], ["network.allow"]],
    // What a name resolves to is not known here.
    [[{ network: { allow: ["a.example"] } }, { network: { allow: ["10.1.2.3"] } }], []],
  ])("%j: lists that have nothing in common are told: %j", (constraints, keys) => {
    const constrained = asked(constraints, { enforcers: [GUARD] });
    if (keys.length === 0) expect(constrained.ok).toBe(true);
    else expect(constrained).toEqual({ ok: false, code: "constraint_conflict", keys });
  });

  test("come with who asked for each", () => {
    const policy = policyOf(
      { max_runtime_sec: 10, paths: { read: ["/a"] } },
      { max_runtime_sec: 10, max_retries: 3 },
      { max_runtime_sec: 60, paths: { deny: ["/a/b"] } },
    );
    const decision = policy.decide({ topic: "a" });
    const of = (own: JobConstraints, maxRuntimeSec = 900) => {
      const constrained = constrain({ decision, own, maxRuntimeSec, enforcers: [GUARD] });
      if (!constrained.ok) throw new Error(constrained.code);
      return sourcesOf(policy, decision, { own, constraints: constrained.constraints });
    };
    expect(of({})).toEqual({ maxRuntimeSec: ["r0", "r1"], maxRetries: ["r1"], paths: ["r0", "r2"] });
    expect(of({ maxRetries: 1, maxOutputBytes: 5 })).toEqual({
      maxRuntimeSec: ["r0", "r1"],
      maxRetries: ["@job"],
      maxOutputBytes: ["@job"],
      paths: ["r0", "r2"],
    });
    expect(of({}, 2).maxRuntimeSec).toEqual(["@gate"]);
    expect(of({ paths: { write: [] } }).paths).toEqual(["r0", "r2", "@job"]);
  });
});
