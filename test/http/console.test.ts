import type { Gate } from "dispatch-gate";
import type { HttpHandler, HttpOptions } from "dispatch-gate/http";
import { createMemoryStore } from "dispatch-gate/testing";
import { describe, expect, test } from "vitest";
import { SCRIPT } from "../../src/http/console/script.js";
import { open, rules } from "../gate/open.js";
import { ask, handlerFor, PEOPLE } from "./ask.js";

const POLICY = rules(`
- { id: read, match: { topics: ["read"] }, decision: allow }
- { id: pay, match: { topics: ["pay.out"] }, decision: require_approval, reason: a person looks }
- { id: two, match: { topics: ["pay.two"] }, decision: require_approval, reason: two look, approval: { quorum: 2, roles: [sre], confirm_view: true } }
`);

/** What an agent would have a reviewer's browser do. */
const HOSTILE = {
  script: "<script>document.title = 'taken'</script>",
  image: "<img src=x onerror=\"document.title = 'taken'\">",
  close: '</pre></section><form action="/api/v1/jobs"><button>Approve</button></form>',
  turned: "pay 10 \u202e0001\u202c to \u200bann",
  quote: `"' onmouseover="alert(1)" '"`,
};

interface Held {
  readonly gate: Gate;
  readonly handler: HttpHandler;
}

async function held(topic = "pay.out", options: Partial<HttpOptions> = {}): Promise<Held> {
  const gate = await open({ policy: POLICY, store: createMemoryStore(), dispatch: () => "ran" });
  const handler = handlerFor(gate, options);
  const body = { id: "job-1", trace_id: "t-1", topic, payload: HOSTILE };
  await ask(handler, "POST /api/v1/jobs", { as: "agent", body });
  return { gate, handler };
}

interface Shown {
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
}

/** Asks for a page. */
async function show(handler: HttpHandler, path: string, as: string | null = "ann", method = "GET"): Promise<Shown> {
  const headers: Record<string, string> = as === null ? {} : { authorization: `Bearer ${as}` };
  const response = await handler(new Request(`http://localhost:8081${path}`, { method, headers }));
  return { status: response.status, headers: response.headers, html: await response.text() };
}

const PAGES = ["/", "/approvals/job-1", "/traces/t-1"];

