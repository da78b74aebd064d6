// Reads streams with the browser's module over a real network, and prints what it made of each as a line of JSON.
//
//   node browser_live.mjs DIST URL     credentials from the AWS environment variables (none: unsigned), a list of jobs on standard input
//
// A job: {"options", "call", "do": {"cancelAfter" | "breakAfter" | "abortAfter": number of events, "hide": [headers CORS would hide],
// "pauseMs": before each next event, "twice": read it again, "deletes": whether to wait for the request that stops the function}}.
// Jobs run one after another.

import { readFileSync } from "node:fs";

const [dist, url] = process.argv.slice(2);
const { StreamingClient, StreamingError } = await import(`${dist}/index.js`);
const { dialects } = await import(`${dist}/dialects.js`);
const env = process.env;
const warnings = [];
console.warn = (...said) => warnings.push(said.map(String).join(" "));

const told = (error) => {
  const { name, code, message, requestId, status, retryAfterSeconds, missingPermission, cause } = error;
  return { name, code, message, requestId, status, retryAfterSeconds, missingPermission, cause: cause?.code, ours: error instanceof StreamingError }; // prettier-ignore
};

const read = async ({ options, call, do: what = {} }) => {
  const sent = [];
  let asked = 0;
  const client = new StreamingClient({
    url,
    region: env.AWS_REGION,
    dialects,
    ...(env.AWS_ACCESS_KEY_ID && {
      credentials: async () => {
        asked++;
        return { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY, sessionToken: env.AWS_SESSION_TOKEN };
      },
    }),
    fetch: async (target, init) => {
      sent.push({ method: init.method, lastEventId: init.headers.get("last-event-id"), streamId: init.headers.get("x-stream-id") });
      const answer = await fetch(target, init);
      if (!what.hide) return answer;
      const seen = new Headers(answer.headers);
      for (const name of what.hide) seen.delete(name);
      return new Response(answer.body, { status: answer.status, headers: seen });
    },
    ...options,
  });
  const leaving = new AbortController();
  if (what.abortAfter === 0) leaving.abort();
  const stream = client.stream({ signal: leaving.signal, ...call });
  const result = { events: [], text: "", finish: null, error: null };
  try {
    for await (const event of stream) {
      result.events.push(event);
      if (event.type === "text") result.text += event.text;
      if (event.type === "finish") result.finish = event;
      const count = result.events.length;
      if (count === what.breakAfter) break;
      if (count === what.abortAfter) leaving.abort();
      if (count === what.cancelAfter) await stream.cancel();
      if (what.pauseMs) await new Promise((resolve) => setTimeout(resolve, what.pauseMs));
    }
    if (what.twice) await stream.text();
  } catch (error) {
    result.error = told(error);
  }
  for (let waited = 0; what.deletes && waited < 100 && !sent.some(({ method }) => method === "DELETE"); waited++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  const { timing, requestId, lastEventId, resumed } = stream;
  return { ...result, timing, requestId, lastEventId, resumed, sent, asked, warnings: warnings.splice(0) };
};

for (const job of JSON.parse(readFileSync(0, "utf8"))) process.stdout.write(`${JSON.stringify(await read(job))}\n`);
process.exitCode = 0;
