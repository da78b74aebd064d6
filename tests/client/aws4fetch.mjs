// Signs requests with aws4fetch: one JSON document of {url, method, headers, body in base64, ...AwsV4Signer's options} in a list on standard input,
// the list of their Authorization headers on standard output.

import { AwsV4Signer } from "aws4fetch";
import { readFileSync } from "node:fs";

const signed = [];
for (const { body, ...options } of JSON.parse(readFileSync(0, "utf8"))) {
  const signer = new AwsV4Signer({ ...options, body: body ? Buffer.from(body, "base64") : undefined, allHeaders: true });
  signed.push((await signer.sign()).headers.get("authorization"));
}
process.stdout.write(JSON.stringify(signed));
