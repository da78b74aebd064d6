// Keeps a stream going: one ends in order after some minutes and the next begins at once; one that broke off begins again, ever more
// patiently. Knows no DOM: the world is handed in.

/** What the page needs of a stream; `clients/browser` gives it. */
export interface Events extends AsyncIterable<{ type: string; name?: string; value?: unknown; id?: string }> {
  readonly lastEventId?: string;
  cancel(): Promise<void>;
}

export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "reconnecting"; why: "cut" | "silent" | "unreachable"; again: number }
  | { state: "throttled"; again: number }
  | { state: "denied"; requestId: string | undefined }
  | { state: "failed"; message: string; again: number }
  | { state: "offline" }
  | { state: "resting" };

export interface World {
  now(): number;
  /** Waits so long, or until something speaks for trying at once: the network is back, the page is seen again, it was asked for. */
  wait(ms: number): Promise<void>;
  random(): number;
  online(): boolean;
  visible(): boolean;
}

export interface Options {
  /** Begins a stream after the event of this id. */
  open(lastEventId: string | undefined): Events;
  /** Says what an error of a stream is. */
  classify(error: unknown): Ended;
  event(name: string | undefined, value: unknown): void;
  connection(now: Connection): void;
  world: World;
}

export type Ended =
  | { kind: "cut" | "silent" | "unreachable" | "deadline" }
  | { kind: "throttled"; seconds: number | undefined }
  | { kind: "denied"; requestId: string | undefined }
  | { kind: "failed"; message: string };

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const DENIED_WAIT_MS = 60_000;
/** A stream that ends in order sooner than this is no reason to begin the next at once. */
const SHORT_MS = 1_000;
/** Ends of time: who waits for these is woken. */
export const UNTIL_WOKEN = 2 ** 31 - 1;

export class Watching {
  readonly #options: Options;
  #stopped = false;
  #events: Events | undefined;
  #lastEventId: string | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Runs until it is stopped. */
  async run(): Promise<void> {
    const { world, connection } = this.#options;
    let failures = 0;
    connection({ state: "connecting" });
    while (!this.#stopped) {
      if (!world.online()) {
        connection({ state: "offline" });
        await world.wait(UNTIL_WOKEN);
        continue;
      }
      const began = world.now();
      let received = false;
      const ended = await this.#follow(() => {
        received = true;
        connection({ state: "live" });
      });
      if (this.#stopped) return;
      if (received) failures = 0;
      if (ended.kind === "deadline") {
        // In order. Nobody looks at a hidden page: the next stream, which costs, waits until it is seen.
        if (!world.visible()) {
          connection({ state: "resting" });
          await world.wait(UNTIL_WOKEN);
        } else if (world.now() - began < SHORT_MS) await world.wait(SHORT_MS);
        continue;
      }
      if (!world.online()) continue;
      const patience = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures++) * (0.5 + world.random() / 2);
      const wait = waitAfter(ended, patience);
      connection(saidOf(ended, world.now() + wait));
      await world.wait(wait);
    }
  }

  stop(): void {
    this.#stopped = true;
    void this.#events?.cancel();
  }

  /** Breaks the running stream off, as when the network went: the next one begins as soon as it can. */
  async breakOff(): Promise<void> {
    await this.#events?.cancel();
  }

  async #follow(received: () => void): Promise<Ended> {
    const { open, classify, event } = this.#options;
    try {
      const events = open(this.#lastEventId);
      this.#events = events;
      let first = true;
      let finished = false;
      for await (const found of events) {
        if (first) received();
        first = false;
        if (found.id !== undefined) this.#lastEventId = found.id;
        if (found.type === "finish") finished = true;
        else if (found.type === "data") event(found.name, found.value);
      }
      return { kind: finished ? "deadline" : "cut" };
    } catch (error) {
      return classify(error);
    } finally {
      this.#events = undefined;
    }
  }
}

function waitAfter(ended: Ended, patience: number): number {
  if (ended.kind === "throttled" && ended.seconds !== undefined) return Math.max(patience, ended.seconds * 1_000);
  return ended.kind === "denied" ? DENIED_WAIT_MS : patience;
}

function saidOf(ended: Ended, again: number): Connection {
  switch (ended.kind) {
    case "throttled":
      return { state: "throttled", again };
    case "denied":
      return { state: "denied", requestId: ended.requestId };
    case "failed":
      return { state: "failed", message: ended.message, again };
    case "deadline":
      return { state: "connecting" };
    default:
      return { state: "reconnecting", why: ended.kind, again };
  }
}
