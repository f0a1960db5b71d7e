import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGate, type Gate } from "dispatch-gate";
import { describe, expect, test } from "vitest";
import { loadDriver } from "../../src/store/sqlite/driver.js";
import { APPLICATION_ID, MIGRATIONS } from "../../src/store/sqlite/migrations.js";
import { afterwards } from "../endings.js";
import { folderOf, run, runJson } from "./run-command.js";

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
    const { out: json } = await run({ cwd }, "approvals", "show", id, "--json");
    expect(json.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
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
      ["canceller_not_requester", ["cancel", id, "--as", "ann"]],
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

  test("what narrows a call is heeded: a tenant, a view, and nothing that the call has no use for", async () => {
    const { cwd, gate, id } = await asked();
    const { view = "" } = (await gate.approvals.get(id)) ?? {};
    const as = ["--as", "ann", "--roles", "ops", "--tenant", "other"];
    for (const args of [
      ["approve", id, ...as, "--view", view],
      ["reject", id, ...as],
      ["cancel", id, "--as", "bot", "--tenant", "other"],
    ]) {
      const { code, document } = await runJson({ cwd }, "approvals", ...args);
      expect([code, (document.error as { code?: string }).code]).toEqual([1, "approver_tenant_mismatch"]);
    }
    expect((await run({ cwd }, "approvals", "show", id, "--tenant", "other")).code).toBe(1);
    expect((await run({ cwd }, "approvals", "list", "--tenant", "other")).out).toBe("nothing waits for approval\n");
    expect((await gate.approvals.get(id))?.state).toBe("pending");
    expect((await run({ cwd }, "approvals", "cancel", id, "--as", "bot", "--tenant", "default")).code).toBe(0);
  });

  test("shows a command that goes to the same store", async () => {
    const { cwd, gate, id } = await asked();
    await gate.close();
    renameSync(join(cwd, "dispatch-gate.db"), join(cwd, "it's here.db"));
    const { out } = await run({ cwd }, "approvals", "show", id, "--store", "it's here.db");
    expect(out).toContain(` --store 'it'\\''s here.db' --as NAME\n`);
  });

  test("looking at a store neither makes nor changes one, and waits for nobody", async () => {
    const { cwd, id } = await asked();
    writeFileSync(join(cwd, "empty.db"), "");
    const Database = await loadDriver();
    const older = new Database(join(cwd, "older.db"), { timeout: 0, fileMustExist: false });
    older.exec(MIGRATIONS[0] ?? "");
    older.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1`);
    older.close();
    for (const [file, code] of [
      ["empty.db", "store_path_invalid"],
      ["older.db", "store_older"],
      ["missing.db", "store_path_invalid"],
      [`dispatch-gate.db/${"x".repeat(300)}`, "store_path_invalid"],
      [".", "store_path_invalid"],
    ] as const) {
      const { code: exit, document } = await runJson({ cwd }, "approvals", "list", "--store", file);
      expect([file, exit, (document.error as { code?: string }).code]).toEqual([file, 2, code]);
    }
    expect(readFileSync(join(cwd, "empty.db"))).toHaveLength(0);
    const again = new Database(join(cwd, "older.db"), { timeout: 0, fileMustExist: true });
    expect(again.pragma("user_version", { simple: true })).toBe(1);
    again.close();

    const holder = new Database(join(cwd, "dispatch-gate.db"), { timeout: 0, fileMustExist: true });
    holder.exec("BEGIN IMMEDIATE");
    const begun = performance.now();
    expect((await run({ cwd }, "approvals", "list")).out).toContain(id);
    expect(performance.now() - begun).toBeLessThan(2_000);
    holder.exec("ROLLBACK");
    holder.close();
  });

  test("what cannot run is exit code 2, and makes no database", async () => {
    const { cwd, id } = await asked();
    const wrong: readonly (readonly [string, readonly string[]])[] = [
      ["call_unknown", ["aprove", id]],
      ["operand_missing", ["show"]],
      ["operand_missing", ["show", id, "--job", "j"]],
      ["option_missing", ["reject", id]],
      ["option_missing", ["approve", id, "--as", "ann"]],
      ["operand_unknown", ["list", id]],
      ["option_unexpected", ["list", "--as", "ann"]],
      ["option_unexpected", ["stats", "--all"]],
      ["option_unexpected", ["revoke", id, "--as", "ann", "--view", "x"]],
      ["option_unexpected", ["cancel", id, "--as", "ann", "--roles", "ops"]],
      ["value_missing", ["reject", id, "--as", "ann", "--note", "-h"]],
      ["value_missing", ["reject", id, "--as", "ann", "--note", "--help"]],
      ["value_invalid", ["reject", id, "--as", "ann", "--roles", " ops,,"]],
      ["store_path_invalid", ["list", "--store", "missing.db"]],
      ["value_invalid", ["reject", id, "--as", "ann", "--roles", "ops", "--note", "x".repeat(5_000)]],
    ];
    for (const [code, args] of wrong) {
      const { code: exit, document } = await runJson({ cwd }, "approvals", ...args);
      expect([exit, (document.error as { code?: string }).code]).toEqual([2, code]);
    }
    expect(existsSync(join(cwd, "missing.db"))).toBe(false);
  });
});
