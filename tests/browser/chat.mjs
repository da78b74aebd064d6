// What a person does on the chat page, and what they see. Each function is a promise that a test of the same name keeps.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { main, until } from "./browser.mjs";

/** How long the endpoint waits for a sign of life before it gives up on an answer's writer, and what a busy machine adds. */
const LOST_MS = 20_000 + 30_000;
const PHONE = { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const words = (count) => Array.from({ length: count }, (_, number) => `w${number} `).join("");

const question = (page) => page.locator("#question");
const last = (page) => page.locator(".turn").last();
const answer = (page) => last(page).locator(".answer");
const text = async (page) => (await answer(page).locator(".text").textContent()) ?? "";
const state = (page, wanted, timeout) => page.locator(`.turn:last-child .answer[data-state="${wanted}"]`).waitFor({ timeout });
const focused = (page) => page.evaluate(() => document.activeElement?.id ?? "");

async function ready(page) {
  await page.locator("#model:enabled").waitFor();
}

async function ask(page, said) {
  await ready(page);
  await question(page).fill(said);
  await question(page).press("Enter");
}

async function whole(page, count) {
  await state(page, "done");
  assert.equal((await text(page)).trim(), words(count).trim());
}

async function fits(page) {
  const { wide, foot, height } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - innerWidth,
    foot: document.querySelector(".foot").getBoundingClientRect().bottom,
    height: innerHeight,
  }));
  assert.ok(wide <= 0, `${wide} px wider than the screen`);
  assert.ok(foot <= height + 1, `where one writes ends at ${foot} of ${height} px`);
}

