import type { CallOptions, ClientOptions } from "./client.ts";
import { choose } from "./dialects/choose.ts";
import { readPart, drain } from "./body.ts";
import type { Reader, Say } from "./dialects/reader.ts";
import { DeadlineExceeded, StreamError, StreamingError, StreamTruncated } from "./errors.ts";
import type { StreamEvent } from "./events.ts";
import { type Outgoing, backoff, cancelled, exchange, pause } from "./exchange.ts";
import { requestIdOf } from "./refusals.ts";
import { urlOf } from "./signing.ts";
import { type Timing, timekeeper } from "./timing.ts";

const ATTEMPTS = 3;
const NOTHING_MORE = 204;
const CANCEL_PATIENCE_MS = 5_000;
const IDEMPOTENT = /^(GET|HEAD|OPTIONS|PUT|DELETE)$/;
/** An id that our functions give: the stream's name, and a place in it. */
const OWN_ID = /^([\w-]{24}):(\d+)$/;

/** An answer while it streams. Iterate over it once: the network is read only when the next event is asked for. */
export interface EventStream extends AsyncIterable<StreamEvent> {
  /** When things arrived. */
  readonly timing: Timing;
  /** The id under which AWS knows the request. Absent before the answer, and where CORS hides it. */
  readonly requestId?: string;
  /** The place after the last event that was delivered. Absent where there are no ids. */
  readonly lastEventId?: string;
  /** How often the stream was taken up again where it had broken. */
  readonly resumed: number;
  /**
   * Hangs up, and asks a function that keeps its streams to stop. Whoever iterates gets a `StreamError` with the code
   * `cancelled`.
   *
   * @throws {StreamingError} What became of the request that asks. The stream is left all the same.
   */
  cancel(): Promise<void>;
  /** The whole text, once the stream is complete. */
  text(): Promise<string>;
}

export class Stream implements EventStream {
  readonly timing: Timing;
  requestId?: string;
  lastEventId?: string;
  resumed = 0;

  readonly #options: ClientOptions;
  readonly #call: CallOptions;
  readonly #outgoing: Outgoing;
  readonly #resumes: number;
  readonly #time = timekeeper();
  readonly #stop = new AbortController();
  #started = 0;
  #begun = false;
  /** Complete, failed, or broken for good: there is nothing to stop. */
  #over = false;
  /** The name under which the function keeps the stream. */
  #id: string | undefined;
  /** How many lines or bytes came in an earlier answer, as its Last-Event-ID says. */
  #counted = 0;
  /** What came and was not delivered yet, and the place after it. */
  #events: StreamEvent[] = [];
  #place: string | undefined;
  #failure: unknown;

