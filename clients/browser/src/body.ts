import { StreamingError, StreamTruncated } from "./errors.ts";
import { cancelled } from "./exchange.ts";

const LONGEST_DRAIN_MS = 1_000;

type Body = ReadableStreamDefaultReader<Uint8Array>;

/** The next bytes of a body, which are not waited for longer than `patienceMs`. */
export const readPart = async (body: Body, patienceMs: number, stop: AbortSignal) => {
  const late = hangUpAfter(patienceMs, body);
  let part;
  try {
    part = await body.read();
  } catch {
    // told below
  }
  late.clear();
  if (stop.aborted) throw cancelled();
  if (late.passed) throw new StreamingError("TIMEOUT", `the stream was silent for ${patienceMs} ms`);
  if (!part) throw new StreamTruncated("the connection broke in mid-stream");
  return part;
};

/** Reads what follows the terminal event, HTTP's own end, so that the connection can be used again. Never fails. */
export const drain = async (body: Body): Promise<void> => {
  const late = hangUpAfter(LONGEST_DRAIN_MS, body);
  try {
    while (!(await body.read()).done);
  } catch {
    // nothing that anybody waits for
  }
  late.clear();
};

const hangUpAfter = (ms: number, body: Body) => {
  const timer = setTimeout(() => {
    late.passed = true;
    body.cancel().catch(() => {}); // of a stream that broke meanwhile
  }, ms);
  const late = { passed: false, clear: () => clearTimeout(timer) };
  return late;
};
