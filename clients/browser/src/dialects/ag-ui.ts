import { eventStream, parseObject } from "./event-stream.ts";
import { asObject, asText, data, failure, finish, text } from "./reader.ts";

const FRAMING = ["RUN_STARTED", "TEXT_MESSAGE_START", "TEXT_MESSAGE_END"];

/** The `ag-ui` dialect (https://docs.ag-ui.com/concepts/events). What is not text is `data` named after its type. */
export const agUiReader = eventStream("RUN_FINISHED", () => (frame, say) => {
  const value = parseObject(frame);
  const kind = asText(value.type);
  if (kind == "TEXT_MESSAGE_CONTENT" || kind == "TEXT_MESSAGE_CHUNK") say(text(value.delta));
  else if (kind == "RUN_FINISHED") {
    const { reason, usage } = asObject(value.result);
    say(finish(reason, usage));
  } else if (kind == "RUN_ERROR") say(failure({ code: value.code, message: value.message }));
  else if (!FRAMING.includes(kind)) say(data(value, kind));
});
