import { existsSync } from "node:fs";
import axe, { type AxeResults } from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterwards } from "../endings.js";

/** Where Debian's package puts it. */
const CHROMIUM = "/usr/bin/chromium";

/** Whether the tests in a browser can run here. */
export const HAS_CHROMIUM = existsSync(CHROMIUM);

/** For a container without a network: nothing but the page is asked for. */
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** Starts a browser. Whoever starts it MUST close it. */
export async function openBrowser(): Promise<Browser> {
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS });
}

/** A window of somebody's own. */
export interface Window {
  readonly page: Page;
  /** What went wrong in it: errors of scripts, what the console was told as an error, and what the policy of content stopped. */
  readonly faults: readonly string[];
}

/** Opens a window as somebody; it is closed after the test. */
export async function openWindow(browser: Browser, as: string, options: BrowserContextOptions = {}): Promise<Window> {
  const context = await browser.newContext({
    extraHTTPHeaders: { authorization: `Bearer ${as}` },
    viewport: { width: 1_100, height: 760 },
    ...options,
  });
  afterwards(() => context.close());
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", ({ message }) => faults.push(message));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
  page.on("dialog", (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    // A stream ends where its page does.
    if (!request.url().includes("/console/events")) faults.push(`${request.url()}: ${why}`);
  });
  return { page, faults };
}

/** What axe finds on a page that is serious or critical. */
export async function barriersOn(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate<AxeResults>("axe.run()");
  if (passes.length < 10) return ["axe looked at next to nothing"];
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${JSON.stringify(nodes)}`);
}

/** Presses Tab until what is focused matches. Throws where it cannot be reached so. */
export async function tabTo(page: Page, selector: string): Promise<void> {
  for (let pressed = 0; pressed < 50; pressed += 1) {
    await page.keyboard.press("Tab");
    const focused = page.locator(":focus").and(page.locator(selector));
    if ((await focused.count()) === 0) continue;
    const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
    if (outline === "solid" || outline === "auto") return;
    throw new Error(`nothing shows that ${selector} is focused`);
  }
  throw new Error(`${selector} is not reached by the keyboard`);
}
