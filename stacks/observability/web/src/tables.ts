// A chart's numbers, or all alarms, as a table in a dialog; kept current while it is open.

import { element, need, say } from "./dom.ts";
import type { Table } from "./series.ts";

interface Open {
  title: string;
  content(): { summary: string; table: Table };
}

export class Tables {
  readonly #dialog = need<HTMLDialogElement>("#table");
  #open: Open | undefined;
  #drawn = "";

  constructor() {
    need(".close", this.#dialog).addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => (this.#open = undefined));
  }

  open(title: string, content: () => { summary: string; table: Table }): void {
    this.#open = { title, content };
    this.#drawn = "";
    this.show();
    this.#dialog.showModal();
  }

  show(): void {
    if (!this.#open) return;
    const { summary, table } = this.#open.content();
    say(need("#table-title"), this.#open.title);
    say(need(".summary", this.#dialog), summary);
    const drawn = JSON.stringify(table);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const head = element("tr", {}, ...table.head.map((text) => scoped("col", text)));
    const rows = table.rows.map(([first = "", ...rest]) => element("tr", {}, scoped("row", first), ...rest.map((text) => element("td", { text }))));
    need("table", this.#dialog).replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
  }
}

function scoped(scope: string, text: string): HTMLElement {
  const made = element("th", { text });
  made.scope = scope;
  return made;
}
