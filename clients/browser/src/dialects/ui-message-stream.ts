import { eventStream, parseObject } from "./event-stream.ts";
import { asObject, asText, data, failure, finish, text } from "./reader.ts";

const FRAMING = ["start", "start-step", "finish-step", "text-start", "text-end", "data-heartbeat"];

/**
 * The `ui-message-stream` dialect of Vercel's `ai` package (https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol): `finish`, then
 * `data: [DONE]`, where `finish` is given. Other parts are `data` named after their type.
 */
export const uiMessageStreamReader = eventStream("data: [DONE]", () => {
  let reason: unknown;
  let usage: unknown;
  return (frame, say) => {
    if (frame.data == "[DONE]") return say(finish(reason, usage));
    const value = parseObject(frame);
    const kind = asText(value.type);
    if (kind == "text-delta") say(text(value.delta));
    else if (kind == "finish") {
      reason = value.finishReason;
      usage = asObject(value.messageMetadata).usage;
    } else if (kind == "error") say(failure({ message: value.errorText }));
    else if (kind == "abort") say({ type: "error", code: "aborted", message: "the server gave the answer up before its end" });
    else if (!FRAMING.includes(kind)) say(data(value, kind));
  };
});
