// How the page is connected, in words: at the top while all is well, and across the page while what is shown is not live.

import { need, say, sign } from "./dom.ts";
import { age } from "./format.ts";
import type { Store } from "./store.ts";
import type { Connection } from "./watching.ts";

const SYMBOLS: Record<Connection["state"], string> = {
  connecting: "ring",
  live: "disc",
  reconnecting: "turn",
  throttled: "pause",
  denied: "barred",
  failed: "barred",
  offline: "barred",
  resting: "pause",
};
const SHORT: Record<Connection["state"], string> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  throttled: "Throttled",
  denied: "Denied",
  failed: "Refused",
  offline: "Offline",
  resting: "Resting",
};
const WHY = { cut: "The stream was cut.", silent: "The stream fell silent.", unreachable: "The endpoint cannot be reached." };
export class State {
  readonly #badge = need<HTMLElement>("#connection .what");
  readonly #newest = need<HTMLElement>("#connection .newest");
  readonly #place = need<HTMLElement>("#connection");
  readonly #notice = need<HTMLElement>("#notice");

  constructor(again: () => void) {
    need("#notice .again").addEventListener("click", again);
  }

  show(connection: Connection, store: Store, now: number): void {
    const { state } = connection;
    this.#place.dataset["state"] = state;
    document.body.dataset["connection"] = state;
    sign(this.#badge, state, SYMBOLS[state], SHORT[state]);
    say(this.#newest, store.newestAt === undefined ? "" : `newest ${age(now - store.newestAt)} old`);
    const words = notice(connection, store, now);
    this.#notice.hidden = !words;
    this.#notice.dataset["state"] = state;
    need<HTMLElement>(".again", this.#notice).hidden = !("again" in connection) && state !== "denied";
    say(need(".text", this.#notice), words);
  }
}

function notice(connection: Connection, store: Store, now: number): string {
  const seen = store.newestAt === undefined ? "Nothing has been seen yet." : `What is shown is ${age(now - store.newestAt)} old.`;
  const soon = "again" in connection ? `Trying again ${connection.again - now < 1_000 ? "now" : `in ${age(connection.again - now)}`}.` : "";
  switch (connection.state) {
    case "reconnecting":
      return `${WHY[connection.why]} ${seen} ${soon}`;
    case "throttled":
      return `Too many are watching. ${seen} ${soon}`;
    case "denied":
      return `You may not watch these functions${connection.requestId ? ` (request ${connection.requestId})` : ""}. ${seen}`;
    case "failed":
      return `${connection.message} ${seen} ${soon}`;
    case "offline":
      return `This machine is offline. ${seen} It goes on by itself.`;
    case "resting":
      return `Nobody was looking, so nothing was asked. ${seen}`;
    case "connecting":
      return "";
    case "live":
      return [...store.troubles].map((source) => `${source[0]?.toUpperCase()}${source.slice(1)} cannot be read now.`).join(" ");
  }
}
