import type { StreamingClient } from "../../../../clients/browser/src/index.ts";
import { clientOf, models } from "./access.ts";
import { cheer, unwarn, warn } from "./banner.ts";
import { Composer } from "./composer.ts";
import { Conversation } from "./conversation.ts";
import { byId, element } from "./dom.ts";
import { type Settings, SignedOut, settings } from "./settings.ts";
import type { SignIn } from "./sign-in.ts";

const EXAMPLES = [
  "Explain in three sentences why the sky is blue.",
  "Write a Python function that reads a file line by line.",
  "Plan a weekend in a city that I have never been to.",
  "What is the difference between TCP and UDP?",
];
const MODEL = "model";

async function main(): Promise<void> {
  let found: Settings;
  try {
    found = await settings();
  } catch (error) {
    console.warn(error);
    warn("The chat cannot be reached.", { label: "Try again", run: () => void main() });
    return;
  }
  const person = found.signIn && (await signedIn(found));
  if (found.signIn && !person) return;
  chat(clientOf(found, person));
}

/** Who is here; nobody, while they are asked to sign in. */
async function signedIn(found: Settings): Promise<SignIn | undefined> {
  if (!found.signIn) return undefined;
  const { SignIn } = await import("./sign-in.ts"); // only where people sign in
  const person = new SignIn(found.signIn, found.region);
  byId("sign-in").addEventListener("click", () => void person.begin());
  byId("sign-out").addEventListener("click", () => person.end());
  try {
    if (await person.come()) {
      byId("sign-out").hidden = false;
      return person;
    }
  } catch (error) {
    console.warn("signing in failed:", error);
    byId("welcome-text").textContent = "Signing in did not work. Try it again.";
  }
  byId("welcome").hidden = false;
  byId("model").hidden = true;
  byId("foot").hidden = true;
  return undefined;
}

function chat(client: StreamingClient): void {
  const select = byId<HTMLSelectElement>("model");
  const conversation = new Conversation(
    client,
    () => paint(),
    () => composer.focus(),
  );
  const composer = new Composer(
    (question) => conversation.ask(question, select.value),
    () => void conversation.stop(),
  );
  const paint = (): void => {
    byId("empty").hidden = !conversation.empty;
    byId("new").hidden = conversation.empty;
    composer.busy = conversation.running;
  };
  byId("new").addEventListener("click", () => {
    conversation.clear();
    composer.focus();
  });
  byId("examples").replaceChildren(
    ...EXAMPLES.map((example) => {
      const button = Object.assign(element("button"), { type: "button", textContent: example, disabled: true });
      button.addEventListener("click", () => {
        conversation.ask(example, select.value);
        composer.focus();
      });
      const item = element("li");
      item.append(button);
      return item;
    }),
  );
  paint();
  composer.focus();

  const load = async (): Promise<void> => {
    try {
      offer(select, await models(client));
      composer.ready = true;
      for (const example of byId("examples").querySelectorAll("button")) example.disabled = false;
      conversation.resume(); // what was cut by a reload
    } catch (error) {
      console.warn("the models cannot be listed:", error);
      select.replaceChildren(Object.assign(element("option"), { textContent: "No models" }));
      if (error instanceof SignedOut) warn("Your sign-in has ended.", { label: "Sign in again", run: () => location.reload() });
      else if (navigator.onLine) warn("The chat cannot be reached.", { label: "Try again", run: () => void load() });
    }
  };
  window.addEventListener("offline", sayOffline);
  window.addEventListener("online", () => {
    cheer("You are back online.");
    if (select.disabled) void load();
    else conversation.resume();
  });
  if (!navigator.onLine) sayOffline();
  void load();
}

const sayOffline = (): void => warn("You are offline. What you wrote is kept, and an answer that was cut goes on when you are back.");

/** Lets one choose a model; the last choice of this tab stands. */
function offer(select: HTMLSelectElement, ids: string[]): void {
  const chosen = sessionStorage.getItem(MODEL);
  select.replaceChildren(...ids.map((id) => Object.assign(element("option"), { value: id, textContent: shortName(id), selected: id === chosen })));
  select.disabled = false;
  select.onchange = () => sessionStorage.setItem(MODEL, select.value);
  unwarn();
}

/** `eu.amazon.nova-lite-v1:0` as people say it: `Nova Lite`. */
const shortName = (id: string): string =>
  id
    .replace(/^(?:[a-z]{2,6}\.)?[a-z0-9]+\./, "")
    .replace(/-v\d+(:\d+)?$/, "")
    .replace(/-\d{8}$/, "")
    .replaceAll("-", " ")
    .replace(/\b[a-z]/g, (letter) => letter.toUpperCase());

/** Where the browser lays its keyboard over the page, the page ends above it. */
function fitAboveTheKeyboard(): void {
  const view = window.visualViewport;
  if (!view) return;
  view.addEventListener("resize", () => {
    const covered = view.scale === 1 && window.innerHeight - view.height > 1;
    document.documentElement.style.setProperty("--height", covered ? `${view.height}px` : "100dvh");
    window.scrollTo(0, 0);
  });
}

fitAboveTheKeyboard();
void main();
