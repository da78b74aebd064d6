// Runs the browser's module without a network: what it makes of given bytes, and what it would send.
//
//   node browser_offline.mjs DIST read|send    a list of cases as JSON on standard input, the list of their results on standard output
//
// read: {"wire": base64, "headers": of the answer, "status", "dialect", "cut": whether at every byte} -> the distinct outcomes of all cuts
// send: {"options", "call", "body": base64, "credentials", "now": ms} -> {"url", "method", "headers", "body": base64}, or {"error"}

import { readFileSync } from "node:fs";

const [dist, command] = process.argv.slice(2);
const { StreamingClient } = await import(`${dist}/index.js`);
const { dialects } = await import(`${dist}/dialects.js`);
const cases = JSON.parse(readFileSync(0, "utf8"));

const errorOf = ({ name, code, message, requestId, status, retryAfterSeconds, missingPermission }) => ({
  name, code, message, requestId, status, retryAfterSeconds, missingPermission,
}); // prettier-ignore

const answering = (pieces, { headers, status = 200 }) => async () => {
  const left = [...pieces];
  const body = new ReadableStream({ pull: (to) => (left.length ? to.enqueue(left.shift()) : to.close()) });
  return new Response(body, { headers, status });
};

const outcome = async (pieces, { dialect, ...answer }) => {
  const client = new StreamingClient({ url: "https://x.example/", dialects, attempts: 1, fetch: answering(pieces, answer) });
  const events = [];
  const stream = client.stream({ ...(dialect && { dialect }), resume: false });
  let error = null;
  try {
    for await (const event of stream) {
      const last = events.at(-1);
      const bytes = event.value instanceof Uint8Array;
      if (bytes) event.value = Buffer.from(event.value).toString("latin1");
      if (event.type === "text" && last?.type === "text") Object.assign(last, event, { text: last.text + event.text });
      else if (bytes && last) last.value += event.value;
      else events.push({ ...event });
    }
  } catch (raised) {
    error = errorOf(raised);
  }
  return JSON.stringify({ events, error, lastEventId: stream.lastEventId });
};

const commands = {
  async read(one) {
    const wire = Buffer.from(one.wire, "base64");
    const outcomes = new Set([await outcome([wire], one)]);
    if (one.cut) {
      outcomes.add(await outcome(Array.from(wire, (_, i) => wire.subarray(i, i + 1)), one));
      for (let cut = 1; cut < wire.length; cut++) outcomes.add(await outcome([wire.subarray(0, cut), wire.subarray(cut)], one));
    }
    return Array.from(outcomes, (text) => JSON.parse(text));
  },

  async send({ options, call, body, credentials, now }) {
    const sent = {};
    const RealDate = Date;
    if (now) globalThis.Date = class extends RealDate { constructor(...given) { super(...(given.length ? given : [now])); } static now = () => now; }; // prettier-ignore
    try {
      const client = new StreamingClient({
        ...options,
        ...(credentials && { credentials: async () => credentials }),
        fetch: async (url, init) => {
          const sentBody = Buffer.from(await new Response(init.body).arrayBuffer()).toString("base64");
          Object.assign(sent, { url: String(url), method: init.method, headers: Object.fromEntries(init.headers), body: sentBody });
          return new Response("", { headers: { "content-type": "text/plain" } });
        },
      });
      await client.stream({ ...call, ...(body !== undefined && { body: Buffer.from(body, "base64") }) }).text();
    } catch (error) {
      return { error: errorOf(error) };
    } finally {
      globalThis.Date = RealDate;
    }
    return sent;
  },
};

const results = [];
for (const one of cases) results.push(await commands[command](one));
process.stdout.write(JSON.stringify(results));
