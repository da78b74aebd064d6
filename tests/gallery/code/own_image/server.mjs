import { createServer } from "node:http";

createServer((_request, response) => {
  response.writeHead(200, { "content-type": "text/plain" });
  for (const word of ["one", "two", "three"]) response.write(`${word}\n`);
  response.end();
}).listen(Number(process.env.PORT), "127.0.0.1");
