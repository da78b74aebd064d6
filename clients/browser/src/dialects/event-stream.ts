import { createParser } from "eventsource-parser";
import type { Fields, MakeReader, Reader, Say } from "./reader.ts";
import { MAX_EVENT_SIZE, asObject, data, failure, finish, malformed, parse, text, tooLarge } from "./reader.ts";

/** A dispatched server-sent event: its type (`message` when the stream named none), its data lines joined by line feeds. */
export interface Frame {
  event: string;
  data: string;
}

/** A dialect that travels in server-sent events: `read` says what each of them means. */
export const eventStream =
  (terminal: string, makeRead: () => (frame: Frame, say: Say) => void): MakeReader =>
  (say) => {
    const read = makeRead();
    let decoder: TextDecoder;
    let parser: ReturnType<typeof createParser>;
    const restart = () => {
      decoder = new TextDecoder("utf-8", { ignoreBOM: true }); // the parser takes the mark off
      parser = createParser({
        maxBufferSize: MAX_EVENT_SIZE,
        onId: (id) => say(undefined, id),
        onEvent: ({ event, data }) => read({ event: event ?? "message", data }, say),
        onError: ({ type }) => type == "max-buffer-size-exceeded" && tooLarge(),
      });
    };
    restart();
    return {
      terminal,
      // What stands after the last empty line when the stream ends is no event.
      feed: (bytes) => bytes && parser.feed(decoder.decode(bytes, { stream: true })),
      restart,
    } satisfies Reader;
  };

/** The JSON object of an event. */
export const parseObject = (frame: Frame): Fields => {
  const value = parse(frame.data);
  if (asObject(value) !== value) throw malformed("NOT_AN_EVENT", "an event is no JSON object");
  return value as Fields;
};

/** The `sse` dialect: this project's own, a named server-sent event for each thing that a handler yields. */
export const sseReader = eventStream("event: finish", () => (frame, say) => {
  const kind = frame.event;
  if (kind == "message")
    say(data(frame.data, kind)); // no handler of ours writes unnamed events: someone else's need not be JSON
  else if (kind == "text") say(text(parseObject(frame).text));
  else if (kind == "finish") {
    const { reason, usage } = parseObject(frame);
    say(finish(reason, usage));
  } else if (kind == "error") say(failure(parse(frame.data)));
  else say(data(parse(frame.data), kind == "data" ? "" : kind));
});

/**
 * The `openai-chat` dialect: `data: {chat.completion.chunk}` until `data: [DONE]`.
 *
 * Reason and usage come in chunks of their own before `[DONE]`, so that `finish` is given there. A chunk that says more than
 * text (tool calls, a refusal, another choice than the first) is given whole, as `data` named `chunk`.
 */
export const openaiChatReader = eventStream("data: [DONE]", () => {
  let reason: unknown;
  let usage: unknown;
  return (frame, say) => {
    if (frame.data == "[DONE]") return say(finish(reason, usage));
    const chunk = parseObject(frame);
    if (chunk.error || frame.event == "error") return say(failure(chunk.error || chunk));
    usage = chunk.usage || usage;
    let whole = false;
    for (const choice of Array.isArray(chunk.choices) ? chunk.choices : []) {
      const { index, finish_reason, delta } = asObject(choice);
      if (index) whole = true; // absent or 0 is the first
      else {
        reason = finish_reason ?? reason;
        const said = asObject(delta);
        say(text(said.content));
        whole ||= Object.entries(said).some(([name, value]) => name != "content" && name != "role" && saysSomething(value));
      }
    }
    if (whole) say(data(chunk, "chunk"));
  };
});

/** Neither nothing, nor zero, nor empty. */
const saysSomething = (value: unknown) => value && (typeof value != "object" || Object.keys(value).length);
