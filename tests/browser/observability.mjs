// What a team sees on the observability page, and does there. Each function is a promise that a test of the same name keeps.
import assert from "node:assert/strict";
import { main, until } from "./browser.mjs";

const WALL = { viewport: { width: 1920, height: 1080 }, colorScheme: "dark", timezoneId: "UTC" };
const DESK = { viewport: { width: 1280, height: 800 }, colorScheme: "light", timezoneId: "UTC" };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, timezoneId: "UTC" };
const MOST_LINES = 200;

const panel = (page, label) => page.locator(`article[data-function="${label}"]`);
const cell = (page, label, chart) => panel(page, label).locator(`figure[data-chart="${chart}"]`);
const summary = (page, label, chart) => cell(page, label, chart).locator("figcaption").textContent();
const value = (page, label, chart) => cell(page, label, chart).locator(".value").textContent();
const state = (page, wanted) => page.locator(`#connection[data-state="${wanted}"]`).waitFor();
const notice = (page) => page.locator("#notice:visible .text");
const line = (page, text) => page.locator("#log li", { hasText: text });

/** Has something happen to the functions, or to the endpoint. */
async function happen(stage, what) {
  const answer = await fetch(stage, { method: "POST", body: JSON.stringify(what) });
  assert.equal(answer.status, 204, JSON.stringify(what));
}

async function ready(page) {
  await state(page, "live");
  await cell(page, "chat", "firstToken").locator(".value").waitFor();
}

/** Keeps every state of the connection, and every announcement, from the page's first moment on. */
async function remembering(browser, options) {
  const context = await browser.context(options);
  await context.addInitScript(() => {
    globalThis.states = [];
    globalThis.announced = [];
    globalThis.said = [];
    document.addEventListener("DOMContentLoaded", () => {
      const connection = document.querySelector("#connection");
      new MutationObserver(() => {
        const now = connection.dataset.state;
        if (globalThis.states.at(-1) !== now) globalThis.states.push(now);
      }).observe(connection, { attributes: true, attributeFilter: ["data-state"] });
      const said = document.querySelector("#notice .text");
      new MutationObserver(() => globalThis.said.push(said.textContent)).observe(said, { childList: true, characterData: true, subtree: true });
      const status = document.querySelector("#announced");
      new MutationObserver(() => globalThis.announced.push(status.textContent)).observe(status, { childList: true, characterData: true, subtree: true });
    });
  });
  return context;
}

/** The rows of a chart's table. */
async function table(page, label, title) {
  const button = page.getByRole("button", { name: `Table: ${label}, ${title.toLowerCase()}` });
  await button.focus();
  await button.press("Enter");
  await page.locator("dialog[open]").waitFor();
  const rows = await page.locator("dialog tbody tr").evaluateAll((found) => found.map((row) => [...row.children].map((child) => child.textContent)));
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  return rows;
}

async function fitsTheWall(page) {
  const found = await page.evaluate(() => {
    const cut = [...document.querySelectorAll(".panel, .cell .now, .cell .beside span, .alarms, .top, .log, .panel header")]
      .filter((one) => one.offsetParent)
      .filter((one) => {
        const { right, bottom } = one.getBoundingClientRect();
        const box = (one.closest(".panel") ?? document.documentElement).getBoundingClientRect();
        return right > box.right + 1 || bottom > box.bottom + 1 || right > innerWidth || bottom > innerHeight;
      });
    return { tall: document.documentElement.scrollHeight - innerHeight, wide: document.documentElement.scrollWidth - innerWidth, cut: cut.map((one) => one.outerHTML.slice(0, 120)) };
  });
  assert.deepEqual(found, { tall: 0, wide: 0, cut: [] });
}

