import { words } from "./words";

declare const awslambda: {
  streamifyResponse(handler: (event: unknown, stream: { write(text: string): void; end(): void }) => Promise<void>): unknown;
};

export const handler = awslambda.streamifyResponse(async (_event, stream) => {
  for (const word of words()) stream.write(`${word}\n`);
  stream.end();
});
