// The alarms in one strip: those that ring first, each with a shape and words. A change, and nothing else, is announced.

import { element, icon, need, say, sign } from "./dom.ts";
import { age, alarmName, clockWithSeconds, several } from "./format.ts";
import type { Table } from "./series.ts";
import type { Alarm, AlarmChange, AlarmState, Store } from "./store.ts";

const SYMBOL: Record<AlarmState, string> = { ALARM: "triangle", INSUFFICIENT_DATA: "ring", OK: "disc" };
const WORDS: Record<AlarmState, string> = { ALARM: "in alarm", INSUFFICIENT_DATA: "no data", OK: "OK" };
const ORDER: AlarmState[] = ["ALARM", "INSUFFICIENT_DATA", "OK"];
const MOST_NAMED = 12;

export class Alarms {
  readonly #section = need<HTMLElement>("#alarms");
  readonly #sum = need<HTMLElement>("#alarms .sum");
  readonly #list = need<HTMLElement>("#alarms .list");
  readonly #all = need<HTMLButtonElement>("#alarms button");
  readonly #announced = need<HTMLElement>("#announced");
  #drawn = "";

  constructor(openTable: () => void) {
    this.#all.addEventListener("click", openTable);
  }

  show(store: Store, now: number): void {
    const alarms = store.alarms;
    this.#all.hidden = !alarms?.length;
    if (!alarms?.length) {
      sign(this.#sum, "NONE", "dash", alarms ? "No alarms are watched" : "Alarms are not known yet");
      this.#section.dataset["state"] = "NONE";
      this.#list.replaceChildren();
      this.#drawn = "";
      return;
    }
    const found = ordered(alarms);
    const ringing = found.filter(({ state }) => state === "ALARM").length;
    const unknown = found.filter(({ state }) => state === "INSUFFICIENT_DATA").length;
    const state: AlarmState = ringing ? "ALARM" : unknown ? "INSUFFICIENT_DATA" : "OK";
    this.#section.dataset["state"] = state;
    const sum = {
      ALARM: `${ringing} of ${several(found.length, "alarm")} in alarm`,
      INSUFFICIENT_DATA: `${unknown} of ${several(found.length, "alarm")} without data`,
      OK: found.length === 1 ? "The one alarm is OK" : `All ${found.length} alarms are OK`,
    }[state];
    sign(this.#sum, state, SYMBOL[state], sum);
    const named = found.filter((alarm) => alarm.state !== "OK").slice(0, MOST_NAMED);
    const drawn = JSON.stringify(named);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#list.replaceChildren(...named.map(item));
    }
    named.forEach((alarm, index) => say(need(".since", this.#list.children[index]!), since(alarm, now)));
  }

  /** Says what changed to who listens. */
  announce(changes: AlarmChange[]): void {
    const said = changes.map(({ alarm }) => `${alarm.label}: ${alarmName(alarm.name)} is ${alarm.state === "ALARM" ? "in alarm" : WORDS[alarm.state]}.`);
    if (said.length) this.#announced.textContent = said.join(" ");
  }

  /** All of them, with their whole names. */
  static table(store: Store): Table {
    return {
      head: ["state", "function", "alarm", "since", "name in CloudWatch"],
      rows: ordered(store.alarms ?? []).map(({ state, label, name, since: at }) => [
        WORDS[state],
        label,
        alarmName(name),
        at ? clockWithSeconds(at) : "–",
        name,
      ]),
    };
  }
}

function ordered(alarms: readonly Alarm[]): Alarm[] {
  return [...alarms].sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state) || other.since - one.since);
}

function item(alarm: Alarm): HTMLElement {
  const made = element(
    "li",
    {},
    icon(SYMBOL[alarm.state]),
    element("b", { text: alarm.label }),
    element("span", { text: ` ${alarmName(alarm.name)} ` }),
    element("span", { class: "since" }),
  );
  made.dataset["state"] = alarm.state;
  made.title = alarm.name;
  return made;
}

function since(alarm: Alarm, now: number): string {
  return alarm.since ? `${WORDS[alarm.state]} for ${age(now - alarm.since)}` : WORDS[alarm.state];
}
