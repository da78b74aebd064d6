// What a viewer asks for. Pure: throws what the viewer got wrong.

export class Refused extends Error {
  constructor(status, code, message, headers = {}) {
    super(message);
    Object.assign(this, { status, code, headers });
  }
}

const HISTORY_MINUTES = { least: 1, most: 180, usual: 30 };
const RESUMED_MINUTES = 60;
const KNOWN = ["minutes", "only", "seconds"];

/**
 * @param event Lambda's event of a Function URL (payload 2.0).
 * @param labels What can be watched.
 * @param mostSeconds The longest stream.
 * @param now Milliseconds since 1970.
 * @returns {{seconds: number, minutes: number, only: string[], after: number | null}} `after`: where a viewer who was cut off goes on.
 */
export function parse(event, labels, mostSeconds, now) {
  const { method } = event.requestContext.http;
  if (event.rawPath !== "/events") throw new Refused(404, "not_found", `There is no ${event.rawPath}. This endpoint serves GET /events.`);
  if (method !== "GET") throw new Refused(405, "method_not_allowed", `${method} is not allowed on /events; use GET.`, { allow: "GET" });
  const query = new URLSearchParams(event.rawQueryString ?? "");
  const unknown = [...query.keys()].find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) throw wrong(`The query may have ${KNOWN.join(", ")}.`);
  const only = query.has("only") ? [...new Set(query.get("only").split(","))] : labels;
  if (only.some((label) => !labels.includes(label))) throw wrong(`'only' names some of: ${labels.join(", ")}.`);
  return {
    only,
    seconds: whole(query, "seconds", 1, mostSeconds, mostSeconds),
    minutes: whole(query, "minutes", HISTORY_MINUTES.least, HISTORY_MINUTES.most, HISTORY_MINUTES.usual),
    after: resumed(event.headers?.["last-event-id"], now),
  };
}

function whole(query, name, least, most, usual) {
  if (!query.has(name)) return usual;
  const text = query.get(name);
  const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : NaN;
  if (!(value >= least && value <= most)) throw wrong(`'${name}' is a whole number from ${least} to ${most}.`);
  return value;
}

function resumed(id, now) {
  if (id === undefined || id === "") return null;
  const time = /^[0-9]{13}$/.test(id) ? Number(id) : NaN;
  if (!(time <= now)) throw wrong("Last-Event-ID is none that was given here.");
  return Math.max(time, now - RESUMED_MINUTES * 60_000);
}

function wrong(message) {
  return new Refused(400, "bad_request", message);
}
