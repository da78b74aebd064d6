import { credentialsOf, personOf, readConfig } from "./access.ts";
import { need } from "./dom.ts";
import { Page } from "./page.ts";
import { startWatching } from "./stream.ts";

const theme = new URLSearchParams(location.search).get("theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset["theme"] = theme;

async function start(): Promise<void> {
  const config = await readConfig();
  const person = personOf(config);
  if (person) {
    if (!(await person.come())) return welcome(() => void person.begin());
    const leave = need<HTMLButtonElement>("#sign-out");
    leave.hidden = false;
    leave.addEventListener("click", () => person.end());
  }
  startWatching(config, credentialsOf(config, person), (again) => new Page(again));
}

/** Before anybody is known. */
function welcome(begin: () => void): void {
  document.body.dataset["connection"] = "nobody";
  need<HTMLElement>("#loading").hidden = true;
  need<HTMLElement>("#welcome").hidden = false;
  need("#sign-in").addEventListener("click", begin);
}

start().catch((error: unknown) => {
  document.body.dataset["connection"] = "failed";
  need("#loading").textContent = `The page could not start. ${error instanceof Error ? error.message : ""}`;
});
