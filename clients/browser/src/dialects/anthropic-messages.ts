import { eventStream, parseObject } from "./event-stream.ts";
import { asObject, asText, data, failure, finish, text } from "./reader.ts";

/**
 * The `anthropic-messages` dialect (https://docs.anthropic.com/en/docs/build-with-claude/streaming).
 *
 * Reason and usage come before `message_stop`, so that `finish` is given there. What is not text (tool calls, thinking,
 * citations) is given as `data` named after its event.
 */
export const anthropicMessagesReader = eventStream("event: message_stop", () => {
  let reason: unknown;
  const usage = {};
  return (frame, say) => {
    const value = parseObject(frame);
    const kind = asText(value.type) || frame.event;
    const delta = asObject(value.delta);
    const block = asObject(value.content_block);
    const isText = delta.type == "text_delta" && typeof delta.text == "string";
    if (kind == "content_block_delta") say(isText ? text(delta.text) : data(value, kind));
    else if (kind == "content_block_start") say(block.type == "text" ? text(block.text) : data(value, kind));
    else if (kind == "message_start") Object.assign(usage, asObject(asObject(value.message).usage));
    else if (kind == "message_delta") {
      Object.assign(usage, asObject(value.usage)); // of the whole message so far: these replace what message_start gave
      reason = delta.stop_reason ?? reason;
    } else if (kind == "message_stop") say(finish(reason, usage));
    else if (kind == "error") say(failure(value.error));
    else if (kind != "content_block_stop" && kind != "ping") say(data(value, kind));
  };
});
