import { AccessDenied, DeadlineExceeded, HttpError, StreamError, StreamingError, StreamTruncated, Throttled } from "../../../../clients/browser/src/index.ts";
import { SignedOut } from "./settings.ts";
import type { Turn } from "./turns.ts";

type Outcome = Pick<Turn, "state" | "message"> & Partial<Pick<Turn, "detail" | "retryAt" | "lost">>;

const DEFAULT_WAIT_SECONDS = 5;
const CUT = "The connection was lost: this answer is cut short.";
/** The endpoint's own word that it has not the rest of an answer: who wrote it is gone. */
const LOST = "stream_lost";
const SIGN_IN_AGAIN = "Your sign-in has ended. Load the page again to sign in; the conversation is kept.";
const UNAUTHORIZED = 401;
const SERVER_ERROR = 500;

/** What a person is told of an error, and what can be done. */
export function outcome(error: unknown, begun: boolean): Outcome {
  const detail = detailOf(error);
  if (error instanceof StreamError && error.code === "cancelled") return { state: "stopped", message: "You stopped this answer." };
  if (error instanceof StreamingError && error.code === LOST) return { state: "cut", message: CUT, detail, lost: true };
  if (error instanceof Throttled) {
    const seconds = Math.ceil(error.retryAfterSeconds ?? DEFAULT_WAIT_SECONDS);
    return { state: "throttled", message: "Too many answers are being written right now.", detail, retryAt: Date.now() + seconds * 1000 };
  }
  if (error instanceof DeadlineExceeded) return { state: "failed", message: "The answer took longer than is allowed here, and was ended.", detail };
  if (error instanceof StreamError) return { state: "failed", message: "Something went wrong while the answer was written.", detail };
  if (error instanceof AccessDenied) return { state: "failed", message: "You are not allowed to ask here.", detail };
  if (error instanceof SignedOut || (error instanceof HttpError && error.status === UNAUTHORIZED)) return { state: "failed", message: SIGN_IN_AGAIN, detail };
  if (error instanceof HttpError && error.status >= SERVER_ERROR) return { state: "failed", message: "The chat does not work right now.", detail };
  if (error instanceof HttpError) return { state: "failed", message: "This question could not be answered.", detail };
  if (!navigator.onLine) return { state: "offline", message: begun ? "You are offline: this answer is cut short." : "You are offline.", detail };
  if (error instanceof StreamTruncated || begun) return { state: "cut", message: CUT, detail };
  return { state: "failed", message: "The chat cannot be reached.", detail };
}

function detailOf(error: unknown): string {
  const code = error instanceof StreamingError ? error.code : "unexpected";
  const said = error instanceof Error ? error.message : String(error);
  return said.includes(code) ? said : `${said} [${code}]`;
}
