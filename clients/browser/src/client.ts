import { type CredentialsProvider, cached } from "./credentials.ts";
import type { Dialect, Dialects } from "./dialects/choose.ts";
import { type EventStream, Stream } from "./stream.ts";

export interface ClientOptions {
  /** The Function URL, or the address of what stands in front of it. */
  url: string;
  /** The region to sign for. Default: the one in a Function URL's or API Gateway's host name. */
  region?: string;
  /**
   * Whose signature the requests carry. Default: nobody's. The body's hash is always sent, as CloudFront's origin access
   * control asks.
   */
  credentials?: CredentialsProvider;
  /** Sent with every request; asked for before each. */
  headers?: () => Promise<Record<string, string>> | Record<string, string>;
  /** How often a request is sent at most before its answer began, and a broken stream taken up. Default: 3. */
  attempts?: number;
  /** The longest silence, before the answer and in it. Default: 60 000. Keep it above the function's heartbeat. */
  idleTimeoutMs?: number;
  /** Default: the browser's own. */
  fetch?: typeof globalThis.fetch;
  /** The service to sign for. Default: `lambda`; `execute-api` for API Gateway. */
  service?: string;
  /** More dialects than the module's own four: `dialects` of `streaming-lambda-client/dialects`. */
  dialects?: Dialects;
}

export interface CallOptions {
  /** What follows the client's URL, such as `/v1/chat/completions`; it may have a query. Default: the URL itself. */
  path?: string;
  /** Default: POST with a body, else GET. */
  method?: string;
  /** A value to send as JSON. */
  json?: unknown;
  /** A body to send as it is. */
  body?: string | Uint8Array;
  /** Added to the client's own, and stronger than these: an empty one takes one of them away. */
  headers?: Record<string, string>;
  /** The answer's wire format. Default: what its header `x-stream-dialect` says, else its content type. */
  dialect?: Dialect;
  /** Cancels the stream when it is aborted. */
  signal?: AbortSignal;
  /** Whether a stream that broke off, and that the function keeps, is taken up again. Default: true. */
  resume?: boolean;
}

/** Calls a streaming URL, and gives the events of its answer as they come. */
export class StreamingClient {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options.credentials ? { ...options, credentials: cached(options.credentials) } : options;
  }

  /** The answer to a request, which is sent when it is first read. */
  stream(call: CallOptions = {}): EventStream {
    return new Stream(this.#options, call);
  }
}
