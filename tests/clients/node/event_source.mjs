// Reads streams with EventSource, the npm package's or Node's own, and prints what a page would have seen of each as a line of JSON.
//
//   node event_source.mjs SECONDS NAME=URL...     the package
//   node --experimental-eventsource event_source.mjs SECONDS NAME=URL...
//
// A page whose name ends with "-closing" closes at the terminal event, as it should; the others leave everything to EventSource, and are
// stopped when their second connection is over. The line: {name: {"texts": [[number of the connection, text]], "opened": how often,
// "finish", "said": errors that the stream told, "failed": how often the connection was over, "others": events without a name,
// "streams": the names of those whose ids came, "closed": whether EventSource itself gave up or was closed by the page}}

import * as npm from "eventsource";

const EventSource = process.execArgv.includes("--experimental-eventsource") ? globalThis.EventSource : npm.EventSource;
const [seconds, ...pages] = process.argv.slice(2);

function read(name, url) {
  const seen = { texts: [], opened: 0, finish: null, said: [], failed: 0, others: 0, streams: [], closed: false };
  const source = new EventSource(url);
  const done = new Promise((resolve) => {
    const over = () => {
      if (name.endsWith("-closing")) source.close();
      seen.closed = source.readyState === EventSource.CLOSED;
      if (seen.closed) resolve();
    };
    source.onopen = () => (seen.opened += 1);
    source.onmessage = () => (seen.others += 1);
    source.addEventListener("text", (event) => {
      seen.texts.push([seen.opened, JSON.parse(event.data).text]);
      const stream = event.lastEventId.split(":")[0];
      if (stream && !seen.streams.includes(stream)) seen.streams.push(stream);
    });
    source.addEventListener("finish", (event) => {
      seen.finish = JSON.parse(event.data);
      over();
    });
    // One name for two things: what the stream says of itself has data; what became of the connection has none.
    source.addEventListener("error", (event) => {
      if (event.data === undefined) {
        seen.failed += 1;
        seen.closed = source.readyState === EventSource.CLOSED;
        if (seen.closed || (seen.failed > 1 && !name.endsWith("-closing"))) resolve();
      } else {
        seen.said.push(JSON.parse(event.data));
        over();
      }
    });
  });
  return { seen, done };
}

const reading = Object.fromEntries(
  pages.map((page) => {
    const [name] = page.split("=", 1);
    return [name, read(name, page.slice(name.length + 1))];
  }),
);
const patience = new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
await Promise.race([patience, Promise.all(Object.values(reading).map((one) => one.done))]);
const result = Object.fromEntries(Object.entries(reading).map(([name, { seen }]) => [name, seen]));
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
