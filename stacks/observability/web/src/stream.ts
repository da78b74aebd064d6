// The stream as `clients/browser` gives it, and what its errors mean to who watches.

import { AccessDenied, type CredentialsProvider, DeadlineExceeded, HttpError, StreamingClient, StreamingError, StreamTruncated, Throttled } from "../../../../clients/browser/src/index.ts";
import type { Config } from "./access.ts";
import type { Page } from "./page.ts";
import { WINDOW_MINUTES } from "./store.ts";
import { type Ended, type Events, Watching, type World } from "./watching.ts";

/** The function breaks ten seconds of silence; three times that is a stream that nobody writes to any more. */
const SILENT_MS = 30_000;

/** Watches until the page is left. */
export function startWatching(config: Config, credentials: CredentialsProvider, makePage: (again: () => void) => Page): void {
  const client = new StreamingClient({
    url: config.url,
    region: config.region,
    credentials,
    attempts: 1, // it is begun again here, where the waiting can be shown
    idleTimeoutMs: SILENT_MS,
  });
  const world = browser();
  const page = makePage(world.wake);
  const watching = new Watching({
    open: (lastEventId) =>
      client.stream({
        method: "GET",
        path: `/events?minutes=${WINDOW_MINUTES}`,
        resume: false,
        ...(lastEventId === undefined ? {} : { headers: { "last-event-id": lastEventId } }),
      }) as Events,
    classify,
    event: (name, value) => page.event(name, value),
    connection: (now) => page.connection(now),
    world,
  });
  addEventListener("offline", () => void watching.breakOff());
  addEventListener("pagehide", () => watching.stop());
  // Back from the browser's own keeping, where nothing ran.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  void watching.run();
}

/** What an error of the stream means. Exported for tests of its own. */
export function classify(error: unknown): Ended {
  if (error instanceof Throttled) return { kind: "throttled", seconds: error.retryAfterSeconds };
  if (error instanceof AccessDenied) return { kind: "denied", requestId: error.requestId };
  if (error instanceof DeadlineExceeded) return { kind: "deadline" };
  if (error instanceof StreamTruncated) return { kind: "cut" };
  if (error instanceof HttpError) return { kind: "failed", message: `The endpoint answered ${error.status}.` };
  if (error instanceof StreamingError && error.code === "TIMEOUT") return { kind: "silent" };
  if (error instanceof StreamingError) return { kind: "unreachable" };
  return { kind: "failed", message: error instanceof Error ? error.message : "Something went wrong." };
}

/** The browser's clock, network and visibility; `wake` ends every wait. */
function browser(): World & { wake: () => void } {
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const done of waiting) done();
  };
  addEventListener("online", wake);
  document.addEventListener("visibilitychange", () => !document.hidden && wake());
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    online: () => navigator.onLine,
    visible: () => !document.hidden,
    wake,
    wait: (ms) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        waiting.add(done);
      }),
  };
}