await main({
  async a_new_chat_offers_examples_and_models(browser, { url }) {
    const page = await browser.open(url);
    await ready(page);
    assert.deepEqual(await page.locator("#model option").allTextContents(), ["Nova Lite", "Nova Micro"]);
    assert.equal(await page.locator("#empty").isVisible(), true);
    assert.equal(await focused(page), "question");
    await browser.accessible(page, "empty");
    await browser.shot(page, "empty-light");
    await page.locator("#examples button").first().click();
    await state(page, "done");
    assert.equal(await page.locator("#empty").isVisible(), false);
    await page.locator("#new").click();
    assert.equal(await page.locator("#empty").isVisible(), true);
    assert.equal(await page.locator(".turn").count(), 0);
    await browser.content();
  },

  async an_answer_is_seen_to_grow_and_told_once(browser, { url }) {
    const page = await browser.open(url);
    await page.evaluate(() => {
      globalThis.told = [];
      new MutationObserver(() => {
        const text = document.querySelector("#status").textContent;
        if (text) globalThis.told.push(text);
      }).observe(document.querySelector("#status"), { childList: true, characterData: true, subtree: true });
    });
    await ask(page, "words 60 every 40");
    assert.equal(await page.locator("#stop").isVisible(), true);
    const lengths = [];
    await until("it grows", async () => {
      const length = (await text(page)).length;
      if (length && length !== lengths.at(-1)) lengths.push(length);
      if (lengths.length === 4) {
        await browser.accessible(page, "streaming");
        await browser.shot(page, "streaming-light");
        assert.equal(await answer(page).getAttribute("aria-busy"), "true");
        assert.equal(await page.locator(".answer").getAttribute("aria-live"), "off", "tokens are not told one by one");
      }
      return lengths.length >= 5 || lengths;
    });
    assert.deepEqual(lengths, lengths.toSorted((a, b) => a - b));
    assert.ok(lengths.at(0) < words(60).length / 2, "its beginning was seen");
    await whole(page, 60);
    await until("it is told", async () => (await page.evaluate(() => globalThis.told.at(-1)?.includes("w59"))) ?? false);
    assert.ok((await page.evaluate(() => globalThis.told.length)) <= 3, "once when it began, once when it was there");
    assert.match(await last(page).locator(".figures").textContent(), /^first word after \d+\.\d\d s · \d+(\.\d)? tokens\/s · 60 tokens$/);
    assert.equal(await focused(page), "question");
    await browser.accessible(page, "done");
    await browser.content();
  },

  async stop_ends_the_answer_and_the_next_one_comes(browser, { url }) {
    const page = await browser.open(url);
    await ask(page, "words 400 every 20");
    await until("it has begun", async () => (await text(page)).includes("w3"));
    await page.locator("#stop").click();
    await state(page, "stopped");
    const stopped = await text(page);
    assert.match(await last(page).locator(".notice").textContent(), /You stopped this answer/);
    assert.equal(await focused(page), "question");
    await browser.accessible(page, "stopped");
    await browser.shot(page, "stopped-light");
    await ask(page, "words 3");
    await whole(page, 3);
    assert.equal(await page.locator(".turn").first().locator(".text").textContent(), stopped);
    await browser.content();
  },

  async an_error_in_mid_stream_is_shown_and_asked_again(browser, { url }) {
    const page = await browser.open(url);
    await ask(page, "words 8");
    await state(page, "failed");
    assert.equal((await text(page)).trim(), words(3).trim(), "what came is kept in sight");
    assert.match(await last(page).locator(".notice-text").textContent(), /Something went wrong/);
    assert.notEqual(await last(page).locator(".notice-detail").textContent(), "");
    await browser.accessible(page, "error");
    await browser.shot(page, "error-light");
    await last(page).getByRole("button", { name: "Try again" }).click();
    await whole(page, 8);
    assert.equal(await last(page).locator(".notice").isVisible(), false);
    await browser.content({ requestsMayFail: true });
  },

  async an_answer_that_was_cut_short_says_so_and_is_asked_again(browser, { url }) {
    const page = await browser.open(url);
    await ask(page, "words 60 every 10");
    await state(page, "resuming");
    assert.match(await last(page).locator(".notice-text").textContent(), /Looking for the rest/);
    await state(page, "cut", LOST_MS);
    assert.equal(await last(page).locator(".resume").isVisible(), false, "there is no rest");
    assert.match(await last(page).locator(".notice-text").textContent(), /cut short/);
    assert.notEqual((await text(page)).trim(), words(60).trim());
    await browser.accessible(page, "cut");
    await browser.shot(page, "truncated-light");
    await last(page).getByRole("button", { name: "Try again" }).click();
    await whole(page, 60);
    await browser.content({ requestsMayFail: true });
  },

  async a_connection_that_breaks_is_taken_up_where_it_broke(browser, { url }) {
    const page = await browser.open(url);
    await ask(page, "words 60 every 20");
    await whole(page, 60);
    await browser.content({ requestsMayFail: true });
  },

  async what_broke_off_twice_goes_on_when_one_says_so(browser, { url }) {
    const page = await browser.open(url);
    await ask(page, "words 120 every 20");
    await state(page, "cut");
    const came = await text(page);
    await browser.shot(page, "cut-light");
    await last(page).getByRole("button", { name: "Continue" }).click();
    assert.equal(await focused(page), "question", "the button is gone, and the focus is not");
    await whole(page, 120);
    assert.ok((await text(page)).startsWith(came.trim()));
    await browser.content({ requestsMayFail: true });
  },

  async throttling_says_how_long_to_wait(browser, { url }) {
    const page = await browser.open(url);
    await ask(page, "words 3");
    await state(page, "throttled");
    const again = last(page).locator(".retry");
    assert.match(await again.textContent(), /^Try again in \d+ s$/);
    assert.equal(await again.getAttribute("aria-disabled"), "true");
    await again.click({ force: true });
    assert.equal(await answer(page).getAttribute("data-state"), "throttled", "too early is nothing");
    await browser.accessible(page, "throttled");
    await browser.shot(page, "throttled-light");
    await until("one may", async () => (await again.textContent()) === "Try again");
    await again.click();
    await whole(page, 3);
    assert.equal(await focused(page), "question", "the button is gone, and the focus is not");
    await browser.content({ requestsMayFail: true });
  },

  async a_refusal_says_why(browser, { url }) {
    const page = await browser.open(url);
    await ask(page, "words 3");
    await state(page, "failed");
    assert.match(await last(page).locator(".notice-text").textContent(), /does not work right now|could not be answered/);
    await browser.content({ requestsMayFail: true });
  },

  async offline_is_said_and_the_answer_goes_on_when_back(browser, { url }) {
    const context = await browser.context();
    const page = await browser.tab(context, url);
    await ask(page, "words 120 every 30");
    await until("it has begun", async () => (await text(page)).includes("w2"));
    await context.setOffline(true); // keeps new connections away; the one that streams is reset by the endpoint, a little later
    await page.locator("#banner", { hasText: "You are offline" }).waitFor();
    await state(page, "offline");
    assert.ok((await text(page)).includes("w2"), "what came is kept in sight");
    assert.ok(!(await text(page)).includes("w119"));
    assert.equal(await last(page).locator(".notice button:visible").count(), 0, "nothing can be done until one is back");
    await browser.accessible(page, "offline");
    await browser.shot(page, "offline-light");
    await context.setOffline(false);
    await page.locator("#banner", { hasText: "back online" }).waitFor();
    await whole(page, 120);
    await browser.content({ requestsMayFail: true });
  },

  async a_reload_in_mid_stream_goes_on_with_the_answer(browser, { url }) {
    const page = await browser.open(url);
    await ask(page, "words 100 every 30");
    await until("it has begun", async () => (await text(page)).includes("w5"));
    await page.reload();
    await whole(page, 100);
    assert.equal(await page.locator(".turn").count(), 1);
    await browser.content();
  },

  async two_tabs_talk_at_once_and_of_their_own(browser, { url }) {
    const context = await browser.context();
    const [one, two] = [await browser.tab(context, url), await browser.tab(context, url)];
    await Promise.all([ask(one, "words 50 every 30"), ask(two, "words 40 every 30")]);
    await until("both stream", async () => (await text(one)).includes("w2") && (await text(two)).includes("w2"));
    await Promise.all([whole(one, 50), whole(two, 40)]);
    assert.deepEqual([await one.locator(".turn").count(), await two.locator(".turn").count()], [1, 1]);
    await browser.content();
  },

  async the_keyboard_is_enough(browser, { url }) {
    const page = await browser.open(url);
    await ready(page);
    await page.keyboard.type("words 300");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("every 20");
    assert.equal(await page.locator(".turn").count(), 0, "Shift and Enter begin a new line");
    await page.keyboard.press("Enter");
    await until("it has begun", async () => (await text(page)).includes("w3"));
    await page.keyboard.press("Escape");
    await state(page, "stopped");
    assert.equal(await last(page).locator(".bubble").textContent(), "words 300\nevery 20");
    assert.equal(await focused(page), "question");
    const names = [];
    for (let press = 0; press < 12 && !names.includes("Try again"); press++) {
      await page.keyboard.press("Shift+Tab");
      const { name, outline } = await page.evaluate(() => {
        const element = document.activeElement;
        const style = getComputedStyle(element);
        return { name: element.getAttribute("aria-label") ?? element.textContent.trim(), outline: `${style.outlineStyle} ${parseFloat(style.outlineWidth)}` };
      });
      names.push(name);
      assert.match(outline, /^(solid|auto) [23]/, `the focus is seen on ${name}`);
    }
    assert.equal(names.at(-1), "Try again");
    await browser.shot(page, "focus-light");
    await page.keyboard.press("Enter");
    await until("it is asked again", async () => (await answer(page).getAttribute("data-state")) === "streaming");
    await page.keyboard.press("Escape");
    await state(page, "stopped");
    await browser.content();
  },

  async it_is_dark_where_one_wants_it_dark(browser, { url }) {
    const page = await browser.open(url, { colorScheme: "dark" });
    await ready(page);
    const [red] = (await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).match(/\d+/g);
    assert.ok(Number(red) < 60);
    await browser.accessible(page, "empty, dark");
    await browser.shot(page, "empty-dark");
    await ask(page, "markdown");
    await state(page, "done");
    await browser.accessible(page, "done, dark");
    await page.locator("#scroller").evaluate((element) => (element.scrollTop = 0));
    await browser.shot(page, "answer-dark");
    await ask(page, "words 8");
    await state(page, "failed");
    await browser.accessible(page, "error, dark");
    await browser.shot(page, "error-dark");
    await browser.content({ requestsMayFail: true });
  },

  async it_fits_a_phone(browser, { url }) {
    const page = await browser.open(url, PHONE);
    await ready(page);
    await fits(page);
    await browser.accessible(page, "empty, phone");
    await browser.shot(page, "empty-phone");
    await ask(page, "markdown");
    await state(page, "done");
    await fits(page);
    await browser.accessible(page, "done, phone");
    await browser.shot(page, "answer-phone");
    await page.setViewportSize({ width: 430, height: 420 }); // a keyboard is over the rest
    await fits(page);
    await browser.shot(page, "keyboard-phone");
    await browser.content();
  },

  async an_answer_is_text_and_never_html(browser, { url }) {
    const page = await browser.open(url);
    await ask(page, "html");
    await state(page, "done");
    const place = answer(page).locator(".text");
    assert.match(await place.textContent(), /<img src=x onerror="globalThis\.hacked=1">/);
    assert.match(await place.textContent(), /<script>globalThis\.hacked=2<\/script>/);
    assert.equal(await place.locator("img, script, a, iframe").count(), 0);
    assert.equal(await page.evaluate(() => globalThis.hacked ?? "safe"), "safe");
    await browser.content();
  },

  async lists_code_and_emphasis_are_readable_and_can_be_copied(browser, { url, markdown }) {
    const context = await browser.context({ permissions: ["clipboard-read", "clipboard-write"] });
    const page = await browser.tab(context, url);
    await ask(page, "markdown");
    await state(page, "done");
    const place = answer(page).locator(".text");
    assert.equal(await place.locator("h4").first().textContent(), "Reading a file");
    assert.equal(await place.locator("ol > li").count(), 3);
    assert.equal(await place.locator("ul > li > ul > li").count(), 1);
    assert.equal(await place.locator("strong").first().textContent(), "line by line");
    assert.equal(await place.locator(".code .language").textContent(), "python");
    assert.match(await place.locator(".code pre").textContent(), /^def lines\(path\):\n    with open/);
    await browser.accessible(page, "markdown");
    await page.locator("#scroller").evaluate((element) => (element.scrollTop = 0));
    await browser.shot(page, "answer-light");
    await answer(page).locator(".copy").click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), markdown);
    await answer(page).locator(".copy", { hasText: "Copied" }).waitFor();
    await place.locator(".copy-code").click();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^def lines/);
    await browser.content();
  },

  async whoever_scrolls_up_is_left_where_they_read(browser, { url }) {
    const page = await browser.open(url, { viewport: { width: 700, height: 480 } });
    await ask(page, "lines 90 every 30");
    const scroller = page.locator("#scroller");
    await until("it is longer than the screen", async () => (await scroller.evaluate((element) => element.scrollTop)) > 300);
    await scroller.hover();
    await page.mouse.wheel(0, -400);
    await page.locator("#latest").waitFor();
    const there = await scroller.evaluate((element) => element.scrollTop);
    const { length } = await text(page);
    await until("more comes", async () => (await text(page)).length > length + 100);
    assert.equal(await scroller.evaluate((element) => element.scrollTop), there);
    await browser.shot(page, "scrolled-light");
    await page.locator("#latest").click();
    await state(page, "done");
    await until("it follows again", () => scroller.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight < 2));
    await browser.content();
  },

  async nothing_moves_for_whom_motion_is_too_much(browser, { url }) {
    const page = await browser.open(url, { reducedMotion: "reduce" });
    await ask(page, "words 60 every 40");
    await until("it has begun", async () => (await text(page)).includes("w2"));
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    await browser.content();
  },

  async the_model_that_was_chosen_is_asked(browser, { url }) {
    const page = await browser.open(url);
    await ready(page);
    await page.locator("#model").selectOption({ label: "Nova Micro" });
    const [request] = await Promise.all([
      page.waitForRequest((one) => one.method() === "POST" && one.url().endsWith("/v1/chat/completions")),
      ask(page, "words 3"),
    ]);
    assert.equal(request.postDataJSON().model, "amazon.nova-micro-v1:0");
    await whole(page, 3);
    await page.reload();
    await ready(page);
    assert.equal(await page.locator("#model").inputValue(), "amazon.nova-micro-v1:0", "also after a reload");
    await browser.content();
  },

  /** With a table behind it, an answer has a name by which it can be stopped and had again. */
  async what_is_asked_is_answered_and_kept(browser, { url }) {
    const page = await browser.open(url);
    const [, answered] = await Promise.all([
      ask(page, "Hello, you there"),
      page.waitForResponse((one) => one.request().method() === "POST" && one.url().endsWith("/v1/chat/completions")),
    ]);
    await state(page, "done");
    assert.match(await text(page), /Hello, you there/);
    assert.match((await answered.allHeaders())["x-stream-id"], /^[\w-]{24}$/);
    await browser.content();
  },

  async an_endpoint_that_is_down_can_be_tried_again(browser, { url }) {
    const context = await browser.context();
    let down = true;
    await context.route("**/v1/models", (route) => (down ? route.abort() : route.continue()));
    const page = await browser.tab(context, url);
    await page.locator("#banner", { hasText: "cannot be reached" }).waitFor();
    await browser.accessible(page, "unreachable");
    await browser.shot(page, "unreachable-light");
    down = false;
    await page.locator("#banner").getByRole("button", { name: "Try again" }).click();
    await ask(page, "words 3");
    await whole(page, 3);
    await browser.content({ requestsMayFail: true });
  },

  async who_is_not_let_in_can_try_again(browser, { url, config }) {
    const context = await browser.context();
    await context.route(`${url}config.json`, (route) => route.fulfill({ json: config }));
    await context.route(`${config.signIn.url}/oauth2/authorize**`, (route) => {
      const query = new URL(route.request().url()).searchParams;
      return route.fulfill({ status: 302, headers: { location: `${query.get("redirect_uri")}?error=access_denied&state=${query.get("state")}` } });
    });
    const page = await browser.tab(context, url);
    await page.locator("#sign-in").click();
    await page.locator("#welcome-text", { hasText: "did not work" }).waitFor();
    assert.equal(await page.locator("#sign-in").isVisible(), true);
    assert.equal(page.url(), url);
    await browser.content();
  },

  async whose_sign_in_has_ended_is_told_so(browser, { url, config, token }) {
    const context = await browser.context();
    const any = { "access-control-allow-origin": "*" };
    let nonce;
    await context.route(`${url}config.json`, (route) => route.fulfill({ json: config }));
    await context.route(`${config.signIn.url}/oauth2/authorize**`, (route) => {
      const query = new URL(route.request().url()).searchParams;
      nonce = query.get("nonce");
      return route.fulfill({ status: 302, headers: { location: `${query.get("redirect_uri")}?code=once&state=${query.get("state")}` } });
    });
    await context.route(`${config.signIn.url}/oauth2/token`, async (route) => {
      const form = new URLSearchParams(route.request().postData());
      if (form.get("grant_type") === "refresh_token") return route.fulfill({ status: 400, json: { error: "invalid_grant" }, headers: any });
      const id_token = (await (await fetch(`${token}?nonce=${nonce}`)).text()).trim();
      return route.fulfill({ json: { id_token, access_token: "a", refresh_token: "r", token_type: "Bearer", expires_in: 1 }, headers: any });
    });
    const page = await browser.tab(context, url);
    await page.locator("#sign-in").click();
    await page.locator("#banner", { hasText: "Your sign-in has ended" }).waitFor();
    await browser.accessible(page, "sign-in ended");
    await browser.content({ requestsMayFail: true });
  },

  /** The user pool and the identity pool are played here; the token, the signature and the credentials are checked by the emulated endpoint. */
  async people_sign_in_at_the_user_pool(browser, { url, config, token, keys }) {
    const context = await browser.context();
    const { signIn } = config;
    let challenge, nonceOf;
    const asked = [];
    await context.route(`${url}config.json`, (route) => route.fulfill({ json: config }));
    await context.route(`${signIn.url}/oauth2/authorize**`, async (route) => {
      const query = new URL(route.request().url()).searchParams;
      assert.deepEqual([query.get("response_type"), query.get("code_challenge_method"), query.get("client_id")], ["code", "S256", signIn.userPoolClientId]);
      challenge = query.get("code_challenge");
      nonceOf = query.get("nonce");
      const back = `${query.get("redirect_uri")}?code=once&state=${query.get("state")}`;
      await route.fulfill({ status: 302, headers: { location: back } });
    });
    await context.route(`${signIn.url}/oauth2/token`, async (route) => {
      if (route.request().method() === "OPTIONS") return route.fulfill({ headers: { "access-control-allow-origin": "*" } });
      const form = new URLSearchParams(route.request().postData());
      assert.equal(createHash("sha256").update(form.get("code_verifier")).digest("base64url"), challenge, "PKCE");
      assert.equal(form.get("code"), "once");
      const id_token = (await (await fetch(`${token}?nonce=${nonceOf}`)).text()).trim();
      return route.fulfill({ json: { id_token, access_token: "a", refresh_token: "r", token_type: "Bearer", expires_in: 3600 }, headers: { "access-control-allow-origin": "*" } });
    });
    await context.route("https://cognito-identity.us-east-1.amazonaws.com/", async (route) => {
      const request = route.request();
      const headers = { "access-control-allow-origin": "*", "access-control-allow-headers": "content-type,x-amz-target,cache-control" };
      if (request.method() === "OPTIONS") return route.fulfill({ headers });
      const action = request.headers()["x-amz-target"].split(".")[1];
      asked.push(action);
      assert.match(Object.values(request.postDataJSON().Logins)[0], /^ey/);
      const json = action === "GetId" ? { IdentityId: "us-east-1:1" } : { IdentityId: "us-east-1:1", Credentials: { ...keys, Expiration: Date.now() / 1000 + 3600 } };
      return route.fulfill({ json, headers });
    });
    const page = await browser.tab(context, url);
    await page.locator("#sign-in").waitFor();
    await browser.accessible(page, "signed out");
    await browser.shot(page, "sign-in-light");
    await page.locator("#sign-in").click();
    await ready(page);
    assert.equal(page.url(), url, "the code is not left in the address");
    await ask(page, "words 3");
    await whole(page, 3);
    assert.deepEqual(asked, ["GetId", "GetCredentialsForIdentity"], "once, for all requests");
    assert.equal(await page.evaluate(() => JSON.stringify(sessionStorage).includes("eyJ") || localStorage.length > 0), false, "no token is stored");
    assert.equal(await page.locator("#sign-out").isVisible(), true);
    await browser.content();
  },
});
