import type { ClientOptions } from "./client.ts";
import { HttpError, StreamError, StreamingError, Throttled } from "./errors.ts";
import { refusal } from "./refusals.ts";
import { sign } from "./signing.ts";

const BACKOFF_MS = 250;
const LONGEST_BACKOFF_MS = 5_000;
const LONGEST_RETRY_AFTER_SECONDS = 20;

/** A request ready to be signed and sent. */
export interface Outgoing {
  url: URL;
  method: string;
  /** Stronger than the client's own; an empty one takes a header away. */
  headers: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | undefined;
  /** Whether the function may run twice for it. */
  idempotent: boolean;
  patienceMs: number;
}

export const cancelled = () => new StreamError("cancelled", "the stream was cancelled");

/** Milliseconds before the repetition with this number, from 1: at random, so that callers do not come back all at once. */
export const backoff = (repetition: number) => Math.random() * Math.min(BACKOFF_MS * 2 ** (repetition - 1), LONGEST_BACKOFF_MS);

/** Lets time pass, unless `stop` says that it no longer matters. */
export const pause = (ms: number, stop?: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    stop?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });

/**
 * The answer to a request, as soon as it begins.
 *
 * Repeated are 429; and, when the request is idempotent, 502, 503, 504 and a connection that broke. Once an answer began,
 * nothing is.
 */
export const exchange = async (options: ClientOptions, outgoing: Outgoing, stop?: AbortSignal): Promise<Response> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send(options, outgoing, stop);
    } catch (error) {
      const wait = attempt < (options.attempts ?? 3) && waitBefore(attempt, error, outgoing.idempotent);
      if (wait === false) throw error;
      await pause(wait, stop);
    }
  }
};

const waitBefore = (repetition: number, error: unknown, idempotent: boolean): number | false => {
  if (error instanceof Throttled) {
    const asked = error.retryAfterSeconds;
    return asked === undefined ? backoff(repetition) : asked <= LONGEST_RETRY_AFTER_SECONDS && asked * 1000;
  }
  const passes =
    error instanceof HttpError
      ? error.status > 501 && error.status < 505
      : error instanceof StreamingError && error.code == "CONNECTION_FAILED";
  return idempotent && passes && backoff(repetition);
};

const send = async (options: ClientOptions, outgoing: Outgoing, stop?: AbortSignal): Promise<Response> => {
  const { url, method, headers, body, patienceMs } = outgoing;
  const all = new Headers(await options.headers?.());
  for (const [name, value] of Object.entries(headers)) value ? all.set(name, value) : all.delete(name);
  const signed = await sign(url, method, all, body, await options.credentials?.(), options.region, options.service);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), patienceMs);
  try {
    const answer = await (options.fetch ?? fetch)(url, {
      method,
      headers: signed,
      ...(body && { body }),
      signal: AbortSignal.any([late.signal, ...(stop ? [stop] : [])]),
      redirect: "error", // a signature is good for one URL only
      cache: "no-store",
    });
    if (!answer.ok) throw await refusal(answer);
    return answer;
  } catch (error) {
    throw stop?.aborted
      ? cancelled()
      : error instanceof StreamingError
        ? error
        : late.signal.aborted
          ? new StreamingError("TIMEOUT", `no answer began within ${patienceMs} ms`)
          : new StreamingError("CONNECTION_FAILED", "no answer came: offline, a broken connection, or CORS forbids this page");
  } finally {
    clearTimeout(timer);
  }
};
