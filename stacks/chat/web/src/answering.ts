import { type EventStream, type StreamingClient } from "../../../../clients/browser/src/index.ts";
import { outcome } from "./failures.ts";
import { type Turn, messages } from "./turns.ts";

const LOOK_MS = 250;
const PATH = "/v1/chat/completions";
const WHY_IT_ENDED: Record<string, string> = {
  length: "The answer reached its greatest length.",
  content_filter: "The rest of the answer was withheld by the guardrail.",
};

/** Fills a turn while its answer streams, until it is over: nothing is thrown. One answer at a time. */
export class Answering {
  #stream: EventStream | undefined;

  constructor(
    private readonly client: StreamingClient,
    private readonly changed: (turn: Turn) => void,
  ) {}

  /** Asks the question of a turn, or asks it again. */
  async ask(turns: readonly Turn[], turn: Turn): Promise<void> {
    for (const key of ["lastEventId", "firstTextMs", "tokensPerSecond", "tokens"] as const) delete turn[key];
    turn.text = "";
    const json = { model: turn.model, stream: true, stream_options: { include_usage: true }, messages: messages(turns, turn) };
    await this.#read(turn, this.client.stream({ path: PATH, json, dialect: "openai-chat" }));
  }

  /** Goes on where an answer broke off; the model is not asked again. */
  async resume(turn: Turn): Promise<void> {
    const headers = { "last-event-id": turn.lastEventId ?? "" };
    await this.#read(turn, this.client.stream({ path: PATH, method: "GET", headers, dialect: "openai-chat" }));
  }

  /** Ends the answer that is streaming. */
  async stop(): Promise<void> {
    try {
      await this.#stream?.cancel();
    } catch (error) {
      console.warn("the endpoint was not told to stop:", error); // this page has left all the same
    }
  }

  async #read(turn: Turn, stream: EventStream): Promise<void> {
    this.#stream = stream;
    const began = performance.now();
    for (const key of ["message", "detail", "retryAt", "lost"] as const) delete turn[key];
    turn.state = turn.text ? "streaming" : "waiting";
    this.changed(turn);
    let resumed = 0;
    const looking = setInterval(() => {
      if (stream.resumed === resumed) return;
      resumed = stream.resumed;
      turn.state = "resuming";
      this.changed(turn);
    }, LOOK_MS);
    try {
      for await (const event of stream) {
        if (event.type === "text") {
          turn.firstTextMs ??= performance.now() - began;
          turn.state = "streaming";
          turn.text += event.text;
        } else if (event.type === "finish") {
          turn.state = "done";
          const why = WHY_IT_ENDED[event.reason];
          if (why) turn.message = why;
          if (event.usage?.outputTokens) turn.tokens = event.usage.outputTokens;
        }
        this.#note(turn, stream);
        this.changed(turn);
      }
    } catch (error) {
      Object.assign(turn, outcome(error, turn.text !== ""));
    } finally {
      clearInterval(looking);
    }
    this.#note(turn, stream);
    if (turn.lost) delete turn.lastEventId;
    if (this.#stream === stream) this.#stream = undefined;
    this.changed(turn);
  }

  #note(turn: Turn, stream: EventStream): void {
    if (stream.lastEventId) turn.lastEventId = stream.lastEventId;
    if (stream.timing.tokensPerSecond) turn.tokensPerSecond = stream.timing.tokensPerSecond;
  }
}
