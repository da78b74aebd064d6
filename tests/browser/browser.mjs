// Headless Chromium for the pages' tests: opens pages, keeps what they complained of, and asks axe.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const WAIT_MS = 20_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Chromium's own line for an answer outside 200 to 299, or none: a test that makes one happen expects it. */
const FAILED_REQUEST = /^Failed to load resource: /;

export class Browser {
  #browser;
  #shots;
  pages = [];

  constructor(browser, shots) {
    this.#browser = browser;
    this.#shots = shots;
  }

  static async launch(shots) {
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS, timeout: WAIT_MS });
    return new Browser(browser, shots);
  }

  /** A profile of its own; `options` are Playwright's. */
  async context(options = {}) {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "no-preference", ...options });
    context.setDefaultTimeout(WAIT_MS);
    await context.addInitScript(() => {
      globalThis.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
    });
    return context;
  }

  /** A tab. What it complains of is kept. */
  async tab(context, url) {
    const page = await context.newPage();
    page.complaints = [];
    page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
    page.on("pageerror", (error) => page.complaints.push(String(error)));
    this.pages.push(page);
    await page.goto(url);
    return page;
  }

  async open(url, options) {
    return this.tab(await this.context(options), url);
  }

  async shot(page, name) {
    await page.screenshot({ path: join(this.#shots, `${name}.png`) });
  }

  /** Nothing that axe calls serious or critical is on the screen. */
  async accessible(page, state) {
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const found = violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`);
    assert.deepEqual(found.filter((line) => /^(serious|critical)/.test(line)), [], `axe, ${state}`);
    for (const line of found) console.error(`axe, ${state}: ${line}`);
  }

  /** No page broke its policy or wrote an error; requests that failed count where `requestsMayFail` is not set. */
  async content({ requestsMayFail = false } = {}) {
    for (const page of this.pages.filter((one) => !one.isClosed())) {
      assert.deepEqual(await page.evaluate(() => globalThis.violations), [], "the page's policy was violated");
      assert.deepEqual(page.complaints.filter((line) => !(requestsMayFail && FAILED_REQUEST.test(line))), [], "errors on the console");
    }
  }

  async close() {
    await this.#browser.close();
  }
}

/** Asks until the answer is true; says what it was last when it never is. */
export async function until(what, ask) {
  const end = Date.now() + WAIT_MS;
  let last;
  while (Date.now() < end) {
    last = await ask();
    if (last === true) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new assert.AssertionError({ message: `${what}: not within ${WAIT_MS} ms; at last ${JSON.stringify(last)}` });
}

/** Runs the scenario that the command line names: `<scenario> <JSON of what it needs> <folder for screenshots>`. */
export async function main(scenarios) {
  const [, , name, given, shots] = process.argv;
  const browser = await Browser.launch(shots);
  try {
    console.log(JSON.stringify((await scenarios[name](browser, JSON.parse(given))) ?? null));
  } catch (error) {
    for (const [number, page] of browser.pages.entries()) {
      if (!page.isClosed()) await browser.shot(page, `failed-${name}-${number}`).catch((late) => console.error(late));
      console.error("the page said:", page.complaints);
    }
    throw error;
  } finally {
    await browser.close();
  }
}
