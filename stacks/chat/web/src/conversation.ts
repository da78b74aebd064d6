import type { StreamingClient } from "../../../../clients/browser/src/index.ts";
import { Answering } from "./answering.ts";
import { byId } from "./dom.ts";
import { Following } from "./scroll.ts";
import { speak, spoken } from "./speaking.ts";
import { TurnView } from "./turn-view.ts";
import { type Turn, remember, remembered, resumable, running } from "./turns.ts";

const KEEP_EVERY_MS = 1_000;
const BACKGROUND_MS = 250;

/** The conversation of this tab: what was asked, what is coming, and what one can do about it. */
export class Conversation {
  readonly #turns: Turn[] = remembered();
  readonly #views = new Map<Turn, TurnView>();
  readonly #answering: Answering;
  readonly #following = new Following(byId("scroller"), byId("latest"));
  #scheduled = false;
  #kept = 0;

  /**
   * @param client Calls the endpoint.
   * @param changed Called when an answer began or is over, and when the conversation is empty again.
   * @param acted Called when a button was used that is gone then, and with it the focus.
   */
  constructor(
    client: StreamingClient,
    private readonly changed: () => void,
    private readonly acted: () => void,
  ) {
    this.#answering = new Answering(client, (turn) => this.#answered(turn));
    for (const turn of this.#turns) this.#show(turn);
    this.#paint();
    window.addEventListener("pagehide", () => remember(this.#turns));
    document.addEventListener("visibilitychange", () => this.#paint());
  }

  get empty(): boolean {
    return this.#turns.length === 0;
  }

  get running(): boolean {
    return running(this.#turns.at(-1));
  }

  /** Asks a question; there is none running. */
  ask(question: string, model: string): void {
    const turn: Turn = { question, model, text: "", state: "waiting" };
    this.#turns.push(turn);
    this.#show(turn);
    this.#following.toEnd();
    speak("Sent. The answer is coming.");
    void this.#answering.ask(this.#turns, turn);
  }

  async stop(): Promise<void> {
    if (this.running) await this.#answering.stop();
  }

  /** Goes on with an answer that was cut when the network went, if the endpoint keeps it. */
  resume(): void {
    const last = this.#turns.at(-1);
    if (last && resumable(last)) this.#resume(last);
    else this.#paint(); // what could not be asked again can be now
  }

  clear(): void {
    void this.stop();
    for (const view of this.#views.values()) view.remove();
    this.#views.clear();
    this.#turns.length = 0;
    remember(this.#turns);
    speak("A new chat.");
    this.changed();
  }

  #show(turn: Turn): void {
    const view = new TurnView(turn, { retry: (again) => this.#retry(again), resume: (rest) => this.#resumeByHand(rest), speak });
    this.#views.set(turn, view);
    byId("log").append(view.root);
  }

  #retry(turn: Turn): void {
    speak("Asked again. The answer is coming.");
    this.#following.toEnd();
    void this.#answering.ask(this.#turns, turn);
    this.acted();
  }

  #resumeByHand(turn: Turn): void {
    this.#resume(turn);
    this.acted();
  }

  #resume(turn: Turn): void {
    speak("The answer goes on.");
    void this.#answering.resume(turn);
  }

  #answered(turn: Turn): void {
    if (!this.#turns.includes(turn)) return; // a chat that was left
    if (!running(turn)) {
      this.#paint();
      remember(this.#turns);
      const wait = turn.retryAt === undefined ? "" : `You can try again in ${Math.ceil((turn.retryAt - Date.now()) / 1_000)} seconds.`;
      speak([turn.state === "done" ? "" : turn.message, wait, spoken(turn.text)].filter(Boolean).join(" "));
      this.changed();
      return;
    }
    if (Date.now() - this.#kept > KEEP_EVERY_MS) {
      this.#kept = Date.now();
      remember(this.#turns);
    }
    if (turn.text === "" || turn.state === "resuming") {
      this.#paint();
      this.changed();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      const paint = (): void => this.#paint();
      if (document.hidden) setTimeout(paint, BACKGROUND_MS);
      else requestAnimationFrame(paint); // however many tokens came meanwhile
    }
  }

  #paint(): void {
    this.#scheduled = false;
    const last = this.#turns.at(-1);
    for (const turn of this.#turns.slice(-2)) this.#views.get(turn)?.paint(turn === last);
    if (!this.empty) this.#following.grown();
  }
}