await main({
  async what_was_streamed_is_what_is_shown(browser, { url, tables, newest }) {
    const page = await browser.open(url, WALL);
    await ready(page);
    assert.deepEqual(await table(page, "chat", "Time to first token"), tables["Time to first token"]);
    assert.deepEqual(await table(page, "chat", "Tokens per second"), tables["Tokens per second"]);
    const inFlight = Object.fromEntries(await table(page, "chat", "Streams in flight"));
    for (const [at, shown] of Object.entries(tables["Streams in flight"])) assert.equal(inFlight[at], shown, `in flight at ${at}`);
    const outcomes = Object.fromEntries((await table(page, "chat", "Outcomes a minute")).map(([at, ...rest]) => [at, rest]));
    for (const [at, shown] of Object.entries(tables["Outcomes a minute"])) assert.deepEqual(outcomes[at], shown, `outcomes at ${at}`);

    assert.equal(await value(page, "chat", "firstToken"), "420");
    assert.match(await summary(page, "chat", "firstToken"), new RegExp(`at ${newest}: p50 420 ms, p90 1.68 s, p99 1.68 s\\..*highest p99 .* 7.2 s`));
    assert.match(await summary(page, "chat", "speed"), /: 51\. The lowest in the last half hour was 12 tokens\/s/);
    assert.match(await summary(page, "chat", "outcomes"), /Outcomes of 1.2 k streams .*: 1.2 k completed, 4 cancelled, 1 cut off, 2 failed, 5 throttled\. 99.3 % went well/);
    assert.match(await summary(page, "shop", "firstToken"), /Time to first byte at .*: slowest 640 ms/);
    assert.match(await summary(page, "shop", "outcomes"), /Outcomes of 12 streams .*: 11 completed, 1 failed\. 91.6 % went well/);
    assert.match(await summary(page, "shop", "speed"), /not measured/);
    assert.equal(await panel(page, "idle").locator(".message").textContent(), "No streams in the last half hour");
    assert.equal(await panel(page, "idle").locator("figure:visible").count(), 0);
    assert.equal(await page.locator("#alarms .sum").textContent(), "All 2 alarms are OK");
    assert.equal(await panel(page, "idle").locator(".badge").textContent(), "no alarms");
    await fitsTheWall(page);
    await browser.accessible(page, "wall, dark");
    await browser.shot(page, "observability-wall-dark");
    await page.emulateMedia({ colorScheme: "light" });
    await until("it is light", async () => page.evaluate(() => getComputedStyle(document.body).backgroundColor === "rgb(238, 240, 243)"));
    await browser.accessible(page, "wall, light");
    await browser.shot(page, "observability-wall-light");
    await browser.content();
  },

  async a_new_point_a_line_and_an_alarm_come_without_a_reload(browser, { url, stage }) {
    const context = await remembering(browser, WALL);
    const page = await browser.tab(context, url);
    await ready(page);
    await page.evaluate(() => (globalThis.same = true));
    await happen(stage, { do: "point", first: 0.123 });
    await until("the point", async () => (await value(page, "chat", "firstToken")) === "123");
    assert.match(await summary(page, "chat", "firstToken"), /p50 123 ms/);
    await happen(stage, { do: "line", text: "the model said no" });
    await line(page, "the model said no").waitFor();
    assert.equal(await line(page, "the model said no").locator(".level").textContent(), "error");
    await happen(stage, { do: "alarm", state: "ALARM" });
    await until("the alarm", async () => (await page.locator("#alarms .sum").textContent()) === "1 of 2 alarms in alarm");
    assert.match(await page.locator("#alarms li").textContent(), /^chat Errors in alarm for \d+ s$/);
    await until("beside its function too", async () => (await panel(page, "chat").locator(".badge").textContent()) === "1 in alarm");
    await page.locator("#alarms button").click();
    assert.deepEqual((await page.locator("dialog tbody tr").first().locator("th, td").allTextContents()).slice(0, 3), ["in alarm", "chat", "Errors"]);
    await browser.accessible(page, "all alarms");
    await browser.shot(page, "observability-alarms");
    await page.keyboard.press("Escape");
    await fitsTheWall(page);
    await browser.accessible(page, "in alarm");
    await browser.shot(page, "observability-alarm-wall-dark");
    await happen(stage, { do: "alarm", state: "OK" });
    await until("all is well", async () => (await page.locator("#alarms .sum").textContent()) === "All 2 alarms are OK");
    assert.deepEqual(await page.evaluate(() => globalThis.announced), ["chat: Errors is in alarm.", "chat: Errors is OK."], "changes of alarms, and nothing else");
    assert.equal(await page.locator("[aria-live], [role=status], [role=alert], [role=log]").count(), 1);
    assert.equal(await page.evaluate(() => globalThis.same), true, "no reload");
    await browser.content();
  },

  async a_connection_that_breaks_is_said_and_taken_up_where_it_broke(browser, { url, stage }) {
    const context = await remembering(browser, WALL);
    const page = await browser.tab(context, url);
    await ready(page);
    await happen(stage, { do: "line", text: "before the cut" });
    await line(page, "before the cut").waitFor();
    const asked = [];
    page.on("request", (request) => request.method() === "GET" && request.url().includes("/events") && asked.push(request.headers()["last-event-id"]));
    // Whoever comes back is refused at first, so that the page has to say for how long nothing came.
    await happen(stage, { fault: "throttle" });
    await page.evaluate(() => dispatchEvent(new Event("offline")));
    await state(page, "throttled");
    await happen(stage, { mend: true });
    await happen(stage, { do: "line", text: "while nobody watched" });
    await page.getByRole("button", { name: "Try now" }).click();
    await line(page, "while nobody watched").waitFor();
    await ready(page);
    assert.equal(await line(page, "before the cut").count(), 1, "a line that comes twice is shown once");
    assert.ok(asked.length >= 2 && asked.every((id) => /^\d{13}$/.test(id)), JSON.stringify(asked));

    await happen(stage, { fault: "reset:1200,times=1" });
    let number = 0;
    await page.route("**/events?**", (route) => (number++ ? route.abort() : route.continue()));
    await page.reload();
    await until("it is said", async () => page.evaluate(() => globalThis.said.some((text) => /^The stream was cut\. What is shown is \d+ s old\. Trying again/.test(text)) || globalThis.said));
    await state(page, "reconnecting");
    await browser.accessible(page, "cut");
    await browser.shot(page, "observability-cut-wall-dark");
    await page.unroute("**/events?**");
    await page.getByRole("button", { name: "Try now" }).click();
    await ready(page);
    assert.equal(await page.locator("#notice").isVisible(), false);
    await browser.content({ requestsMayFail: true });
  },

  async a_stream_that_ends_in_order_is_followed_by_the_next_unseen(browser, { url, stage }) {
    const context = await remembering(browser, WALL);
    const page = await browser.tab(context, url);
    let asked = 0;
    page.on("request", (request) => request.method() === "GET" && request.url().includes("/events") && asked++);
    await ready(page);
    await until("some streams", () => asked >= 4 || asked);
    await happen(stage, { do: "line", text: "on whichever stream" });
    await line(page, "on whichever stream").waitFor();
    assert.deepEqual(await page.evaluate(() => globalThis.states), ["connecting", "live"], "nothing is said of it");
    assert.equal(await page.locator("#notice").isVisible(), false);
    assert.equal(await page.locator('#log li[data-kind="gap"]').count(), 0);
    await browser.content();
  },

  async offline_is_said_and_what_happened_meanwhile_comes_when_back(browser, { url, stage }) {
    const context = await remembering(browser, WALL);
    const page = await browser.tab(context, url);
    await ready(page);
    await happen(stage, { do: "line", text: "a first line" });
    await line(page, "a first line").waitFor();
    await context.setOffline(true);
    await state(page, "offline");
    assert.match(await notice(page).textContent(), /^This machine is offline\. What is shown is \d+ s old/);
    await browser.accessible(page, "offline");
    await browser.shot(page, "observability-offline-wall-dark");
    await happen(stage, { do: "line", text: "while offline" });
    await happen(stage, { do: "point", first: 0.321 });
    await happen(stage, { do: "alarm", state: "ALARM" });
    await context.setOffline(false);
    await ready(page);
    await line(page, "while offline").waitFor();
    await until("the point", async () => (await value(page, "chat", "firstToken")) === "321");
    await until("the alarm is told", async () => page.evaluate(() => globalThis.announced.includes("chat: Errors is in alarm.")));
    assert.equal(await line(page, "a first line").count(), 1);
    await browser.content({ requestsMayFail: true });
  },

  async two_tabs_show_the_same(browser, { url, stage }) {
    const context = await browser.context(DESK);
    const one = await browser.tab(context, url);
    const other = await browser.tab(context, url);
    await happen(stage, { do: "alarm", state: "ALARM" });
    for (const page of [one, other]) {
      await page.bringToFront();
      await ready(page);
      await until("the alarm", async () => (await page.locator("#alarms .sum").textContent()) === "1 of 2 alarms in alarm");
      assert.equal(await value(page, "chat", "firstToken"), "420");
    }
    await one.close();
    await happen(stage, { do: "line", text: "for who is left" });
    await line(other, "for who is left").waitFor();
    await browser.content();
  },

  async it_is_one_column_on_a_phone(browser, { url, stage }) {
    await happen(stage, { do: "alarm", state: "ALARM" });
    for (const colorScheme of ["light", "dark"]) {
      const page = await browser.open(url, { ...PHONE, colorScheme });
      await ready(page);
      const lefts = await page.locator("article:visible, article[data-function=chat] figure").evaluateAll((found) => found.map((one) => Math.round(one.getBoundingClientRect().left)));
      assert.equal(new Set(lefts).size, 2, `panels below one another, and charts too: ${lefts}`);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
      const small = await page.locator("button:visible, nav a:visible").evaluateAll((found) => found.filter((one) => one.getBoundingClientRect().height < 36).map((one) => one.outerHTML));
      assert.deepEqual(small, [], "large enough for a finger");
      await browser.accessible(page, `phone, ${colorScheme}`);
      await browser.shot(page, `observability-phone-${colorScheme}`);
      await page.locator("#log").scrollIntoViewIfNeeded();
      await browser.shot(page, `observability-phone-${colorScheme}-end`);
    }
    await browser.content();
  },

  async a_tab_that_nobody_sees_draws_nothing_and_is_current_when_seen(browser, { url, stage }) {
    const page = await browser.open(url, DESK);
    await ready(page);
    const see = (hidden) =>
      page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    await see(true);
    await page.evaluate(() => {
      globalThis.changes = 0;
      new MutationObserver((found) => (globalThis.changes += found.length)).observe(document.body, { childList: true, characterData: true, subtree: true });
    });
    await happen(stage, { do: "streams", number: 300 });
    await happen(stage, { do: "line", text: "behind the curtain" });
    await happen(stage, { do: "point", first: 0.222 });
    const other = await browser.open(url, DESK); // who sees what the hidden one has been told too
    await until("it came", async () => (await value(other, "chat", "firstToken").catch(() => "")) === "222");
    assert.equal(await page.evaluate(() => globalThis.changes), 0, "nothing is drawn");
    await see(false);
    await until("the point", async () => (await value(page, "chat", "firstToken")) === "222");
    await line(page, "behind the curtain").waitFor();
    await browser.content();
  },

  async the_keyboard_is_enough_and_tables_stay_current(browser, { url, stage }) {
    const page = await browser.open(url, DESK);
    await ready(page);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the charts");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "functions");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Table: chat, time to first token");
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    assert.equal(await page.locator("dialog tbody tr").count(), 4);
    await happen(stage, { do: "point", first: 0.111 });
    await until("the row", async () => (await page.locator("dialog tbody tr").first().textContent())?.endsWith("111 ms111 ms111 ms") || page.locator("dialog").textContent());
    await browser.accessible(page, "a table");
    await browser.shot(page, "observability-table-light");
    await page.keyboard.press("Escape");
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Table: chat, time to first token", "back where one was");
    await browser.content();
  },

  async nothing_moves_for_whom_motion_is_too_much(browser, { url }) {
    const page = await browser.open(url, { ...DESK, reducedMotion: "reduce" });
    await ready(page);
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    const other = await browser.open(url, DESK);
    await ready(other);
    assert.equal(await other.evaluate(() => document.getAnimations().length), 1, "else one sign beats: that it is live");
    await browser.content();
  },

  async throttling_says_how_long_to_wait_and_goes_on(browser, { url, stage }) {
    await happen(stage, { fault: "throttle,times=2" });
    const page = await browser.open(url, PHONE);
    await state(page, "throttled");
    assert.match(await notice(page).textContent(), /^Too many are watching\. Nothing has been seen yet\. Trying again (now|in \d+ s)\.$/);
    await browser.accessible(page, "throttled");
    await browser.shot(page, "observability-throttled-phone");
    await ready(page);
    assert.equal(await page.locator("#notice").isVisible(), false);
    await browser.content({ requestsMayFail: true });
  },

  async who_may_not_watch_is_told_so(browser, { url }) {
    const page = await browser.open(url, WALL);
    await state(page, "denied");
    assert.match(await notice(page).textContent(), /^You may not watch these functions/);
    assert.equal(await page.getByRole("button", { name: "Try now" }).isVisible(), true);
    await browser.accessible(page, "denied");
    await browser.shot(page, "observability-denied-wall-dark");
    await browser.content({ requestsMayFail: true });
  },

  async until_numbers_come_it_says_so(browser, { url, stage }) {
    await happen(stage, { fault: "stall:3,after=20,times=1" });
    const page = await browser.open(url, WALL);
    await page.getByText("Waiting for the first numbers").first().waitFor();
    await browser.accessible(page, "loading");
    await browser.shot(page, "observability-loading-wall-dark");
    await ready(page);
    assert.equal(await page.getByText("Waiting for the first numbers").filter({ visible: true }).count(), 0);
    await browser.content();
  },

  async lines_are_text_and_only_the_newest_are_kept(browser, { url, stage }) {
    const page = await browser.open(url, DESK);
    await ready(page);
    await happen(stage, { do: "line", text: "<img src=x onerror='globalThis.hacked=1'><b>not bold</b>" });
    await line(page, "<b>not bold</b>").waitFor();
    assert.equal(await page.locator("#log img, #log li b:not(.label)").count(), 0);
    await happen(stage, { do: "streams", number: 260 });
    await until("full", async () => (await page.locator("#log li").count()) === MOST_LINES || page.locator("#log li").count());
    await page.locator("#problems").check();
    await until("problems alone", async () => (await page.locator("#log li").count()) === 1);
    await line(page, "<b>not bold</b>").waitFor();
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
    await browser.content();
  },

  async one_function_can_be_looked_at_alone(browser, { url }) {
    const page = await browser.open(url, WALL);
    await ready(page);
    await page.getByRole("navigation").getByRole("link", { name: "chat" }).click();
    await panel(page, "shop").waitFor({ state: "hidden" });
    assert.equal(await panel(page, "chat").locator("canvas:visible").count() >= 4, true);
    assert.equal(await page.locator("nav [aria-current]").textContent(), "chat");
    await fitsTheWall(page);
    await browser.accessible(page, "one function");
    await browser.shot(page, "observability-one-wall-dark");
    await page.goBack();
    await panel(page, "shop").waitFor();
    await browser.content();
  },

  /** The user pool and the identity pool are played here; the signature and the credentials are checked by the emulated endpoint. */
  async people_sign_in_at_the_user_pool(browser, { url, config, keys }) {
    const context = await browser.context(DESK);
    const { signIn } = config;
    const anywhere = { "access-control-allow-origin": "*", "access-control-allow-headers": "*, authorization, content-type, x-amz-target, cache-control" };
    let nonce;
    await context.route(`${signIn.url}/oauth2/authorize**`, async (route) => {
      const query = new URL(route.request().url()).searchParams;
      nonce = query.get("nonce");
      await route.fulfill({ status: 302, headers: { location: `${query.get("redirect_uri")}?code=once&state=${query.get("state")}` } });
    });
    await context.route(`${signIn.url}/oauth2/token`, async (route) => {
      if (route.request().method() === "OPTIONS") return route.fulfill({ headers: anywhere });
      const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const now = Math.floor(Date.now() / 1000);
      const issuer = `https://cognito-idp.us-east-1.amazonaws.com/${signIn.userPoolId}`;
      const claims = { sub: "ann", iss: issuer, aud: signIn.userPoolClientId, nonce, iat: now, exp: now + 600 };
      const id_token = `${part({ alg: "RS256", kid: "k" })}.${part(claims)}.${part("signed")}`;
      return route.fulfill({ json: { id_token, access_token: "a", refresh_token: "r", token_type: "Bearer", expires_in: 3600 }, headers: anywhere });
    });
    await context.route("https://cognito-identity.us-east-1.amazonaws.com/", async (route) => {
      const request = route.request();
      if (request.method() === "OPTIONS") return route.fulfill({ headers: anywhere });
      const action = request.headers()["x-amz-target"].split(".")[1];
      const Credentials = { ...keys, Expiration: Date.now() / 1000 + 3600 };
      return route.fulfill({ json: { IdentityId: "us-east-1:1", ...(action === "GetId" ? {} : { Credentials }) }, headers: anywhere });
    });
    const page = await browser.tab(context, url);
    const begin = page.getByRole("button", { name: "Sign in" });
    await begin.waitFor();
    await browser.accessible(page, "signed out");
    await browser.shot(page, "observability-sign-in-light");
    await begin.click();
    await ready(page);
    assert.equal(page.url(), url, "the code is not left in the address");
    assert.equal(await page.getByRole("button", { name: "Sign out" }).isVisible(), true);
    assert.equal(await page.evaluate(() => localStorage.length), 0);
    await browser.content();
  },
});
