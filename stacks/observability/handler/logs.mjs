// The logs of the functions that are watched: what went wrong, and one line a stream.
//
// Read by FilterLogEvents and not by Live Tail, which begins where it is started: a viewer who was cut off could not go on. Lines become
// readable seconds after they were written, and not in order, so each look goes back a little and leaves out what it has seen.

const OVERLAP_MS = 15_000;
const MOST_PAGES = 5;
const MOST_CHARACTERS = 500;
const LEVELS = ["WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"];

/** What CloudWatch sends at all; the rest is sorted out by `shown`. */
export const PATTERN = `{ ${LEVELS.map((level) => `($.level = "${level}")`).join(" || ")} || ($.type = "platform.report") }`;

/** What a viewer sees of a line; null where it is none of his business. Fields by name: what is not known here is not shown. */
export function shown(message) {
  let line;
  try {
    line = JSON.parse(message);
  } catch {
    return null; // every line of these functions is JSON
  }
  if (line === null || typeof line !== "object") return null;
  if (line.type === "platform.report") {
    const { metrics = {}, status } = line.record ?? {};
    const { durationMs, billedDurationMs, maxMemoryUsedMB, memorySizeMB, initDurationMs } = metrics;
    return { kind: "stream", status, durationMs, billedDurationMs, maxMemoryUsedMB, memorySizeMB, initDurationMs };
  }
  if (!LEVELS.includes(line.level) || line._aws !== undefined) return null;
  const text = typeof line.message === "string" ? line.message : JSON.stringify(line.message ?? "");
  return { kind: "line", level: line.level, text: [...text].slice(0, MOST_CHARACTERS).join(""), requestId: line.requestId };
}

/**
 * @param filter Sends a FilterLogEvents.
 * @param from Where to begin, in milliseconds since 1970.
 */
export function logsSource({ filter, watched, from, everyMs }) {
  const seen = new Map();

  async function poll(now) {
    const events = [];
    for (const { label, logGroup } of watched) {
      let nextToken;
      let page = 0;
      do {
        const answer = await filter({ logGroupName: logGroup, startTime: from, filterPattern: PATTERN, nextToken });
        for (const { eventId, timestamp, message } of answer.events ?? []) {
          const id = `${label}/${eventId}`;
          if (seen.has(id)) continue;
          seen.set(id, timestamp);
          const what = shown(message);
          // The id is where this look began: who comes back with it may see lines twice, which have the same `id`, and misses none.
          if (what !== null) events.push({ id: from, name: "log", data: { label, id: eventId, time: timestamp, ...what } });
        }
        nextToken = answer.nextToken;
      } while (nextToken && ++page < MOST_PAGES);
      if (nextToken) events.push({ name: "gap", data: { label, reason: "more lines than can be shown" } });
    }
    from = Math.max(from, now - OVERLAP_MS);
    for (const [id, time] of seen) if (time < from) seen.delete(id);
    return events.sort((one, other) => (one.data.time ?? Infinity) - (other.data.time ?? Infinity));
  }

  /** Where the next look begins: who comes back with it misses nothing that this one has not shown. */
  return { name: "logs", everyMs, poll, place: () => from };
}
