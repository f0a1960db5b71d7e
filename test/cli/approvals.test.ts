import { existsSync } from "node:fs";
import { join } from "node:path";
import { createGate, type Gate } from "dispatch-gate";
import { describe, expect, test } from "vitest";
import { afterwards, folderOf, run, runJson } from "./run-command.js";

const POLICY = `version: v1
rules: [{ id: ask, match: { topics: ["**"] }, decision: require_approval, reason: money, approval: { roles: [ops] } }]
`;

async function asked(policy = POLICY): Promise<{ readonly cwd: string; readonly gate: Gate; readonly id: string }> {
  const cwd = folderOf();
  const gate = await createGate({
    policy: { yaml: policy },
    store: join(cwd, "dispatch-gate.db"),
    dispatch: () => "paid",
  });
  afterwards(() => gate.close());
  const actor = { id: "bot", type: "agent" } as const;
  const held = await gate.evaluateAndDispatch({ id: "j", topic: "job.pay", actor, payload: "\u202e\u001b[2J5 EUR" });
  return { cwd, gate, id: held.approval?.id ?? "" };
}

describe("approvals", () => {
  test("a request is listed, shown, and approved by the command that show prints; the gate then runs it", async () => {
    const { cwd, gate, id } = await asked();
    const listed = await run({ cwd }, "approvals", "list");
    expect(listed).toEqual({
      code: 0,
      err: "",
      out: expect.stringMatching(new RegExp(`^${id}  pending {11}0 s  0 approvals  job.pay by bot  "money"\n$`)),
    });
    const { out } = await run({ cwd }, "approvals", "show", id);
    expect(out).toContain('payload: "\\u{202e}\\u{1b}[2J5 EUR"');
    expect(out.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
    const [, command = ""] = /^ {2}dispatch-gate (approvals approve .* --as )NAME$/m.exec(out) ?? [];
    const args = command.trim().split(" ");
    const done = await run({ cwd }, ...args, "ann", "--roles", "ops,it", "--note", "ok\u202e");
    expect(done).toEqual({ code: 0, out: `the request ${id} is approved\n`, err: "" });
    const [vote] = (await gate.approvals.get(id))?.votes ?? [];
    expect(vote).toMatchObject({
      approver: { id: "ann", kind: "human", roles: ["ops", "it"], assurance: "none" },
      confirmed: true,
      note: "ok\u202e",
    });
    expect((await gate.resume("j")).status).toBe("SUCCEEDED");
    expect((await run({ cwd }, "approvals", "list")).out).toBe("nothing waits for approval\n");
    expect((await run({ cwd }, "approvals", "list", "--all")).out).toContain("consumed");
  });

  test("every call has its say, and what the rules refuse is exit code 1 with its code", async () => {
    const { cwd, gate, id } = await asked();
    const as = ["--as", "ann", "--roles", "ops"];
    const refused: readonly (readonly [string, readonly string[]])[] = [
      ["approval_view_mismatch", ["approve", id, ...as, "--view", "x"]],
      ["approver_not_eligible", ["reject", id, "--as", "ann"]],
      ["approver_is_requester", ["reject", "--job", "j", "--as", "BOT", "--roles", "ops"]],
      ["approval_not_approved", ["revoke", id, ...as]],
      ["approval_not_rejected", ["lift", id, ...as]],
      ["canceller_not_requester", ["cancel", id, ...as]],
      ["approval_unknown", ["reject", "nothing", ...as]],
    ];
    for (const [code, args] of refused) {
      const { code: exit, document } = await runJson({ cwd }, "approvals", ...args);
      expect([exit, document.ok, (document.error as { code?: string }).code]).toEqual([1, false, code]);
    }
    const text = await run({ cwd }, "approvals", "revoke", id, ...as);
    expect(text.out).toBe(
      "refused: only an approved request can be revoked [approval_not_approved]\n  help: reject one that is pending\n",
    );
    expect(await run({ cwd }, "approvals", "show", "nothing")).toMatchObject({ code: 1, err: "" });
    await gate.approvals.approve(id, { by: { id: "bob", roles: ["ops"] } });
    expect((await run({ cwd }, "approvals", "revoke", id, ...as)).out).toBe(`the request ${id} is revoked\n`);
    expect((await run({ cwd }, "approvals", "lift", "--job", "j", "--tenant", "default", ...as)).code).toBe(0);
    expect((await gate.evaluateAndDispatch({ topic: "job.other" })).status).toBe("PENDING_APPROVAL");
    const { document } = await runJson({ cwd }, "approvals", "stats");
    expect(document.stats).toMatchObject({ depth: 1, capacity: 1_000, decided: 1 });
    expect((await run({ cwd }, "approvals", "stats")).out).toContain("pending              1 of 1000\n");
  });

  test("a policy that asks for the host's word does not count a name that was typed", async () => {
    const { cwd, id } = await asked(POLICY.replace("roles: [ops]", "assurance: host"));
    const { code, document } = await runJson({ cwd }, "approvals", "reject", id, "--as", "ann");
    expect([code, (document.error as { code?: string }).code]).toEqual([1, "approver_not_eligible"]);
  });

  test("what cannot run is exit code 2, and makes no database", async () => {
    const { cwd, id } = await asked();
    const wrong: readonly (readonly [string, readonly string[]])[] = [
      ["call_unknown", ["aprove", id]],
      ["operand_missing", ["show"]],
      ["operand_missing", ["show", id, "--job", "j"]],
      ["option_missing", ["reject", id]],
      ["option_missing", ["approve", id, "--as", "ann"]],
      ["file_missing", ["list", "--store", "missing.db"]],
      ["value_invalid", ["reject", id, "--as", "ann", "--roles", "ops", "--note", "x".repeat(5_000)]],
    ];
    for (const [code, args] of wrong) {
      const { code: exit, document } = await runJson({ cwd }, "approvals", ...args);
      expect([exit, (document.error as { code?: string }).code]).toEqual([2, code]);
    }
    expect(existsSync(join(cwd, "missing.db"))).toBe(false);
  });
});
