// Runs the browser's module against answers that a test wrote, one a request, and prints what it made of them as JSON.
//
//   node browser_scripted.mjs DIST     a list of scenes on standard input
//
// A scene: {"answers": [{"status", "headers", "pieces": [text or {"base64"}], "then": "end" | "break" | "stall" | "refuse" | "hang"}], "options", "call",
// "do": {"cancelAfter", "breakAfter": number of events, "cancelWhileHanging", "settle": wait for what nobody waits for,
// "noWaits": of more than 100 ms}}. The last answer is for every later request too.

import { readFileSync } from "node:fs";

const { StreamingClient } = await import(`${process.argv[2]}/index.js`);
const warnings = [];
console.warn = (...said) => warnings.push(said.map(String).join(" "));

const bytesOf = (piece) => (typeof piece === "string" ? new TextEncoder().encode(piece) : Buffer.from(piece.base64, "base64"));

const play = async ({ answers, options, call, do: what = {} }) => {
  const sent = [];
  const waits = [];
  let pulled = 0;
  const patient = globalThis.setTimeout;
  globalThis.setTimeout = (then, ms, ...more) => {
    if (what.noWaits && ms > 100 && ms < 40_000) {
      waits.push(ms);
      return patient(then, 0, ...more);
    }
    return patient(then, ms, ...more);
  };
  const client = new StreamingClient({
    url: "https://x.example/",
    ...options,
    fetch: async (url, { method, headers, body, signal }) => {
      const { status = 200, headers: fields = {}, pieces = [], then = "end" } = answers[Math.min(sent.length, answers.length - 1)];
      const sentBody = body ? new TextDecoder().decode(body) : "";
      sent.push({ url: String(url), method, body: sentBody, lastEventId: headers.get("last-event-id"), streamId: headers.get("x-stream-id"), type: headers.get("content-type") }); // prettier-ignore
      signal.throwIfAborted();
      if (then === "hang") {
        const cancelling = what.cancelWhileHanging && stream.cancel();
        await new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", resolve)));
        await cancelling;
        throw signal.reason;
      }
      if (then === "refuse") throw new TypeError("fetch failed");
      const left = [...pieces];
      const source = {
        start(to) {
          signal.addEventListener("abort", () => to.error(signal.reason));
        },
        pull(to) {
          pulled++;
          if (left.length) to.enqueue(bytesOf(left.shift()));
          else if (then === "end") to.close();
          else if (then === "break") to.error(new TypeError("terminated"));
        },
      };
      return new Response(status === 204 ? null : new ReadableStream(source, { highWaterMark: 0 }), { status, headers: fields });
    },
  });
  const stream = client.stream(call);
  const result = { events: [], text: "", error: null, cancel: null, pulls: [] };
  try {
    for await (const event of stream) {
      result.events.push(event);
      result.pulls.push(pulled);
      if (event.type === "text") result.text += event.text;
      const count = result.events.length;
      if (count === what.breakAfter) break;
      if (count === what.cancelAfter) await stream.cancel().catch(({ name, code }) => (result.cancel = { name, code }));
    }
  } catch (error) {
    const { name, code, message, status, requestId, retryAfterSeconds, missingPermission, cause } = error;
    result.error = { name, code, message, status, requestId, retryAfterSeconds, missingPermission, cause: cause?.code };
  }
  await new Promise((resolve) => patient(resolve, what.settle ? 200 : 0));
  globalThis.setTimeout = patient;
  return { ...result, sent, waits, resumed: stream.resumed, lastEventId: stream.lastEventId, warnings: warnings.splice(0) };
};

const results = [];
for (const scene of JSON.parse(readFileSync(0, "utf8"))) results.push(await play(scene));
process.stdout.write(JSON.stringify(results), () => process.exit(0));