describe("the pages", () => {
  test("the queue tells topic, actor, age, expiry and progress of each request, and leads to it", async () => {
    const { handler } = await held("pay.two");
    await ask(handler, "POST /api/v1/approvals/job-1/reject", { as: "eve", body: {} });
    const { status, html } = await show(handler, "/");
    expect(status).toBe(200);
    expect(html).toContain('<a href="approvals/job-1">pay.two</a><span class="why">two look</span>');
    expect(html).toMatch(/<td>agent-7 \(agent\)<\/td><td>\d+ s<\/td><td>in \d+ (?:h|min|d)[^<]*<\/td><td>0 of 2<\/td>/);
    expect(html).toContain("1 open");
  });

  test("progress counts what the gate counts: a vote of the view by somebody with the role", async () => {
    const { gate, handler } = await held("pay.two");
    const view = (await gate.approvals.get({ jobId: "job-1" }))?.view;
    await ask(handler, "POST /api/v1/approvals/job-1/approve", { body: { view, note: "one of <b>two</b>" } });
    expect((await show(handler, "/")).html).toContain("<td>1 of 2</td>");
    const { html } = await show(handler, "/approvals/job-1");
    expect(html).toContain("1 of 2, human with a role of sre");
    expect(html).toContain("<b>approve</b> by ann@example.com");
    expect(html).toContain("<q>one of &lt;b&gt;two&lt;/b&gt;</q>");
  });

  test("the page of a request has the whole text, and the view that a vote names", async () => {
    const { gate, handler } = await held();
    const { html } = await show(handler, "/approvals/job-1");
    const shown = await gate.approvals.get({ jobId: "job-1" });
    const [, text = ""] = /<pre>([\s\S]*?)<\/pre>/.exec(html) ?? [];
    const plain = text
      .replace(/&lt;/g, "<")
      .replace(/&gt;/g, ">")
      .replace(/&quot;/g, '"')
      .replace(/&#39;/g, "'");
    const still = (rows: string): string => rows.trimEnd().replace(/, for \d+ s/, "");
    expect(still(plain.replace(/&amp;/g, "&"))).toBe(still(shown?.text ?? ""));
    expect(html).toContain(`data-view="${shown?.view}"`);
    expect(html).toContain('data-approve="../api/v1/approvals/job-1/approve"');
  });

  test("the trace tells each event with its time, drawn, and leads to the request", async () => {
    const { gate, handler } = await held();
    await ask(handler, "POST /api/v1/approvals/job-1/approve", { body: { note: "invoice 7" } });
    await gate.resume("job-1");
    const { html } = await show(handler, "/traces/t-1");
    const types = [...html.matchAll(/<span class="what">([a-z.]+)<\/span>/g)].map(([, type]) => type);
    expect(types).toEqual(["approval.requested", "approval.voted", "job.dispatching", "job.settled"]);
    expect(html).toContain("<q>invoice 7</q>");
    expect(html).toContain('<a href="../approvals/job-1">See the request</a>');
    expect(html.match(/<svg /g)).toHaveLength(4);
  });

  test("a request that has ended is shown without a vote, and an approved one may be rejected only", async () => {
    const { handler } = await held();
    await ask(handler, "POST /api/v1/approvals/job-1/approve", { body: {} });
    const approved = (await show(handler, "/approvals/job-1")).html;
    expect([approved.includes('value="approve"'), approved.includes('value="reject"')]).toEqual([false, true]);
    await ask(handler, "POST /api/v1/approvals/job-1/reject", { as: "bob", body: {} });
    expect((await show(handler, "/approvals/job-1")).html).not.toContain("<form");
    expect((await show(handler, "/")).html).toContain("Nothing waits for approval");
  });

  test("of a long queue each page leads to the next", async () => {
    const { handler } = await held();
    for (let n = 2; n <= 51; n += 1) {
      // One actor alone may not fill a queue.
      const as = n % 2 === 0 ? "agent" : "bob";
      await ask(handler, "POST /api/v1/jobs", { as, body: { id: `job-${n}`, topic: "pay.out", payload: n } });
    }
    const first = (await show(handler, "/")).html;
    const [, next = ""] = /<a href="\.\/(\?after=[^"]+)" rel="next">/.exec(first) ?? [];
    const rest = (await show(handler, `/${next}`)).html;
    const ids = (html: string): readonly string[] =>
      [...html.matchAll(/<a href="approvals\/([^"]+)">/g)].map(([, id = ""]) => id);
    expect([ids(first).length, ids(rest).length]).toEqual([50, 1]);
    // Which of those that came within a millisecond is the last is not said.
    expect(new Set([...ids(first), ...ids(rest)]).size).toBe(51);
  });

  test("a trace with more events than are drawn says how many", async () => {
    const { handler } = await held();
    for (let n = 0; n < 250; n += 1) {
      await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { trace_id: "t-1", topic: "read", payload: n } });
    }
    expect((await show(handler, "/traces/t-1")).html).toContain("<p>1 more are not drawn.</p>");
  });
});

describe("what an agent wrote", () => {
  test.each(PAGES)("stands in %s as text, and invisible characters are written out", async (path) => {
    const { handler } = await held();
    const hostile = `note ${HOSTILE.image}${HOSTILE.turned}`;
    await ask(handler, "POST /api/v1/approvals/job-1/approve", { body: { note: hostile } });
    const { html } = await show(handler, path);
    expect(html).not.toMatch(/<img|<script>|onerror="|<form action/);
    expect(html).not.toMatch(/[\u202e\u202c\u200b]/);
    // The control: it is there, where it is to be shown.
    if (path !== "/") expect(html).toContain("&lt;img src=x");
  });

  test("ids lead nowhere else, whatever they hold", async () => {
    const { handler } = await held();
    const id = `a/../b?c=d&e="><script>#x'%2f`;
    await ask(handler, "POST /api/v1/jobs", { as: "agent", body: { id, trace_id: id, topic: "pay.out" } });
    const queue = (await show(handler, "/")).html;
    const [, path = ""] = /<a href="(approvals\/a%2F[^"]+)"/.exec(queue) ?? [];
    expect(path).toBe(`approvals/${encodeURIComponent(id).replace(/'/g, "&#39;")}`);
    const { status, html } = await show(handler, `/${path.replace(/&#39;/g, "'")}`);
    expect([status, html.includes("<script>")]).toEqual([200, false]);
    const [, trace = ""] = /<a href="\.\.\/(traces\/[^"]+)"/.exec(html) ?? [];
    const drawn = await show(handler, `/${trace.replace(/&#39;/g, "'")}`);
    expect([drawn.status, drawn.html.includes("<script>")]).toEqual([200, false]);
  });
});

