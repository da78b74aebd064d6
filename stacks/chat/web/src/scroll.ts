const NEAR_PX = 48;

/** Keeps the newest line in sight, until its reader scrolls up; and again once they are back at the end. */
export class Following {
  #following = true;
  #last = 0;

  constructor(
    private readonly scroller: HTMLElement,
    private readonly latest: HTMLElement,
  ) {
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    latest.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.#last > 0 && this.grown()).observe(scroller); // a phone's keyboard came or went
  }

  /** Something was added. */
  grown(): void {
    if (this.#following) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.latest.hidden = this.#following || this.#left() < NEAR_PX;
  }

  toEnd(): void {
    this.#following = true;
    this.grown();
  }

  #scrolled(): void {
    const up = this.scroller.scrollTop < this.#last;
    this.#last = this.scroller.scrollTop;
    if (this.#left() < NEAR_PX) this.#following = true;
    else if (up) this.#following = false;
    this.latest.hidden = this.#following;
  }

  #left(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight;
  }
}
