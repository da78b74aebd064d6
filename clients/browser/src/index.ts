/** Reads streams from AWS Lambda in a browser: signed, decoded, resumable, and a whole answer told from a cut one. */
export { type CallOptions, type ClientOptions, StreamingClient } from "./client.ts";
export { cognitoCredentials } from "./cognito.ts";
export type { Credentials, CredentialsProvider } from "./credentials.ts";
export type { Dialect, Dialects } from "./dialects/choose.ts";
export { AccessDenied, DeadlineExceeded, HttpError, StreamError, StreamingError, StreamTruncated, Throttled } from "./errors.ts";
export type { StreamEvent, Usage } from "./events.ts";
export type { EventStream } from "./stream.ts";
export type { Timing } from "./timing.ts";
