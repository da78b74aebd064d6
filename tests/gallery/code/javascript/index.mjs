export const handler = awslambda.streamifyResponse(async (event, stream) => {
  for (const word of ["one", "two", "three"]) stream.write(`${word}\n`);
  stream.end();
});
