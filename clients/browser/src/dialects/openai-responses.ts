import { eventStream, parseObject } from "./event-stream.ts";
import { asObject, asText, data, failure, finish, text } from "./reader.ts";

/** Events that say where the text stands, or repeat it whole: they add nothing to what the pieces of text have said. */
const FRAMING = /^response\.(created|queued|in_progress|output_item\.(added|done)|content_part\.(added|done)|output_text\.done)$/;

/**
 * The `openai-responses` dialect (https://platform.openai.com/docs/api-reference/responses-streaming): typed events until
 * `response.completed` or `response.incomplete`; `response.failed` and `error` are errors.
 */
export const openaiResponsesReader = eventStream("response.completed", () => (frame, say) => {
  if (frame.data == "[DONE]") return;
  const value = parseObject(frame);
  const kind = asText(value.type) || frame.event;
  const response = asObject(value.response);
  if (kind == "response.output_text.delta") say(text(value.delta));
  else if (kind == "response.completed") say(finish("stop", response.usage));
  else if (kind == "response.incomplete") say(finish(asObject(response.incomplete_details).reason, response.usage));
  else if (kind == "response.failed") say(failure(response.error, kind));
  else if (kind == "error") say(failure({ ...value, type: null, ...asObject(value.error) })); // its own type is the word "error"
  else if (!FRAMING.test(kind) || (asObject(value.item).type ?? "message") != "message") say(data(value, kind));
});
