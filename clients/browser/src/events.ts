/**
 * What a stream says, whatever dialect it was said in. The names are those of the Python client and of the handler on the
 * other side.
 */
export type StreamEvent =
  | {
      /** A piece of the answer's text, as it came: joining the pieces gives the whole answer. Never empty. */
      type: "text";
      text: string;
      /** The place after this event, for Last-Event-ID. Absent where the function does not keep its streams. */
      id?: string;
    }
  | {
      /** A value that is not text: a line of `ndjson`, a tool call, an event with a name of the application's own. */
      type: "data";
      /** What the stream calls it. Absent where it has no name. */
      name?: string;
      value: unknown;
      id?: string;
    }
  | {
      /** The stream's own word that it is complete. Always the last event; `text` and `bytes` never give it. */
      type: "finish";
      /** Why the model stopped, in the dialect's words. Empty where it did not say. */
      reason: string;
      /** Tokens used. Absent where it did not say. */
      usage?: Usage;
      id?: string;
    };

/** How many tokens an answer cost, as far as its stream tells. */
export interface Usage {
  inputTokens?: number;
  outputTokens?: number;
  /** Both, as the stream counts them; their sum where it gives only the two. */
  totalTokens?: number;
}
