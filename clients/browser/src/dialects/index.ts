/** The dialects that are not the module's own four: pass `dialects` to `StreamingClient`. */
import { agUiReader } from "./ag-ui.ts";
import { anthropicMessagesReader } from "./anthropic-messages.ts";
import type { Dialects } from "./choose.ts";
import { openaiResponsesReader } from "./openai-responses.ts";
import { uiMessageStreamReader } from "./ui-message-stream.ts";

export { agUiReader, anthropicMessagesReader, openaiResponsesReader, uiMessageStreamReader };

export const dialects: Dialects = {
  "openai-responses": openaiResponsesReader,
  "anthropic-messages": anthropicMessagesReader,
  "ui-message-stream": uiMessageStreamReader,
  "ag-ui": agUiReader,
};
