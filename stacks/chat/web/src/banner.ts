import { byId } from "./dom.ts";

const GOOD_NEWS_MS = 4_000;
let timer: ReturnType<typeof setTimeout> | undefined;

/** A line above the conversation: of what keeps all of it from working. */
export function warn(text: string, action?: { label: string; run: () => void }): void {
  put("warn", text);
  const button = byId<HTMLButtonElement>("banner-action");
  button.hidden = action === undefined;
  button.textContent = action?.label ?? "";
  button.onclick = () => {
    unwarn();
    action?.run();
  };
}

/** The same for good news, which go by themselves. */
export function cheer(text: string): void {
  put("good", text);
  byId("banner-action").hidden = true;
  timer = setTimeout(unwarn, GOOD_NEWS_MS);
}

export function unwarn(): void {
  clearTimeout(timer);
  byId("banner").hidden = true;
}

function put(kind: "good" | "warn", text: string): void {
  clearTimeout(timer);
  const banner = byId("banner");
  banner.dataset.kind = kind;
  banner.hidden = false;
  byId("banner-text").textContent = text;
}
