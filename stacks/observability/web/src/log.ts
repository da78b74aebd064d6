// The newest log lines. What the functions wrote is set as text and never as anything else.

import { element, need } from "./dom.ts";
import { clockWithSeconds, duration, text } from "./format.ts";
import type { Line, Store } from "./store.ts";

export class Log {
  readonly #list = need<HTMLElement>("#log ol");
  readonly #problems = need<HTMLInputElement>("#problems");
  #drawn = "";

  constructor(changed: () => void) {
    this.#problems.addEventListener("change", changed);
  }

  show(store: Store, chosen: string | undefined): void {
    const lines = store.lines({ label: chosen, problems: this.#problems.checked });
    const drawn = JSON.stringify(lines.map(({ key }) => key));
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const none = this.#problems.checked ? "No problem was written since this page was opened" : "Nothing was written since this page was opened";
    this.#list.replaceChildren(...(lines.length ? lines.map(item) : [element("li", { class: "none", text: none })]));
  }
}

function item(line: Line): HTMLElement {
  const time = element("time", { text: clockWithSeconds(line.time) });
  time.dateTime = new Date(line.time).toISOString();
  const made = element(
    "li",
    {},
    time,
    element("b", { class: "label", text: line.label }),
    element("span", { class: "level", text: line.level.toLowerCase() }),
    element("span", { class: "text", text: words(line) }),
  );
  made.dataset["kind"] = line.kind === "problem" && line.level.startsWith("WARN") ? "warning" : line.kind;
  return made;
}

function words({ text: written, durationMs, memoryMB, coldStartMs }: Line): string {
  const facts = [
    durationMs === undefined ? "" : `ended after ${text(duration(durationMs))}`,
    memoryMB === undefined ? "" : `${memoryMB} MB`,
    coldStartMs === undefined ? "" : `cold start ${text(duration(coldStartMs))}`,
  ].filter(Boolean);
  return [written, facts.join(", ")].filter(Boolean).join(" · ");
}
