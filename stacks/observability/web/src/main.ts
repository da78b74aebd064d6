import { access, readConfig } from "./access";
import { need } from "./dom";
import { Page } from "./page";
import "./style.css";
import { startWatching } from "./stream";

const theme = new URLSearchParams(location.search).get("theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset["theme"] = theme;

async function start(): Promise<void> {
  const config = await readConfig();
  const credentials = await access(config);
  startWatching(config, credentials, (again) => new Page(again));
}

start().catch((error: unknown) => {
  need("#loading").textContent = error instanceof Error ? error.message : "The page could not start.";
  document.body.dataset["connection"] = "failed";
});
