import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Gate } from "dispatch-gate";
import { toNodeListener } from "dispatch-gate/http";
import { createMemoryStore } from "dispatch-gate/testing";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { afterwards } from "../endings.js";
import { open, rules } from "../gate/open.js";
import { ask, handlerFor, PEOPLE } from "./ask.js";
import { barriersOn, HAS_CHROMIUM, openBrowser, openWindow, tabTo } from "./browser.js";

if (!HAS_CHROMIUM)
  console.warn("Chromium is not at /usr/bin/chromium: 8 tests of the console in a browser are skipped");

const RULES = `
- id: payments
  match: { topics: ["job.pay.*"] }
  decision: require_approval
  reason: Payments need a person
  approval: { roles: [sre], confirm_view: true }
- id: deploys
  match: { topics: ["job.deploy.*"] }
  decision: require_approval
  reason: Two people look at what goes to production
  approval: { quorum: 2, roles: [sre] }
`;

/** What an agent would have a reviewer's browser do, and what it would have the reviewer overlook. */
const HOSTILE = {
  amount: 1_200,
  to: "NL91ABNA0417164300",
  memo: "<script>document.title = 'taken'; fetch('https://evil.example/')</script>",
  image: "<img src=x onerror=\"document.title = 'taken'\">",
  close: '</pre></section><form action="/api/v1/jobs"><button value="approve">Approve</button></form>',
  turned: "pay 10 \u202e0001\u202c to \u200bann",
  long: `${"x".repeat(5_000)} and then ${"never mind ".repeat(30)}`,
};

interface Served {
  readonly gate: Gate;
  readonly handler: ReturnType<typeof handlerFor>;
  /** Where the console begins. */
  readonly url: string;
}

