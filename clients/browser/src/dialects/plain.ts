import type { MakeReader, Say } from "./reader.ts";
import { MAX_EVENT_SIZE, asObject, asText, data, failure, finish, parse, text, tooLarge } from "./reader.ts";
import { StreamTruncated } from "../errors.ts";

/** Text as it comes, in whole characters. Complete when HTTP says so. */
export const textReader: MakeReader = (say) => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let size = 0;
  return {
    feed(bytes) {
      size += bytes?.length ?? 0;
      say(text(decoder.decode(bytes, { stream: !!bytes })), size);
    },
    restart() {}, // what follows begins at the next byte, in the middle of a character too
  };
};

/** Bytes as they come, as `data`. Complete when HTTP says so. */
export const bytesReader: MakeReader = (say) => {
  let size = 0;
  return {
    feed(bytes) {
      if (bytes?.length) say(data(bytes), (size += bytes.length));
    },
    restart() {},
  };
};

/** One JSON value, given as one `data` at the end: an answer that was asked for without streaming. */
export const jsonReader: MakeReader = (say) => lines(say, data, "");

/**
 * The lines of others: each is a `data`; empty lines (heartbeats) are none. Complete when HTTP says so, never in the middle of
 * a line.
 */
export const linesReader: MakeReader = (say) => lines(say, data);

/** Our runtime's `ndjson`: each line an object with its `type`, and a terminal line of type `finish` or `error`. */
export const ndjsonReader: MakeReader = (say) => ({
  terminal: 'a line of type "finish"',
  ...lines(say, (value) => {
    const line = asObject(value);
    const kind = line.type;
    return kind == "text"
      ? text(line.text)
      : kind == "finish"
        ? finish(line.reason, line.usage)
        : kind == "error"
          ? failure({ ...line, type: 0 })
          : asText(kind)
            ? data(line.data ?? null, kind == "data" ? "" : asText(kind))
            : data(value);
  }),
});

const lines = (say: Say, read: (value: unknown) => Parameters<Say>[0], end = "\n") => {
  let decoder: TextDecoder;
  let rest: string[];
  let size: number;
  let count = 0;
  const restart = () => {
    decoder = new TextDecoder();
    rest = [];
    size = 0;
  };
  restart();
  return {
    feed(bytes?: Uint8Array) {
      const found = decoder.decode(bytes, { stream: !!bytes });
      rest.push(found);
      size += found.length;
      if (bytes && !(end && found.includes(end))) return void (size > MAX_EVENT_SIZE && tooLarge());
      const whole = end ? rest.join("").split(end) : [rest.join("")];
      rest = bytes ? [whole.pop()!] : [];
      size = rest[0]?.length ?? 0;
      whole.forEach((line, number) => {
        if (!line.trim()) return;
        let value;
        try {
          value = parse(line);
        } catch (error) {
          // writers that leave out the last line feed are common: what stands there may be whole
          throw end && !bytes && number == whole.length - 1
            ? new StreamTruncated("the stream ended in the middle of a line")
            : error;
        }
        say(read(value), end ? ++count : undefined);
      });
    },
    restart,
  };
};
