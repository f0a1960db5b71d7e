import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/outcome.js";
import { folderOf, run, runJson } from "./run-command.js";
import { startService } from "./service.js";

const SEED = readFileSync(new URL("../../examples/governance-policy.yaml", import.meta.url), "utf8");

/** Writes down which jobs ran. */
const ACT = `import { appendFileSync } from "node:fs";
export default async ({ id, topic }) => {
  appendFileSync("ran.txt", id + "\\n");
  return { done: topic };
};
`;

const FILES = { "policy.yaml": SEED, "act.mjs": ACT };
const ARGS = ["--policy", "policy.yaml", "--store", "gate.db"];
const WRITE = { topic: "job.mcp-bridge.write.update_ticket", risk_tags: ["prod"] };

const ran = (cwd: string): readonly string[] => readFileSync(join(cwd, "ran.txt"), "utf8").trimEnd().split("\n");

const isDone = ({ status }: JsonObject): boolean => status === "SUCCEEDED";

describe("dispatch-gate serve", { timeout: 60_000 }, () => {
  test("takes the seed's three commands as they stand, and tells the whole story", async () => {
    const cwd = folderOf(FILES);
    const service = await startService(cwd, ...ARGS, "--dispatch", "act.mjs", "--port", "8081");
    const shell = async (command: string): Promise<JsonObject> => {
      const { stdout } = await promisify(execFile)("bash", ["-c", command]);
      return JSON.parse(stdout) as JsonObject;
    };
    const submitted =
      await shell(`curl -sS -X POST http://localhost:8081/api/v1/jobs   -H "Content-Type: application/json"   -d '{
    "topic":"job.mcp-bridge.write.update_ticket",
    "tenant_id":"default",
    "risk_tags":["prod"],
    "labels":{"mcp.action":"write"}
  }'`);
    expect(submitted).toMatchObject({ status: "PENDING_APPROVAL", dispatched: false });
    const { job_id: jobId, trace_id: traceId } = submitted;
    const queue = await shell(`curl -sS "http://localhost:8081/api/v1/approvals?include_resolved=false"`);
    expect(queue.items).toMatchObject([
      { job_id: jobId, state: "pending", job: { labels: { "mcp.action": "write" } } },
    ]);
    const approve = `curl -sS -X POST "http://localhost:8081/api/v1/approvals/<job_id>/approve"   -H "Content-Type: application/json"   -d '{"note":"approved after policy review"}'`;
    const approved = await shell(approve.replace("<job_id>", String(jobId)));
    expect(approved).toMatchObject({ state: "approved", votes: [{ note: "approved after policy review" }] });
    expect(approved.votes).toMatchObject([{ approver: { id: service.said.everybody, assurance: "none" } }]);
    const done = await service.until(`/api/v1/jobs/${jobId}`, isDone);
    expect(done.output).toEqual({ done: "job.mcp-bridge.write.update_ticket" });
    expect(ran(cwd)).toEqual([jobId]);
    const trace = await shell(`curl -sS "http://localhost:8081/api/v1/traces/${traceId}"`);
    const entries = trace.entries as readonly {
      readonly type: string;
      readonly note?: string;
      readonly body: unknown;
    }[];
    const types = entries.map(({ type }) => type);
    expect(types).toEqual(["approval.requested", "approval.voted", "job.dispatching", "job.settled"]);
    const vote = entries.find(({ type }) => type === "approval.voted");
    expect(vote).toMatchObject({ note: "approved after policy review", body: { approver: { assurance: "none" } } });
    expect(await service.stop()).toEqual({ code: 0, err: "" });
  });

  test("without a module records what may run, says so, and runs nothing that is approved", async () => {
    const cwd = folderOf(FILES);
    const { ask, said, stop } = await startService(cwd, ...ARGS);
    expect(said).toMatchObject({ recorded_only: true, dispatch: null, assurance: "none" });
    const read = await ask("/api/v1/jobs", { body: { topic: "job.mcp-bridge.read.x" } });
    expect(read).toMatchObject({ status: 200, body: { status: "RECORDED", recorded_only: true, dispatched: false } });
    const { body } = await ask("/api/v1/jobs", { body: WRITE });
    expect(body).toMatchObject({ status: "PENDING_APPROVAL", recorded_only: true });
    await ask(`/api/v1/approvals/${body.job_id}/approve`, { body: {} });
    // Longer than from one look for approved jobs to the next.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await ask(`/api/v1/jobs/${body.job_id}`)).body).toMatchObject({ dispatched: false });
    expect(await stop("SIGTERM")).toEqual({ code: 0, err: "" });
  });

  test("runs what another process approves, also while it was away", async () => {
    const cwd = folderOf(FILES);
    const approve = async (jobId: unknown): Promise<void> => {
      const at = ["--store", "gate.db", "--job", String(jobId)];
      const { document } = await runJson({ cwd }, "approvals", "show", ...at);
      const { view } = document.approval as { readonly view: string };
      expect((await run({ cwd }, "approvals", "approve", ...at, "--as", "ann", "--view", view)).code).toBe(0);
    };
    const first = await startService(cwd, ...ARGS, "--dispatch", "act.mjs");
    const there = (await first.ask("/api/v1/jobs", { body: WRITE })).body.job_id;
    const away = (await first.ask("/api/v1/jobs", { body: { ...WRITE, payload: 2 } })).body.job_id;
    await approve(there);
    await first.until(`/api/v1/jobs/${there}`, isDone);
    await first.stop();
    await approve(away);
    const second = await startService(cwd, ...ARGS, "--dispatch", "act.mjs");
    await second.until(`/api/v1/jobs/${away}`, isDone);
    expect(ran(cwd)).toEqual([there, away]);
  });

  test("does not try an approved job that a limit holds back again and again", async () => {
    const rules = [
      '{ id: ask, match: { topics: ["*"] }, decision: require_approval, reason: look }',
      '{ id: few, match: { topics: ["*"] }, decision: throttle, throttle: { limit: 1, window_sec: 600 } }',
    ];
    const policy = `version: v1\nrules:\n${rules.map((rule) => `  - ${rule}\n`).join("")}`;
    const cwd = folderOf({ ...FILES, "policy.yaml": policy });
    const { ask, stop } = await startService(cwd, ...ARGS, "--dispatch", "act.mjs");
    for (const id of ["first", "second", "third"]) {
      await ask("/api/v1/jobs", { body: { id, topic: "a" } });
      await ask(`/api/v1/approvals/${id}/approve`, { body: {} });
    }
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    await stop();
    const { document } = await runJson({ cwd }, "events", "--store", "gate.db", "--type", "job.refused");
    expect(ran(cwd)).toHaveLength(1);
    // Once each, and once more where two looks meet.
    expect((document.events as readonly unknown[]).length).toBeLessThanOrEqual(4);
  });

  test("a job that runs when it is told to end is waited for, and what came of it is recorded", async () => {
    const slow = "export default () => new Promise((resolve) => setTimeout(resolve, 800, 'late'));\n";
    const cwd = folderOf({ ...FILES, "act.mjs": slow });
    const { ask, stop } = await startService(cwd, ...ARGS, "--dispatch", "act.mjs");
    const asked = ask("/api/v1/jobs", { body: { topic: "job.mcp-bridge.read.x", id: "slow" } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const [{ code }, answer] = await Promise.all([stop(), asked]);
    expect([code, answer]).toMatchObject([0, { status: 200, body: { status: "SUCCEEDED", output: "late" } }]);
    const again = await startService(cwd, ...ARGS);
    expect((await again.ask("/api/v1/jobs/slow")).body).toMatchObject({ status: "SUCCEEDED" });
  });

  test.each([
    ["a signed token", "approval: { assurance: token }"],
    ["a role", "approval: { roles: [finance] }"],
    ["two approvers", "approval: { quorum: 2 }"],
  ])("nobody who is not authenticated satisfies a rule that asks for %s", async (_, approval) => {
    const rule = `{ id: ask, match: { topics: ["*"] }, decision: require_approval, reason: look, ${approval} }`;
    const cwd = folderOf({ ...FILES, "policy.yaml": `version: v1\nrules:\n  - ${rule}\n` });
    const { ask } = await startService(cwd, ...ARGS, "--dispatch", "act.mjs");
    const { body } = await ask("/api/v1/jobs", { body: { topic: "a" } });
    await ask(`/api/v1/approvals/${body.job_id}/approve`, { body: { note: "first" } });
    await ask(`/api/v1/approvals/${body.job_id}/approve`, { body: { note: "second" } });
    expect((await ask(`/api/v1/approvals/${body.job_id}`)).body.state).toBe("pending");
  });

  test("cuts off who sends no request, and does not go by other names", async () => {
    const service = await startService(folderOf(FILES), ...ARGS);
    const { hostname, port } = new URL(service.url);
    const begun = performance.now();
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write("POST /api/v1/jobs HTTP/1.1\r\nHost: loc");
    expect(await text(socket)).toContain("408");
    expect(performance.now() - begun).toBeLessThan(20_000);
    const rebound = connect({ host: hostname, port: Number(port) });
    rebound.end("GET /api/v1/approvals HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    expect(await text(rebound)).toContain("421");
  });
});

const TOKENS = {
  bot: "bot-0123456789abcdef0123456789abcdef",
  other: "other-0123456789abcdef0123456789abcdef",
  ann: "ann-0123456789abcdef0123456789abcdef",
  eve: "eve-0123456789abcdef0123456789abcdef",
  ops: "ops-0123456789abcdef0123456789abcdef",
  short: "short",
};

const sha256 = (token: string): string => createHash("sha256").update(token).digest("hex");

const TOKENS_FILE = `tokens:
  - { id: bot, type: agent, sha256: ${sha256(TOKENS.bot)}, may: [submit], on_behalf_of: eve@example.com }
  - { id: other, type: agent, sha256: ${sha256(TOKENS.other)}, may: [submit] }
  - { id: ann@example.com, type: human, sha256: ${sha256(TOKENS.ann)}, may: [submit, review], roles: [finance] }
  - { id: eve@example.com, type: human, sha256: ${sha256(TOKENS.eve)}, may: [review], roles: [finance] }
  - { id: ops, type: service, sha256: ${sha256(TOKENS.ops)}, may: [operate] }
  - { id: short, type: human, sha256: ${sha256(TOKENS.short)}, may: [review] }
`;

const ASSURED = `version: v1
rules:
  - id: ask
    match: { topics: ["*"] }
    decision: require_approval
    reason: look
    approval: { roles: [finance], assurance: token }
`;

describe("dispatch-gate serve --tokens", { timeout: 60_000 }, () => {
  const start = () =>
    startService(
      folderOf({ "policy.yaml": ASSURED, "act.mjs": ACT, "tokens.yaml": TOKENS_FILE }),
      ...[...ARGS, "--dispatch", "act.mjs", "--tokens", "tokens.yaml"],
    );

  test("takes who asks by their token: the submitter is the requester, and a vote rests on a token", async () => {
    const { ask, until, said } = await start();
    expect(said).toMatchObject({ tokens: 6 });
    const by = (name: keyof typeof TOKENS, body?: object) => ({
      token: TOKENS[name],
      ...(body === undefined ? {} : { body }),
    });
    const { status, body } = await ask("/api/v1/jobs", by("bot", { topic: "pay" }));
    expect(status).toBe(202);
    const at = `/api/v1/approvals/${body.job_id}`;
    // The agent itself, whom it acts for, who may only operate, who has too short a token, and nobody.
    expect((await ask(`${at}/approve`, by("bot", {}))).status).toBe(403);
    expect((await ask(`${at}/approve`, by("eve", {}))).status).toBe(403);
    expect((await ask(`${at}/approve`, by("ops", {}))).status).toBe(403);
    expect((await ask(`${at}/approve`, by("short", {}))).status).toBe(401);
    expect((await ask(`${at}/approve`, { body: {} })).status).toBe(401);
    expect((await ask(at, by("ann"))).body).toMatchObject({ state: "pending", votes: [] });
    const voted = await ask(`${at}/approve`, by("ann", { note: "fine" }));
    expect(voted).toMatchObject({ status: 200, body: { state: "approved" } });
    expect(voted.body.votes).toMatchObject([{ approver: { id: "ann@example.com", assurance: "token" } }]);
    expect(await until(`/api/v1/jobs/${body.job_id}`, isDone, by("bot"))).toMatchObject({ dispatched: true });
  });

  test("a person who submits a job does not approve it", async () => {
    const { ask } = await start();
    const { body } = await ask("/api/v1/jobs", { token: TOKENS.ann, body: { topic: "pay" } });
    const voted = await ask(`/api/v1/approvals/${body.job_id}/approve`, { token: TOKENS.ann, body: {} });
    expect(voted).toMatchObject({ status: 403, body: { code: "approver_is_requester" } });
  });

  test("takes a token as the password that a browser asks a person for, and shows them the console", async () => {
    const { url } = await start();
    const get = (credentials?: string): Promise<Response> =>
      fetch(url, {
        headers:
          credentials === undefined ? {} : { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` },
      });
    const unknown = await get();
    expect([unknown.status, unknown.headers.get("content-type")]).toEqual([401, "text/html; charset=utf-8"]);
    expect(unknown.headers.get("www-authenticate")).toContain('Basic realm="dispatch-gate"');
    expect((await get(`anything:${TOKENS.eve}x`)).status).toBe(401);
    expect((await get(TOKENS.eve)).status).toBe(401);
    const known = await get(`anything:${TOKENS.eve}`);
    expect([known.status, await known.text()]).toEqual([200, expect.stringContaining("eve@example.com")]);
  });

  test("shows each what their duty is made of", async () => {
    const { ask } = await start();
    const { body } = await ask("/api/v1/jobs", { token: TOKENS.bot, body: { topic: "pay" } });
    const paths = [
      `/api/v1/jobs/${body.job_id}`,
      "/api/v1/approvals",
      `/api/v1/traces/${body.trace_id}`,
      "/api/v1/policy",
    ];
    const statuses = async (token: string) =>
      Promise.all(paths.map(async (path) => (await ask(path, { token })).status));
    expect(await statuses(TOKENS.bot)).toEqual([200, 403, 403, 403]);
    expect(await statuses(TOKENS.other)).toEqual([403, 403, 403, 403]);
    expect(await statuses(TOKENS.eve)).toEqual([200, 200, 200, 403]);
    expect(await statuses(TOKENS.ops)).toEqual([200, 200, 200, 200]);
    expect(await statuses(`${TOKENS.ops}x`)).toEqual([401, 401, 401, 401]);
    const simulate = { topic: "pay" };
    expect((await ask("/api/v1/policy/simulate", { token: TOKENS.bot, body: simulate })).status).toBe(403);
    expect((await ask("/api/v1/policy/simulate", { token: TOKENS.ops, body: simulate })).status).toBe(200);
    expect((await ask("/healthz")).status).toBe(200);
  });
});

describe("dispatch-gate serve does not start", () => {
  const hash = sha256(TOKENS.bot);
  const token = (fields: string): string => `tokens: [{ ${fields} }]`;

  test.each([
    [[], "option_missing", "`--policy` is missing"],
    [["--policy", "none.yaml"], "file_missing", "`none.yaml`: there is no such file"],
    [["--policy", "broken.yaml"], "policy_invalid", "the policy cannot be loaded: "],
    [[...ARGS, "--port", "65536"], "value_invalid", "from 0 to 65535"],
    [[...ARGS, "--port", "-1"], "value_missing", "`--port` needs a value"],
    [[...ARGS, "--address", "0.0.0.0"], "tokens_missing", "nobody is asked who they are, and `0.0.0.0` is not local"],
    [[...ARGS, "--address", "::"], "tokens_missing", "nobody is asked who they are"],
    [[...ARGS, "--address", "127.999.1.1"], "value_invalid", "`--address` is an IP address"],
    [[...ARGS, "--address", "localhost"], "value_invalid", "`--address` is an IP address"],
    [[...ARGS, "--dispatch", "none.mjs"], "file_missing", "there is no `none.mjs`"],
    [[...ARGS, "--dispatch", "throws.mjs"], "dispatch_unloadable", "`throws.mjs` cannot be loaded: not today"],
    [[...ARGS, "--dispatch", "text.mjs"], "dispatch_invalid", "`text.mjs` has no function as its default export"],
    [[...ARGS, "--dispatch", "stray.mjs"], "dispatch_invalid", "`stray.mjs` exports `deriveTag`"],
    [[...ARGS, "--tokens", "none.yaml"], "file_missing", "there is no `none.yaml`"],
  ])("with %j: %s", async (args, code, message) => {
    const cwd = folderOf({
      "policy.yaml": SEED,
      "broken.yaml": "version: v2\n",
      "throws.mjs": "throw new Error('not today');\n",
      "text.mjs": "export default 'text';\n",
      "stray.mjs": "export default () => 1;\nexport const deriveTag = () => [];\n",
    });
    const { code: exit, document } = await runJson({ cwd }, "serve", ...args);
    expect([exit, document.error]).toMatchObject([2, { code, message: expect.stringMatching(new RegExp(message)) }]);
  });

  test.each([
    ["[]", "must be a map"],
    ["tokens: []", "`tokens` must be a list, and not empty"],
    ["token: []", "knows no `token`"],
    ["tokens: [1]", "`tokens[0]` must be a map"],
    ["tokens: [", "flow sequence"],
    [token(`type: agent, sha256: ${hash}, may: [submit]`), "`tokens[0]` needs an `id`"],
    [token(`id: "a b", type: agent, sha256: ${hash}, may: [submit]`), "`tokens[0]` needs an `id`"],
    [token(`id: a, type: robot, sha256: ${hash}, may: [submit]`), "`tokens[0]` needs a `type`: agent, service, human"],
    [
      token(`id: a, type: agent, sha256: ${hash.toUpperCase()}, may: [submit]`),
      "`tokens[0]` needs the token's `sha256`",
    ],
    [token(`id: a, type: agent, token: secret, may: [submit]`), "`tokens[0]` has no field `token`"],
    [token(`id: a, type: human, sha256: ${hash}`), "`tokens[0]` needs `may`: a list of submit, review, operate"],
    [token(`id: a, type: human, sha256: ${hash}, may: [approve]`), "`tokens[0]` needs `may`"],
    [token(`id: a, type: human, sha256: ${hash}, may: submit`), "`tokens[0]` `may` must be a list of texts"],
    [
      token(`id: a, type: agent, sha256: ${hash}, may: [submit, review]`),
      "`tokens[0]` is an agent's, who may `submit`",
    ],
    [token(`id: a, type: human, sha256: ${hash}, may: [submit], roles: x`), "`tokens[0]` `roles` must be a list"],
    [
      token(`id: a, type: human, sha256: ${hash}, may: [submit], tenant_id: 1`),
      "`tokens[0]` `tenant_id` must be a text",
    ],
    [
      `tokens: [{ id: a, type: agent, sha256: ${hash}, may: [submit] }, { id: b, type: agent, sha256: ${hash}, may: [submit] }]`,
      "`tokens[1]` is the same token as one before it",
    ],
  ])("with tokens %s", async (tokens, message) => {
    const cwd = folderOf({ "policy.yaml": SEED, "tokens.yaml": tokens });
    const { code, document } = await runJson({ cwd }, "serve", ...ARGS, "--tokens", "tokens.yaml");
    expect([code, document.error]).toMatchObject([
      2,
      { code: "tokens_invalid", message: expect.stringContaining(message) },
    ]);
  });

  test("where something listens already, and lets go of the store", async () => {
    const cwd = folderOf(FILES);
    const { url } = await startService(folderOf(FILES), ...ARGS);
    const { port } = new URL(url);
    const { code, document } = await runJson({ cwd }, "serve", ...ARGS, "--port", port);
    expect([code, document.error]).toMatchObject([2, { code: "port_taken", help: "choose another with `--port`" }]);
    expect((await run({ cwd }, "doctor", "--store", "gate.db")).out).toContain("none open");
  });

  test("where nobody waits: it closes again, and says where it was", async () => {
    const cwd = folderOf(FILES);
    const { code, out, err } = await run({ cwd }, "serve", ...ARGS, "--port", "0");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^dispatch-gate serves http:\/\/127\.0\.0\.1:\d+\n/);
    expect(out).toContain("nothing runs: jobs are recorded (no --dispatch)\n");
    expect(out).toMatch(
      /votes are not authenticated \(assurance none\): whoever reaches this address decides as \S+\n/,
    );
    expect(out.endsWith("closing: no job is taken any more\n")).toBe(true);
  });
});