/** Serves a gate with two requests below a path, where only relative links lead anywhere. */
async function served(authenticate?: () => (typeof PEOPLE)[string]): Promise<Served> {
  const gate = await open({ policy: rules(RULES), store: createMemoryStore(), dispatch: () => "paid" });
  const handler = handlerFor(gate, authenticate === undefined ? {} : { authenticate });
  const listener = toNodeListener(handler);
  const server = createServer((request, response) => {
    if (request.url?.startsWith("/gate/") !== true) {
      response.writeHead(request.url === "/favicon.ico" ? 204 : 404).end();
      return;
    }
    request.url = request.url.slice("/gate".length);
    void listener(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  const pay = { id: "pay-7", trace_id: "trace-7", topic: "job.pay.out", payload: HOSTILE };
  await ask(handler, "POST /api/v1/jobs", { as: "agent", body: pay });
  const deploy = { id: "deploy-3", topic: "job.deploy.web", payload: { image: "web:4.2" }, risk_tags: ["production"] };
  await ask(handler, "POST /api/v1/jobs", { as: "agent", body: deploy });
  await ask(handler, "POST /api/v1/approvals/deploy-3/approve", { as: "bob", body: { note: "canary is fine" } });
  return { gate, handler, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/gate/` };
}

/** Looked at by people, and kept with the docs where that is asked for. */
async function picture(page: Page, name: string): Promise<void> {
  if (process.env.SCREENSHOTS !== "1") return;
  const folder = fileURLToPath(new URL("../../docs/images", import.meta.url));
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

const LINK = 'a[href^="approvals/pay-7"]';

describe.skipIf(!HAS_CHROMIUM)("in Chromium", { timeout: 120_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  }, 120_000);
  afterAll(() => browser.close());

  test("a request is read, and approved with a note by the keyboard alone; a second window sees it live", async () => {
    const { gate, url } = await served();
    const [{ page, faults }, second] = [await openWindow(browser, "ann"), await openWindow(browser, "bob")];
    await second.page.goto(url);
    await second.page.evaluate("window.loadedOnce = true");
    expect(await second.page.locator(".count").textContent()).toBe("2 open");
    await page.goto(url);
    await page.locator("#live", { hasText: /^live$/ }).waitFor();
    await picture(page, "console-queue");

    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to content");
    await page.keyboard.press("Enter");
    await tabTo(page, LINK);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/gate\/approvals\/pay-7$/);
    const view = (await gate.approvals.get({ jobId: "pay-7" }))?.view;
    await picture(page, "console-request");
    await tabTo(page, "#note");
    await page.keyboard.type("invoice 7 checked");
    await tabTo(page, 'button[value="approve"]');
    await page.keyboard.press("Enter");
    await page.getByText("Your vote is recorded. The request is approved.").waitFor();
    await page.locator("#standing .state.approved").waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("told");

    const [vote] = (await gate.approvals.get({ jobId: "pay-7" }))?.votes ?? [];
    expect(vote).toMatchObject({ note: "invoice 7 checked", confirmed: true, approver: { id: "ann@example.com" } });
    expect((await gate.approvals.get({ jobId: "pay-7" }))?.view).toBe(view);

    await second.page
      .locator("tr", { has: second.page.locator(LINK) })
      .locator(".state.approved")
      .waitFor();
    expect(await second.page.locator("#told").textContent()).toBe("The queue has changed: 2 open.");
    await gate.resume("pay-7");
    await second.page.getByText("1 open", { exact: true }).waitFor();
    // It was not loaded anew.
    expect(await second.page.evaluate("window.loadedOnce")).toBe(true);

    await tabTo(page, 'a[href="../traces/trace-7"]');
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/gate\/traces\/trace-7$/);
    expect(await page.locator(".what").allTextContents()).toEqual([
      ...["approval.requested", "approval.voted", "job.dispatching", "job.settled"],
    ]);
    expect(await page.locator("q").textContent()).toBe("invoice 7 checked");
    await picture(page, "console-trace");
    expect([faults, second.faults]).toEqual([[], []]);
  });

  test("what an agent wrote is read as it is, and does nothing", async () => {
    const { url } = await served();
    const { page, faults } = await openWindow(browser, "ann");
    await page.goto(`${url}approvals/pay-7`);
    const text = (await page.locator("pre").textContent()) ?? "";
    for (const part of ["<script>document.title", "<img src=x onerror=", "\\u{202e}", "\\u{200b}", "x\\{×5000}"]) {
      expect(text).toContain(part);
    }
    expect(text).not.toMatch(/[\u202e\u200b]/);
    expect(await page.title()).toBe("job.pay.out - dispatch-gate");
    expect(await page.locator("img, main script, form[action]").count()).toBe(0);
    expect(await page.locator('button[value="approve"]').count()).toBe(1);
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    expect(faults).toEqual([]);
  });

  test("the control: what would run is stopped and seen, and so is a barrier", async () => {
    const { url } = await served();
    const { page, faults } = await openWindow(browser, "ann");
    await page.goto(url);
    await page.evaluate(`
      const image = document.createElement("img");
      image.setAttribute("onerror", "document.title = 'taken'");
      image.setAttribute("src", "https://evil.example/x");
      document.querySelector("main").append(image, document.createElement("textarea"));
    `);
    await expect.poll(() => faults.join("\n")).toContain("Content Security Policy");
    expect(await page.title()).toBe("Approvals - dispatch-gate");
    expect((await barriersOn(page)).map((barrier) => barrier.split(":")[0])).toEqual(["image-alt", "label"]);
  });

  test("a vote that does not count says why, and a request that others decide is closed", async () => {
    const { gate, handler, url } = await served();
    const { page } = await openWindow(browser, "all");
    await page.goto(`${url}approvals/pay-7?tenant_id=default`);
    await page.locator('button[value="approve"]').click();
    await page.getByText("The vote does not count: ").waitFor();
    expect((await gate.approvals.get({ jobId: "pay-7" }))?.votes).toEqual([]);
    await ask(handler, "POST /api/v1/approvals/pay-7/reject", { body: { note: "<b>no</b>" } });
    await page.getByText("The request has changed: it is rejected.").waitFor();
    expect(await page.locator("button:enabled").count()).toBe(0);
    expect(await page.locator("q").textContent()).toBe("<b>no</b>");
  });

  test("what is asked anew while it is read takes no vote from this page", async () => {
    const { gate, handler, url } = await served();
    const { page, faults } = await openWindow(browser, "ann");
    await page.goto(`${url}approvals/deploy-3`);
    await page.locator("#live", { hasText: /^live$/ }).waitFor();
    await gate.reload(rules(RULES.replace("quorum: 2", "quorum: 3")));
    await ask(handler, "POST /api/v1/approvals/deploy-3/approve", { as: "ann", body: {} });
    await page.getByText("This was asked anew. Open the page again to see what is asked now.").waitFor();
    expect(await page.locator("button:enabled").count()).toBe(0);
    await page.reload();
    expect(await page.locator("ul.progress").textContent()).toContain("0 of 3");
    expect(await page.locator("button:enabled").count()).toBe(2);
    expect(faults).toEqual([]);
  });

  test("without script all is read, and the way to vote is told", async () => {
    const { url } = await served(() => ({ id: "os-user", type: "human", assurance: "none" }));
    const { page } = await openWindow(browser, "ann", { javaScriptEnabled: false });
    await page.goto(url);
    expect(await page.locator(".warning").textContent()).toContain("Votes are not authenticated here");
    await page.locator(LINK).click();
    expect(await page.locator("pre").textContent()).toContain("NL91ABNA0417164300");
    expect(await page.locator("noscript").textContent()).toContain("needs JavaScript");
    expect(await page.locator("form").isVisible()).toBe(false);
  });

  test.each(["light", "dark"] as const)("axe finds nothing serious on any page, in %s", async (colorScheme) => {
    const { handler, url } = await served(() => ({ ...PEOPLE.ann, id: "os-user", type: "human", assurance: "none" }));
    await ask(handler, "POST /api/v1/approvals/deploy-3/reject", { body: { note: "not today" } });
    const { page } = await openWindow(browser, "ann", { colorScheme });
    for (const path of ["", "approvals/pay-7", "approvals/deploy-3", "traces/trace-7", "approvals/none"]) {
      await page.goto(`${url}${path}`);
      expect(await barriersOn(page), path).toEqual([]);
      if (path === "" && colorScheme === "dark") await picture(page, "console-queue-dark");
    }
  });
});
