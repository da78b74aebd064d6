// A panel for each function: its name, how its alarms are, and the four charts, each with its number, a sentence and a table.

import { Drawn, drawSwatch, type Looks, type Unseen } from "./charts.ts";
import { copy, element, need, say, sign } from "./dom.ts";
import { CHARTS, OUTCOMES, type Shown, shown, TITLES } from "./series.ts";
import type { Alarm, Store } from "./store.ts";

/** More functions than these make their rows low. */
const MANY = 3;
const PERCENTILES = ["p50", "p90", "p99"];

interface Cell {
  figure: HTMLElement;
  label: string;
  shown: Shown;
  drawn: Drawn | undefined;
}

interface Panel {
  article: HTMLElement;
  cells: Cell[];
}

export class Panels {
  readonly #main = need<HTMLElement>("#functions");
  readonly #columns = need<HTMLElement>("#columns");
  readonly #loading = need<HTMLElement>("#loading");
  readonly #panels = new Map<string, Panel>();
  readonly #openTable: (label: string, shown: () => Shown) => void;
  #swatchesFor: Looks | undefined;

  constructor(openTable: (label: string, shown: () => Shown) => void) {
    this.#openTable = openTable;
    for (const name of CHARTS) this.#columns.append(element("div", {}, element("span", { class: "title", text: TITLES[name] }), key(name)));
  }

  /** Shows what the store knows: of all functions, or of one. */
  show(store: Store, now: number, chosen: string | undefined, unseen: Unseen | undefined, looks: Looks): void {
    const labels = store.functions ?? [];
    this.#loading.hidden = labels.length > 0;
    for (const [label, { article, cells }] of this.#panels) {
      if (labels.includes(label)) continue;
      for (const cell of cells) cell.drawn?.destroy();
      article.remove();
      this.#panels.delete(label);
    }
    const shownLabels = chosen === undefined ? labels : labels.filter((label) => label === chosen);
    this.#main.dataset["view"] = shownLabels.length === 1 ? "one" : "all";
    this.#main.toggleAttribute("data-many", shownLabels.length > MANY);
    this.#main.style.setProperty("--panels", String(Math.max(1, shownLabels.length)));
    for (const label of labels) {
      const panel = this.#panels.get(label) ?? this.#make(label);
      panel.article.hidden = !shownLabels.includes(label);
      this.#showAlarms(panel, store.alarms?.filter((alarm) => alarm.label.split(", ").includes(label)));
      const points = store.points(label, now);
      const message = need<HTMLElement>(".message", panel.article);
      const empty = points.length === 0;
      message.hidden = !empty;
      say(message, empty ? (store.hasLooked(label) ? "No streams in the last half hour" : "Waiting for the first numbers") : "");
      shown(points, now, store.newestMinute).forEach((found, index) => {
        const cell = panel.cells[index]!;
        cell.figure.hidden = empty;
        cell.shown = found;
        this.#showCell(cell, now, unseen, looks, empty || !shownLabels.includes(label));
      });
    }
    this.#columns.hidden = !labels.length || this.#main.dataset["view"] === "one";
    if (this.#swatchesFor !== looks) {
      this.#swatchesFor = looks;
      for (const swatch of this.#main.querySelectorAll<HTMLCanvasElement>("canvas.swatch")) drawSwatch(swatch, swatch.dataset["key"]!, looks);
    }
  }

  #make(label: string): Panel {
    const article = copy<HTMLElement>("#panel");
    article.dataset["function"] = label;
    const title = need<HTMLElement>("h2", article);
    title.textContent = label;
    title.title = label;
    const panel: Panel = { article, cells: [] };
    for (const found of shown([], 0, undefined)) {
      const figure = copy<HTMLElement>("#cell");
      figure.dataset["chart"] = found.name;
      need(".key", figure).replaceWith(key(found.name));
      const cell: Cell = { figure, label, shown: found, drawn: undefined };
      const button = need<HTMLButtonElement>("button", figure);
      button.addEventListener("click", () => this.#openTable(label, () => cell.shown));
      article.append(figure);
      panel.cells.push(cell);
    }
    this.#panels.set(label, panel);
    this.#swatchesFor = undefined;
    this.#main.append(article);
    return panel;
  }

  #showCell(cell: Cell, now: number, unseen: Unseen | undefined, looks: Looks, hidden: boolean): void {
    const { figure, shown: found } = cell;
    say(need("h3", figure), found.title);
    need(".head button", figure).setAttribute("aria-label", `Table: ${cell.label}, ${found.title.toLowerCase()}`);
    say(need(".value", figure), found.now.value);
    say(need(".unit", figure), found.now.unit);
    const beside = need<HTMLElement>(".beside", figure);
    if (beside.textContent !== found.beside.join("")) beside.replaceChildren(...found.beside.map((text) => element("span", { text })));
    say(need("figcaption", figure), found.summary);
    figure.dataset["series"] = String(found.series.length);
    const nothing = found.series.every(({ data }) => data.every(({ y }) => y === null));
    need<HTMLElement>(".plot", figure).hidden = nothing;
    figure.toggleAttribute("data-nothing", nothing);
    if (hidden || nothing) return; // a canvas without a size cannot be drawn on
    cell.drawn ??= new Drawn(need<HTMLCanvasElement>(".plot canvas", figure), found, looks);
    cell.drawn.show(found, now, unseen, looks);
  }

  #showAlarms({ article }: Panel, alarms: Alarm[] | undefined): void {
    const badge = need<HTMLElement>(".badge", article);
    const ringing = alarms?.filter(({ state }) => state === "ALARM").length ?? 0;
    const unknown = alarms?.filter(({ state }) => state === "INSUFFICIENT_DATA").length ?? 0;
    if (ringing) sign(badge, "ALARM", "triangle", `${ringing} in alarm`);
    else if (!alarms?.length) sign(badge, "NONE", "dash", alarms ? "no alarms" : "not known yet");
    else if (unknown) sign(badge, "INSUFFICIENT_DATA", "ring", `${unknown} without data`);
    else sign(badge, "OK", "disc", "all OK");
  }
}

/** What lines and bars mean, each with its own dash or filling. */
function key(name: string): HTMLElement {
  const list = element("ul", { class: "key" });
  list.setAttribute("aria-hidden", "true");
  if (name === "firstToken") {
    for (const percentile of PERCENTILES) list.append(element("li", { class: percentile }, element("span", { class: "dash" }), element("span", { text: percentile })));
  } else if (name === "outcomes") {
    for (const { key: outcome, name: words } of OUTCOMES) {
      const swatch = element("canvas", { class: "swatch" });
      swatch.width = 22;
      swatch.height = 12;
      swatch.dataset["key"] = outcome;
      list.append(element("li", {}, swatch, element("span", { text: words })));
    }
  }
  return list;
}
