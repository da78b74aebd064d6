import type { StreamEvent } from "../events.ts";
import { StreamingError } from "../errors.ts";

/** The stream's own word that it failed. */
export interface Failure {
  type: "error";
  code: string;
  message: string;
}

/**
 * Takes what a reader found, and the place after it: an id, or a count of lines or bytes. What follows a `finish` or a failure
 * means nothing.
 */
export type Say = (event: StreamEvent | Failure | undefined, place?: string | number) => void;

/** Turns a body's bytes into events, however they were cut. Pure: no network, no clock. */
export interface Reader {
  /** What the dialect ends with, for messages. Absent where it has no terminal event: it is complete when HTTP says so. */
  readonly terminal?: string;
  /** Takes the next bytes; without any, the body has ended. */
  feed(bytes?: Uint8Array): void;
  /** The stream broke off, and what follows begins at the event after the last whole one. */
  restart(): void;
}

/** Makes a dialect's reader. */
export type MakeReader = (say: Say) => Reader;

/** The largest event accepted, in characters: 8 Mi, so that a stream without line ends cannot fill the memory. */
export const MAX_EVENT_SIZE = 8 * 1024 * 1024;

export const malformed = (code: string, what: string): StreamingError =>
  new StreamingError(code, `${what}: if the answer is in another format, name its dialect`);

/** Refuses an event that is larger than `MAX_EVENT_SIZE`. */
export const tooLarge = (): never => {
  throw malformed("EVENT_TOO_LARGE", "an event is too large");
};

/** The JSON value of an event. The text itself is left out of the message: it is the user's. */
export const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed("NOT_JSON", "an event is not JSON");
  }
};

export type Fields = Record<string, unknown>;

/** The value itself when it is an object, else an empty one: for parts that a server may leave out or null. */
export const asObject = (value: unknown): Fields =>
  value && typeof value == "object" && !Array.isArray(value) ? (value as Fields) : {};

/** The value itself when it is text, else an empty one. */
export const asText = (value: unknown): string => (typeof value == "string" ? value : "");

export const text = (value: unknown): StreamEvent | undefined =>
  asText(value) ? { type: "text", text: value as string } : undefined;

export const data = (value: unknown, name?: string): StreamEvent =>
  name ? { type: "data", name, value } : { type: "data", value };

/** The end of a stream; usage in any of the spellings in use: input/output, prompt/completion, camel case. */
export const finish = (reason: unknown, usage?: unknown): StreamEvent => {
  const counted = asObject(usage);
  const count = (...names: string[]) => names.map((name) => counted[name]).find((found) => typeof found == "number");
  const inputTokens = count("input_tokens", "prompt_tokens", "inputTokens");
  const outputTokens = count("output_tokens", "completion_tokens", "outputTokens");
  const sum = inputTokens! + outputTokens!; // not a number where either is not told
  const totalTokens = count("total_tokens", "totalTokens") ?? (sum >= 0 ? sum : undefined);
  const told = Object.entries({ inputTokens, outputTokens, totalTokens }).filter(([, value]) => value !== undefined);
  return { type: "finish", reason: asText(reason), ...(told[0] && { usage: Object.fromEntries(told) }) };
};

/** An error in any of the shapes in use: `{code, message}`, `{type, message}`, or a bare sentence. */
export const failure = (value: unknown, code = "error"): Failure => {
  const said = asObject(value);
  return {
    type: "error",
    code: String(said.code || said.type || code),
    message: String(said.message || said.errorText || asText(value) || "the stream failed without saying why"),
  };
};
