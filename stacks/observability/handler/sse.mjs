// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Pure.

export const HEARTBEAT = ": heartbeat\n\n";

export const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no",
  "x-stream-dialect": "sse",
};

/** One event as text. JSON has no line breaks of its own, so one data line is enough. */
export function encode({ id, name, data }) {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
