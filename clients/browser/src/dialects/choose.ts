import { StreamingError } from "../errors.ts";
import { openaiChatReader, sseReader } from "./event-stream.ts";
import { bytesReader, jsonReader, linesReader, ndjsonReader, textReader } from "./plain.ts";
import type { MakeReader } from "./reader.ts";

/** A wire format. The last four need `dialects` of `streaming-lambda-client/dialects`. */
export type Dialect =
  | "text"
  | "bytes"
  | "json"
  | "ndjson"
  | "sse"
  | "openai-chat"
  | "openai-responses"
  | "anthropic-messages"
  | "ui-message-stream"
  | "ag-ui";

/** Readers by the name of their dialect. */
export type Dialects = Record<string, MakeReader>;

const OWN: Dialects = {
  text: textReader,
  bytes: bytesReader,
  json: jsonReader,
  ndjson: ndjsonReader,
  sse: sseReader,
  "openai-chat": openaiChatReader,
};

/**
 * What reads an answer: as the caller said, else the header `x-stream-dialect`, else the content type.
 *
 * An answer of one JSON document is `json` whatever the header says: the function chose not to stream this time.
 */
export const choose = (dialect: string | undefined, { headers }: Response, more?: Dialects): MakeReader => {
  const type = headers.get("content-type") ?? "";
  if (!dialect && /^application\/([^;]*\+)?json\s*(;|$)/i.test(type)) return jsonReader;
  const name = dialect ?? headers.get("x-stream-dialect");
  if (name) {
    const found = { ...OWN, ...more }[name];
    if (found) return found;
    throw new StreamingError("UNKNOWN_DIALECT", `no reader for ${name}: pass dialects of streaming-lambda-client/dialects`);
  }
  return /^text\/event-stream/i.test(type)
    ? sseReader
    : /^application\/(x-ndjson|ndjson|jsonl|json-lines)/i.test(type)
      ? linesReader
      : /^text\//i.test(type)
        ? textReader
        : bytesReader;
};
