// Calls Lambda's API by aws-sdk-js as it comes from npm, and prints what it saw as JSON.
import { InvokeCommand, InvokeWithResponseStreamCommand, LambdaClient } from '@aws-sdk/client-lambda';

const [name, endpoint] = process.argv.slice(2);
const client = new LambdaClient({ maxAttempts: 1, ...(endpoint ? { endpoint } : {}) });
const payload = (what) => Buffer.from(JSON.stringify({ do: what }));
const text = (bytes) => Buffer.from(bytes).toString();

const refused = async (request) => {
  try {
    await client.send(new InvokeCommand(request));
    return null;
  } catch (error) {
    return [error.name, error.$metadata.httpStatusCode];
  }
};

const streamed = async (what) => {
  const request = { FunctionName: name, Qualifier: 'live', LogType: 'Tail', Payload: payload(what) };
  const answer = await client.send(new InvokeWithResponseStreamCommand(request));
  const chunks = [];
  const started = performance.now();
  for await (const event of answer.EventStream) {
    if (event.PayloadChunk) chunks.push([(performance.now() - started) / 1000, text(event.PayloadChunk.Payload)]);
    if (event.InvokeComplete) return { chunks, complete: event.InvokeComplete };
  }
  return { chunks };
};

const whole = await client.send(new InvokeCommand({ FunctionName: name, Payload: payload('head') }));
const seen = {
  whole: text(whole.Payload),
  version: whole.ExecutedVersion,
  slow: await streamed('slow'),
  after: await streamed('after'),
  missing: await refused({ FunctionName: `${name}-not` }),
  qualifier: await refused({ FunctionName: name, Qualifier: 'nothing' }),
  malformed: await refused({ FunctionName: name, Payload: Buffer.from('{') }),
};
console.log(JSON.stringify(seen));