describe("what a page may do", () => {
  test.each([...PAGES, "/approvals/none"])(
    "%s runs and loads what this service sends, and nothing else",
    async (path) => {
      const { handler } = await held();
      const { headers, html } = await show(handler, path);
      expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(headers.get("content-security-policy")).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      );
      expect([headers.get("cache-control"), headers.get("x-content-type-options")]).toEqual(["no-store", "nosniff"]);
      expect(html).not.toMatch(/<[^>]*\s(?:style|on[a-z]+)=|<style|<script(?! src="(?:\.\.\/)?console\.js" defer>)/);
      // Relative, so that the handler may be mounted below a path.
      for (const [, link = ""] of html.matchAll(/(?:href|src|data-approve|data-reject|data-events)="([^"]*)"/g)) {
        expect(link).toMatch(/^(?!\/|[a-z]+:)/);
      }
    },
  );

  test.each([
    ["/console.css", "text/css; charset=utf-8"],
    ["/console.js", "text/javascript; charset=utf-8"],
  ])("%s is the service's own, for anybody", async (path, type) => {
    const { status, headers, html } = await show((await held()).handler, path, null);
    expect([status, headers.get("content-type")]).toEqual([200, type]);
    expect(html).not.toMatch(/https?:|@import|url\(/);
  });

  test("the script makes no HTML of texts that came to it", () => {
    expect(SCRIPT).not.toMatch(/innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(/);
  });
});

describe("who looks", () => {
  test.each(PAGES)("%s needs somebody who is known, and says so on a page", async (path) => {
    const { status, headers, html } = await show((await held()).handler, path, null);
    expect([status, headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(html).toContain("<h1>Unauthorized</h1>\n<p>Say who you are.</p>");
    expect(html).not.toContain("pay.out");
  });

  test.each([
    ["/", "approvals.read"],
    ["/approvals/job-1", "approvals.read"],
    ["/traces/t-1", "traces.read"],
    ["/console/events", "approvals.read"],
  ])("%s needs somebody who may %s", async (path, action) => {
    const { handler } = await held("pay.out", { authorize: (_, asked) => asked.action !== action });
    const { status, html } = await show(handler, path);
    expect(status).toBe(403);
    expect(html).not.toContain("pay.out");
  });

  test("who may not decide is offered no vote, nor a trace that they may not read", async () => {
    const { handler } = await held("pay.out", {
      authorize: (_, { action }) => action.startsWith("approvals.read") || action === "jobs.submit",
    });
    const { html } = await show(handler, "/approvals/job-1");
    expect(html).toContain("You may read this request, and not decide it.");
    expect(html).not.toMatch(/<form|\/traces\//);
    const agents = await show((await held()).handler, "/approvals/job-1", "agent");
    expect(agents.html).not.toContain("<form");
  });

  test("a tenant sees what is theirs alone; who has a part in all sees whose it is", async () => {
    const { handler } = await held();
    await ask(handler, "POST /api/v1/jobs", { as: "other", body: { id: "theirs", trace_id: "t-1", topic: "pay.two" } });
    const links = async (as: string, query = ""): Promise<readonly string[]> =>
      [...(await show(handler, `/${query}`, as)).html.matchAll(/<a href="(approvals\/[^"]+)"/g)].map(
        ([, link = ""]) => link,
      );
    expect(await links("ann")).toEqual(["approvals/job-1"]);
    expect(await links("eve")).toEqual(["approvals/theirs"]);
    expect(await links("all")).toEqual(["approvals/job-1?tenant_id=default", "approvals/theirs?tenant_id=other"]);
    expect(await links("all", "?tenant_id=other")).toEqual(["approvals/theirs?tenant_id=other"]);
    expect((await show(handler, "/?tenant_id=other")).status).toBe(403);
    expect((await show(handler, "/console/events?tenant_id=other")).status).toBe(403);
    expect((await show(handler, "/approvals/theirs")).status).toBe(404);
    expect((await show(handler, "/traces/t-1", "eve")).html).not.toContain("agent-7");
    const { html } = await show(handler, "/approvals/theirs?tenant_id=other", "all");
    expect(html).toContain('data-approve="../api/v1/approvals/theirs/approve?tenant_id=other"');
  });

  test("an identity that rests on nothing is told that its votes do, and others are not", async () => {
    const typed = { ...PEOPLE.ann, id: "os-user", type: "human", assurance: "none" } as const;
    const { handler } = await held("pay.out", { authenticate: () => typed });
    for (const path of PAGES) expect((await show(handler, path)).html).toContain("Votes are not authenticated here");
    expect((await show((await held()).handler, "/")).html).not.toContain("not authenticated");
  });

  test("pages are asked for under a name of this service, by GET or HEAD", async () => {
    const { handler } = await held();
    const headers = { authorization: "Bearer ann", host: "evil.example" };
    expect((await handler(new Request("http://localhost/", { headers }))).status).toBe(421);
    expect((await show(handler, "/", "ann", "HEAD")).status).toBe(200);
    expect((await show(handler, "/", "ann", "POST")).status).toBe(405);
    expect((await show(handler, "/?nonsense=1")).status).toBe(400);
  });
});
