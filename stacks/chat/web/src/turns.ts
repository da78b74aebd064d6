/** A question, and what became of its answer. */
export interface Turn {
  question: string;
  model: string;
  text: string;
  state: State;
  /** What went wrong, for people. */
  message?: string;
  /** The same, for whoever mends it: code and request id. */
  detail?: string;
  /** When one may ask again, in milliseconds since 1970. */
  retryAt?: number;
  /** The place after the last event that came. Absent where the endpoint does not keep its streams. */
  lastEventId?: string;
  /** Whether the endpoint has no more of it than what came. */
  lost?: boolean;
  /** How long the first piece of text took. */
  firstTextMs?: number;
  tokensPerSecond?: number;
  tokens?: number;
}

/**
 * - `waiting`: asked, and nothing of the answer is there
 * - `resuming`: the connection broke, and the rest is looked for
 * - `streaming`: it is coming
 * - `done`: it is whole, as far as the model wanted to say
 * - `stopped`: its reader had enough
 * - `cut`: it ended before it was complete
 * - `offline`: the same, as the network is gone
 * - `failed`: the endpoint or the model said no
 * - `throttled`: there are too many just now
 */
export type State = "waiting" | "resuming" | "streaming" | "done" | "stopped" | "cut" | "offline" | "failed" | "throttled";

const KEY = "conversation";
const RUNNING: ReadonlySet<State> = new Set(["waiting", "resuming", "streaming"]);

export const running = (turn: Turn | undefined): boolean => turn !== undefined && RUNNING.has(turn.state);

/** Whether the rest of an answer can be had without asking the model anew. */
export const resumable = (turn: Turn): boolean => turn.lastEventId !== undefined && (turn.state === "cut" || turn.state === "offline");

/** The conversation up to and with the question of a turn, as the endpoint takes it. An answer that was cut counts as far as it came. */
export function messages(turns: readonly Turn[], upTo: Turn): { role: string; content: string }[] {
  const before = turns.slice(0, turns.indexOf(upTo)).flatMap(({ question, text }) => [
    { role: "user", content: question },
    ...(text.trim() ? [{ role: "assistant", content: text }] : []),
  ]);
  return [...before, { role: "user", content: upTo.question }];
}

/** The conversation of this tab, as it was before a reload. What was streaming then is cut now. */
export function remembered(): Turn[] {
  try {
    const turns = JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as Turn[];
    for (const turn of turns) if (running(turn)) Object.assign(turn, { state: "cut", message: "The page was left before the answer was complete." });
    return turns;
  } catch (error) {
    console.warn("the conversation of this tab cannot be read", error); // of an older page, or storage is forbidden
    return [];
  }
}

/** Keeps it for this tab; it is gone when the tab is closed. */
export function remember(turns: readonly Turn[]): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(turns));
  } catch (error) {
    console.warn("the conversation does not outlive a reload", error); // storage is full or forbidden
  }
}
