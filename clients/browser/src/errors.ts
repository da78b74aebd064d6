/**
 * The root of everything that can go wrong with a stream. No message here holds a credential, a signature or a query.
 *
 * Its own codes are in capitals (`TRUNCATED`, `TIMEOUT`, `CONNECTION_FAILED`, `NO_REGION`, ...); the server's are as it
 * spelled them.
 */
export class StreamingError extends Error {
  override name = "StreamingError";
  /** A name for programs. */
  readonly code: string;
  /** The id under which AWS knows the request. Absent where no answer came, or where CORS hides it. */
  requestId?: string | undefined;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The stream ended before its terminal event: what was delivered is not the whole answer. */
export class StreamTruncated extends StreamingError {
  override name = "StreamTruncated";

  constructor(reason: string) {
    super("TRUNCATED", `${reason}: what was delivered is not the whole answer`);
  }
}

/** The stream said, after it had begun, that it failed; or it was cancelled (`cancelled`). What came before was delivered. */
export class StreamError extends StreamingError {
  override name = "StreamError";
}

/** The function reached its time limit (or its longest stream) and ended the stream in order, incomplete. */
export class DeadlineExceeded extends StreamError {
  override name = "DeadlineExceeded";
}

/** The answer is not a stream but a refusal or a failure: any status outside 200 to 299. */
export class HttpError extends StreamingError {
  override name = "HttpError";
  readonly status: number;

  constructor(code: string, message: string, status: number) {
    super(code, `${message} (HTTP ${status})`);
    this.status = status;
  }
}

/** 429: too many calls for the function's concurrency, or for the model behind it. */
export class Throttled extends HttpError {
  override name = "Throttled";
  /** How long the server asks to wait, in seconds. Absent where it does not say, or where CORS hides it. */
  retryAfterSeconds?: number;
}

/** 403: the signature is wrong, or the caller may not. Calling a Function URL takes two permissions. */
export class AccessDenied extends HttpError {
  override name = "AccessDenied";
  /** The permission that the answer names as missing: `lambda:InvokeFunctionUrl` or `lambda:InvokeFunction`. */
  missingPermission?: string;
}
