import { AwsV4Signer } from "aws4fetch";
import type { Credentials } from "./credentials.ts";
import { StreamingError } from "./errors.ts";

const HOST_REGION = /^[^.]+\.(?:lambda-url|execute-api)\.([a-z\d-]+)\.(?:on\.aws|amazonaws\.com(?:\.cn)?)$/;
const THIS_MACHINE = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * The URL of a path below a base URL: one slash between the two, and the query in the one spelling on which all verifiers
 * agree, each name and value percent-encoded once, strictly (`+` is a space, as Lambda reads it). A pair without a name is
 * left out: it cannot be signed.
 */
export const urlOf = (base: string, path: string): URL => {
  const url = new URL(path && path[0] != "?" ? `${base.replace(/\/+$/, "")}/${path.replace(/^\//, "")}` : base + path);
  url.search = [...url.searchParams]
    .filter(([name]) => name)
    .map((pair) => pair.map(strict).join("="))
    .join("&");
  return url;
};

const strict = (part: string) =>
  encodeURIComponent(part).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * Adds to `headers` the SHA-256 of the body, which CloudFront's origin access control asks for, and with credentials the
 * signature.
 */
export const sign = async (
  url: URL,
  method: string,
  headers: Headers,
  body: Uint8Array<ArrayBuffer> | undefined,
  credentials: Credentials | undefined,
  region?: string,
  service = "lambda",
): Promise<Headers> => {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", body ?? new Uint8Array()));
  headers.set("x-amz-content-sha256", [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
  if (!credentials) return headers;
  const scope = region || HOST_REGION.exec(url.hostname)?.[1];
  if (!scope) throw new StreamingError("NO_REGION", "the URL's host does not tell the region to sign for: pass region");
  if (url.protocol != "https:" && !THIS_MACHINE.test(url.hostname))
    throw new StreamingError("INSECURE_URL", "a signed request would go in plain text: use https");
  headers.delete("authorization");
  return (await new AwsV4Signer({ ...credentials, url: url.href, method, headers, region: scope, service }).sign()).headers;
};
