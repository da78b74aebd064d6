// Reads one stream with one vendor's client, unmodified but for a fetch that signs, and prints what it made of it as a line of JSON.
//
//   node read.mjs CLIENT URL SCENARIO        credentials and region from the AWS environment variables
//
// The line: {"text": what was delivered, "finish": why it says it ended or null, "error": null or {"kind", "message", "status"}}

import { AwsClient } from "aws4fetch";

const [client, url, scenario] = process.argv.slice(2);
const aws = new AwsClient({
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
  sessionToken: process.env.AWS_SESSION_TOKEN || undefined,
  region: process.env.AWS_REGION,
  service: "lambda",
  retries: 0,
});

const signedFetch = async (input, init) => {
  const request = new Request(input, init);
  const headers = new Headers(request.headers);
  headers.delete("authorization"); // the SDKs put their API key there, and a signature has to stand there
  const body = request.body === null ? undefined : await request.arrayBuffer();
  return fetch(await aws.sign(request.url, { method: request.method, headers, body, signal: request.signal }));
};

const prompt = `scenario:${scenario}`;
const result = { text: "", finish: null, error: null };
let said = null; // an error that a client hands to its subscriber instead of raising it

const readers = {
  async "openai-chat"() {
    const { default: OpenAI } = await import("openai");
    const openai = new OpenAI({ apiKey: "none", baseURL: new URL("v1", url).href, fetch: signedFetch, maxRetries: 0 });
    const stream = await openai.chat.completions.create({
      model: "m-1",
      stream: true,
      messages: [{ role: "user", content: prompt }],
    });
    for await (const chunk of stream) {
      const [choice] = chunk.choices;
      result.text += choice?.delta?.content ?? "";
      result.finish = choice?.finish_reason ?? result.finish;
    }
  },

  async "openai-responses"() {
    const { default: OpenAI } = await import("openai");
    const openai = new OpenAI({ apiKey: "none", baseURL: new URL("v1", url).href, fetch: signedFetch, maxRetries: 0 });
    const stream = await openai.responses.create({ model: "m-1", stream: true, input: prompt });
    for await (const event of stream) {
      if (event.type === "response.output_text.delta") result.text += event.delta;
      if (event.type === "response.completed") result.finish = event.response.status;
      if (event.type === "response.failed") throw new Error(event.response.error.message);
    }
  },

  async "anthropic-messages"() {
    const { default: Anthropic } = await import("@anthropic-ai/sdk");
    const anthropic = new Anthropic({ apiKey: "none", baseURL: url, fetch: signedFetch, maxRetries: 0 });
    const stream = anthropic.messages.stream({ model: "m-1", max_tokens: 100, messages: [{ role: "user", content: prompt }] });
    stream.on("text", (text) => (result.text += text));
    result.finish = (await stream.finalMessage()).stop_reason;
  },

  async "ui-message-stream"() {
    const { DefaultChatTransport, readUIMessageStream } = await import("ai");
    const transport = new DefaultChatTransport({ api: url, fetch: signedFetch });
    const chunks = await transport.sendMessages({
      chatId: "c-1",
      trigger: "submit-message",
      messages: [{ id: "m-1", role: "user", parts: [{ type: "text", text: prompt }] }],
    });
    const noted = chunks.pipeThrough(
      new TransformStream({
        transform(chunk, controller) {
          if (chunk.type === "finish") result.finish = chunk.finishReason ?? "finish";
          controller.enqueue(chunk);
        },
      }),
    );
    for await (const message of readUIMessageStream({ stream: noted, terminateOnError: true })) {
      result.text = message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");
    }
  },

  async "ag-ui"() {
    const { HttpAgent } = await import("@ag-ui/client");
    const agent = new HttpAgent({
      url,
      fetch: signedFetch,
      initialMessages: [{ id: "m-1", role: "user", content: prompt }],
    });
    await agent.runAgent(
      {},
      {
        onTextMessageContentEvent: ({ event }) => void (result.text += event.delta),
        onRunFinishedEvent: () => void (result.finish = "finished"),
        onRunErrorEvent: ({ event }) => void (said ??= new Error(event.message)),
      },
    );
  },
};

try {
  await readers[client]();
  if (said !== null) throw said;
} catch (raised) {
  const error = said ?? raised;
  const text = [error.message, error.cause?.message].filter(Boolean).join(": ");
  result.error = { kind: error.constructor.name, message: text, status: error.status ?? error.statusCode ?? null };
}
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
