import type { StreamEvent } from "./events.ts";

/** When things arrived, in milliseconds since the call began (its repetitions included); filled in while the stream is read. */
export interface Timing {
  /** When the first byte of the body was there. */
  firstByteMs?: number;
  /** When the first event was there: the time to first token. */
  firstEventMs?: number;
  /** The longest silence between two events; 0 before the second. */
  longestGapMs: number;
  /** How many events came. */
  events: number;
  /**
   * Tokens after the first over the time from the first text to the last: as the stream's usage counts them, else its pieces
   * of text.
   */
  tokensPerSecond?: number;
  /** When the stream was over: complete, failed or left. */
  totalMs?: number;
}

/** Takes times and keeps `timing`. Pure: whoever reads the clock hands the time in. */
export const timekeeper = () => {
  const timing: Timing = { longestGapMs: 0, events: 0 };
  let last = 0;
  let texts = 0;
  let firstText = 0;
  let lastText = 0;
  return {
    timing,
    byte(now: number) {
      timing.firstByteMs ??= now;
    },
    event(now: number, event: StreamEvent) {
      timing.firstEventMs ??= now;
      if (timing.events++) timing.longestGapMs = Math.max(timing.longestGapMs, now - last);
      last = now;
      let tokens;
      if (event.type == "text") {
        lastText = now;
        if (!texts++) firstText = now;
      } else if (event.type == "finish") tokens = event.usage?.outputTokens;
      const rate = ((tokens ?? texts) - 1) / (lastText - firstText);
      if (rate > 0 && rate < Infinity) timing.tokensPerSecond = rate * 1000;
    },
  };
};
