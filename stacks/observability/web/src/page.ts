// Puts what is known on the page: at most four times a second, and not at all while nobody sees it.

import { Alarms } from "./alarms.ts";
import { type Looks, looks } from "./charts.ts";
import { element, need, say } from "./dom.ts";
import { clock } from "./format.ts";
import { Log } from "./log.ts";
import { Panels } from "./panels.ts";
import { State } from "./state.ts";
import { type AlarmChange, Store } from "./store.ts";
import { Tables } from "./tables.ts";
import type { Connection } from "./watching.ts";

const SHOW_EVERY_MS = 250;
const TICK_MS = 1_000;
/** Charts move with time even where nothing comes. */
const MOVE_EVERY_MS = 15_000;

export class Page {
  readonly store = new Store();
  readonly #tables = new Tables();
  readonly #panels = new Panels((label, found) =>
    this.#tables.open(`${label}: ${found().title.toLowerCase()}`, () => ({ summary: found().summary, table: found().table })),
  );
  readonly #alarms = new Alarms(() =>
    this.#tables.open("All alarms", () => ({ summary: need("#alarms .sum").textContent ?? "", table: Alarms.table(this.store) })),
  );
  readonly #log = new Log(() => this.#soon());
  readonly #state: State;
  readonly #choice = need<HTMLElement>("#choice");
  #connection: Connection = { state: "connecting" };
  #looks: Looks | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #drawnAt = 0;
  #changed = true;
  #choices = "";

  constructor(again: () => void) {
    this.#state = new State(again);
    const redraw = (): void => {
      this.#looks = undefined;
      this.#soon();
    };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    matchMedia("(min-width: 110rem) and (min-height: 56rem)").addEventListener("change", redraw);
    addEventListener("hashchange", () => this.#soon());
    document.addEventListener("visibilitychange", () => this.#soon());
    setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  /** Takes an event of the stream in. */
  event(name: string | undefined, value: unknown): void {
    const changes: AlarmChange[] = this.store.apply(name, value, Date.now());
    this.#alarms.announce(changes);
    this.#soon();
  }

  connection(now: Connection): void {
    this.#connection = now;
    this.#soon();
  }

  #soon(): void {
    this.#changed = true;
    if (document.hidden) return; // it is drawn once when it is seen again
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#show();
    }, SHOW_EVERY_MS);
  }

  #tick(): void {
    if (document.hidden) return;
    const now = Date.now();
    say(need("#clock"), clock(now));
    this.#state.show(this.#connection, this.store, now);
    this.#alarms.show(this.store, now);
    if (now - this.#drawnAt > MOVE_EVERY_MS) this.#soon();
  }

  #show(): void {
    if (!this.#changed || document.hidden) return;
    this.#changed = false;
    const now = (this.#drawnAt = Date.now());
    this.#showChoice();
    const chosen = this.#chosen();
    this.#looks ??= looks();
    this.#state.show(this.#connection, this.store, now);
    this.#alarms.show(this.store, now);
    this.#panels.show(this.store, now, chosen, this.#unseen(now), this.#looks);
    need("#loading").textContent = this.#connection.state === "connecting" || this.#connection.state === "live" ? "Waiting for the first numbers" : "";
    this.#log.show(this.store, chosen);
    this.#tables.show();
  }

  /** From when on nothing has been seen. */
  #unseen(now: number): { from: number; to: number } | undefined {
    const { newestAt } = this.store;
    return this.#connection.state === "live" || this.#connection.state === "connecting" || newestAt === undefined ? undefined : { from: newestAt, to: now };
  }

  #chosen(): string | undefined {
    const label = decodeURIComponent(location.hash.slice(1));
    return this.store.functions?.includes(label) ? label : undefined;
  }

  #showChoice(): void {
    const functions = this.store.functions ?? [];
    const chosen = this.#chosen();
    const choices = JSON.stringify([functions, chosen]);
    if (choices === this.#choices) return;
    this.#choices = choices;
    this.#choice.hidden = functions.length < 2;
    const focused = document.activeElement instanceof HTMLAnchorElement ? document.activeElement.hash : undefined;
    this.#choice.replaceChildren(...["", ...functions].map((label) => link(label, label === (chosen ?? ""))));
    if (focused !== undefined) this.#choice.querySelector<HTMLAnchorElement>(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
}

function link(label: string, current: boolean): HTMLAnchorElement {
  const made = element("a", { text: label || "All" });
  made.href = `#${encodeURIComponent(label)}`;
  if (current) made.setAttribute("aria-current", "true");
  return made;
}
