import { clone, element, find } from "./dom.ts";
import { show } from "./markdown.ts";
import { type Turn, resumable, running } from "./turns.ts";

const SECOND = 1_000;
/** What is faster came in one piece, and its rate says nothing. */
const FASTEST = 2_000;
const COPIED_MS = 2_000;
const KINDS: Partial<Record<Turn["state"], "bad" | "warn" | "plain">> = { failed: "bad", stopped: "plain", done: "plain", resuming: "plain" };

/** What one can do about a turn that went wrong. */
export interface Actions {
  retry: (turn: Turn) => void;
  resume: (turn: Turn) => void;
  speak: (text: string) => void;
}

/** A question and its answer on the screen. */
export class TurnView {
  readonly root = clone("turn-template");
  readonly #answer = find(this.root, ".answer");
  readonly #text = find(this.root, ".text");
  readonly #notice = find(this.root, ".notice");
  readonly #retry = find<HTMLButtonElement>(this.root, ".retry");
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly turn: Turn,
    private readonly actions: Actions,
  ) {
    find(this.root, ".bubble").textContent = turn.question;
    this.#retry.addEventListener("click", () => {
      if (this.#retry.ariaDisabled !== "true") actions.retry(turn);
    });
    find(this.root, ".resume").addEventListener("click", () => actions.resume(turn));
    this.root.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      if (button?.matches(".copy")) void this.#copy(button, turn.text);
      if (button?.matches(".copy-code")) void this.#copy(button, button.closest(".code")?.querySelector("code")?.textContent ?? "");
    });
    this.paint(false);
  }

  /**
   * Shows the turn as it is now.
   *
   * @param last Whether it is the last one: only that can be asked again.
   */
  paint(last: boolean): void {
    const { turn } = this;
    const busy = running(turn);
    this.#answer.dataset.state = turn.state;
    this.#answer.ariaBusy = String(busy);
    show(this.#text, turn.text);
    this.#paintNotice(last && !busy);
    const below = find(this.root, ".below");
    below.hidden = busy || turn.text === "";
    if (!below.hidden) {
      find(below, ".figures").replaceChildren(...figures(turn));
    }
  }

  remove(): void {
    clearTimeout(this.#timer);
    this.root.remove();
  }

  #paintNotice(actionable: boolean): void {
    const { turn } = this;
    const resuming = turn.state === "resuming";
    const message = resuming ? "The connection broke. Looking for the rest …" : running(turn) ? undefined : turn.message;
    const shown = message !== undefined;
    this.#notice.hidden = !shown;
    this.#notice.dataset.kind = KINDS[turn.state] ?? "warn";
    find(this.#notice, "svg").toggleAttribute("hidden", KINDS[turn.state] === "plain");
    if (!shown) return;
    find(this.#notice, ".notice-text").textContent = message;
    const detail = find(this.#notice, ".notice-detail");
    detail.textContent = turn.detail ?? "";
    detail.hidden = turn.detail === undefined || resuming;
    const useless = !actionable || (turn.state === "offline" && !navigator.onLine);
    find(this.#notice, ".resume").hidden = useless || !resumable(turn);
    this.#retry.hidden = useless || turn.state === "done";
    this.#count();
  }

  /** Says how long to wait, second by second, on the button that waits. */
  #count(): void {
    clearTimeout(this.#timer);
    const left = Math.ceil(((this.turn.retryAt ?? 0) - Date.now()) / SECOND);
    const waits = this.turn.state === "throttled" && left > 0;
    const could = this.#retry.ariaDisabled === "true";
    this.#retry.ariaDisabled = String(waits);
    this.#retry.textContent = waits ? `Try again in ${left} s` : "Try again";
    if (waits) this.#timer = setTimeout(() => this.#count(), SECOND / 4);
    else if (could) this.actions.speak("You can try again now.");
  }

  async #copy(button: HTMLElement, text: string): Promise<void> {
    const label = button.querySelector("span") ?? button;
    const before = (label.textContent = label.textContent === "Copied" ? (label.dataset.before ?? "Copy") : label.textContent);
    label.dataset.before = before ?? "Copy";
    try {
      await navigator.clipboard.writeText(text);
      label.textContent = "Copied";
      this.actions.speak("Copied.");
    } catch (error) {
      console.warn("the clipboard is closed:", error);
      label.textContent = "Not allowed";
      this.actions.speak("Your browser does not allow copying.");
    }
    setTimeout(() => (label.textContent = before), COPIED_MS);
  }
}

/** How soon and how fast it came, for whoever wants to know. */
function figures(turn: Turn): Node[] {
  const said = [];
  if (turn.firstTextMs !== undefined) said.push(`first word after ${(turn.firstTextMs / SECOND).toFixed(2)} s`);
  if (turn.tokensPerSecond !== undefined && turn.tokensPerSecond < FASTEST) said.push(`${turn.tokensPerSecond.toFixed(turn.tokensPerSecond < 10 ? 1 : 0)} tokens/s`);
  if (turn.tokens !== undefined) said.push(`${turn.tokens} tokens`);
  const text = said.join(" · ");
  return text ? [Object.assign(element("span"), { textContent: text })] : [];
}
