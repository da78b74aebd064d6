import { byId } from "./dom.ts";

const precise = (): boolean => matchMedia("(pointer: fine)").matches;

/** Where one writes. Enter sends, Shift and Enter begin a new line, Escape stops, wherever the focus is. */
export class Composer {
  readonly #question = byId<HTMLTextAreaElement>("question");
  readonly #send = byId<HTMLButtonElement>("send");
  readonly #stop = byId<HTMLButtonElement>("stop");
  #ready = false;
  #busy = false;

  constructor(
    private readonly sent: (question: string) => void,
    stopped: () => void,
  ) {
    const form = byId<HTMLFormElement>("form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#question.addEventListener("input", () => this.#paint());
    this.#question.addEventListener("keydown", (event) => {
      // While an input method composes, Enter is its own.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#stop.addEventListener("click", () => {
      stopped();
      this.focus();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#busy || event.isComposing) return;
      event.preventDefault();
      stopped();
      this.focus();
    });
    this.#paint();
  }

  /** Puts the focus where the next question is written; not where that would bring up a phone's keyboard. */
  focus(): void {
    if (precise()) this.#question.focus();
  }

  /** Whether there is somebody to ask. */
  set ready(ready: boolean) {
    this.#ready = ready;
    this.#paint();
  }

  /** Whether an answer is coming: it can be stopped then, and the next question be written. */
  set busy(busy: boolean) {
    const lost = document.activeElement === this.#stop || document.activeElement === this.#send;
    this.#busy = busy;
    this.#paint();
    if (lost) this.focus();
  }

  #submit(): void {
    const question = this.#question.value.trim();
    if (!question || this.#busy || !this.#ready) return;
    this.#question.value = "";
    this.#paint();
    if (!precise()) this.#question.blur(); // a phone's keyboard goes, and the answer has room
    this.sent(question);
  }

  #paint(): void {
    const question = this.#question;
    question.style.height = "auto";
    question.style.height = `${question.scrollHeight}px`;
    question.style.overflowY = question.scrollHeight > question.clientHeight + 1 ? "auto" : "hidden";
    this.#send.hidden = this.#busy;
    this.#stop.hidden = !this.#busy;
    this.#send.disabled = !this.#ready || question.value.trim() === "";
  }
}
