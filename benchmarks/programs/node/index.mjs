// The same on AWS's own client for Node.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

const headers = { "content-type": "text/plain; charset=utf-8" };

export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const stream = awslambda.HttpResponseStream.from(responseStream, { statusCode: 200, headers });
  const [kind, ...numbers] = event.rawPath.slice(1).split("/");
  const [size, count, pause] = numbers.map(Number);
  if (kind === "first") {
    stream.write("hello");
  } else if (kind === "paced") {
    for (let index = 0; index < count; index++) {
      await sleep(pause);
      stream.write(String(process.hrtime.bigint()).padStart(size, "0"));
    }
  } else {
    const piece = kind === "bytes" ? Buffer.alloc(size, "x") : "x".repeat(size);
    for (let index = 0; index < count; index++) {
      if (!stream.write(piece)) await once(stream, "drain"); // as flat in memory as ours
    }
  }
  stream.end();
});