  constructor(options: ClientOptions, call: CallOptions) {
    const { json, body, path = "", headers } = call;
    const content = json === undefined ? body : JSON.stringify(json);
    const bytes = typeof content == "string" ? new TextEncoder().encode(content) : content && new Uint8Array(content);
    const method = call.method?.toUpperCase() ?? (bytes ? "POST" : "GET");
    this.timing = this.#time.timing;
    this.#options = options;
    this.#call = call;
    this.#resumes = call.resume === false ? 0 : (options.attempts ?? ATTEMPTS);
    this.#outgoing = {
      url: urlOf(options.url, path),
      method,
      headers: { ...(json !== undefined && { "content-type": "application/json" }), ...headers },
      body: bytes,
      idempotent: IDEMPOTENT.test(method),
      patienceMs: options.idleTimeoutMs ?? 60_000,
    };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamEvent, void, void> {
    if (this.#begun) throw new StreamingError("STREAM_READ_TWICE", "a stream can be read once: keep its events");
    this.#begun = true;
    this.#started = performance.now();
    const { signal, dialect } = this.#call;
    signal?.addEventListener("abort", this.#leave);
    try {
      if (signal?.aborted) this.#stop.abort();
      let answer = await this.#send(this.#outgoing);
      const reader = choose(dialect, answer, this.#options.dialects)(this.#say);
      this.#name(answer);
      for (let whole = false; !whole; ) {
        try {
          yield* this.#read(answer, reader);
          whole = this.#over = true;
        } catch (error) {
          const broken = error instanceof StreamTruncated || (error as StreamingError).code == "TIMEOUT";
          if (!broken || !this.#id || this.resumed >= this.#resumes) {
            this.#over ||= broken;
            throw error;
          }
          answer = await this.#rest(error as StreamingError);
          this.#failure = undefined;
          reader.restart();
        }
      }
    } catch (error) {
      if (error instanceof StreamingError) error.requestId ??= this.requestId;
      throw error;
    } finally {
      signal?.removeEventListener("abort", this.#leave);
      this.timing.totalMs = this.#now();
      this.#leave();
    }
  }

  async text(): Promise<string> {
    let whole = "";
    for await (const event of this) if (event.type == "text") whole += event.text;
    return whole;
  }

  async cancel(): Promise<void> {
    if (this.#over || this.#stop.signal.aborted) return;
    this.#stop.abort();
    if (!this.#id) return;
    await exchange(this.#options, {
      ...this.#outgoing,
      method: "DELETE",
      headers: { ...this.#outgoing.headers, "last-event-id": "", "content-type": "", "x-stream-id": this.#id },
      body: undefined,
      idempotent: true,
      patienceMs: CANCEL_PATIENCE_MS,
    });
  }

  readonly #leave = () => void this.cancel().catch((error) => console.warn(`the stream ${this.#id} may run on:`, error));

  readonly #now = () => performance.now() - this.#started;

  readonly #say: Say = (event, place) => {
    if (this.#over) return;
    if (typeof place == "string") {
      this.#place = place;
      this.#id ??= OWN_ID.exec(place)?.[1];
    } else if (place && this.#id) this.#place = `${this.#id}:${this.#counted + place}`;
    if (event?.type == "error") {
      this.#over = true;
      this.#failure = new (event.code == "deadline_exceeded" ? DeadlineExceeded : StreamError)(event.code, event.message);
    } else if (event) {
      if (this.#place) event.id = this.#place;
      this.#over = event.type == "finish";
      this.#events.push(event);
      this.#time.event(this.#now(), event);
    }
  };

  /** Takes the stream's name from its answer, or from the Last-Event-ID that asked for it. */
  #name(answer: Response): void {
    const [, asked, count] = OWN_ID.exec(new Headers(this.#outgoing.headers).get("last-event-id") ?? "") ?? [];
    this.#id = answer.headers.get("x-stream-id") ?? asked;
    if (!this.#id) return;
    if (this.#id == asked) this.#counted = +count!;
    this.lastEventId = `${this.#id}:${this.#counted}`;
  }

  async #send(outgoing: Outgoing): Promise<Response> {
    const answer = await exchange(this.#options, outgoing, this.#stop.signal);
    this.requestId = requestIdOf(answer) ?? this.requestId;
    return answer;
  }

  /** The answer that has the rest of a stream that broke off with `error`. */
  async #rest(error: StreamingError): Promise<Response> {
    await pause(backoff(++this.resumed), this.#stop.signal);
    try {
      const headers = { ...this.#outgoing.headers, "last-event-id": this.lastEventId! };
      const answer = await this.#send({ ...this.#outgoing, headers, idempotent: true });
      if (answer.status != NOTHING_MORE) return answer;
    } catch (refused) {
      if (this.#stop.signal.aborted) throw refused;
      error.cause = refused;
    }
    this.#over = true;
    throw error;
  }

  /** The events of one answer, whose bytes are asked for when those that came are delivered. */
  async *#read(answer: Response, reader: Reader): AsyncGenerator<StreamEvent, void, void> {
    const body = answer.body?.getReader();
    for (let ended = !body; ; ) {
      if (body) {
        const part = await readPart(body, this.#outgoing.patienceMs, this.#stop.signal);
        ended = part.done;
        if (part.value) this.#time.byte(this.#now());
        try {
          reader.feed(part.value);
        } catch (error) {
          // Raised when the events before it are delivered; after the end nothing means anything.
          if (!this.#over) this.#failure = error;
        }
        if (this.#over && !ended) void drain(body);
      }
      for (let event; (event = this.#events.shift()); yield event) {
        if (this.#stop.signal.aborted) throw cancelled();
        this.lastEventId = event.id ?? this.lastEventId;
      }
      this.lastEventId = this.#place || this.lastEventId;
      if (this.#failure) throw this.#failure;
      if (this.#over) return;
      if (ended) {
        if (reader.terminal) throw new StreamTruncated(`the stream ended without its terminal event (${reader.terminal})`);
        return;
      }
    }
  }
}
