// Streams by Lambda's own Node.js runtime, which knows nothing of ours.

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const what = event.do ?? event.rawPath.split('/')[1];
  if (what === 'before') throw new TypeError('the secret word');
  if (what === 'head') {
    stream = awslambda.HttpResponseStream.from(stream, {
      statusCode: 201,
      headers: { 'Content-Type': 'text/csv', 'X-Mine': '1' },
      cookies: ['a=1; Path=/', 'b=2'],
    });
  }
  if (what === 'csv') stream.setContentType('text/csv');
  stream.write('one');
  if (what === 'slow') await pause(1500);
  if (what === 'after') {
    await pause(200);
    throw new TypeError('the secret word');
  }
  stream.end('two');
});
