"use strict";
// Lambda@Edge, origin request, body included. CloudFront's origin access control signs a request with body only when
// the header x-amz-content-sha256 tells it the body's hash; browsers and most SDKs do not send one. This computes it.
// It signs nothing itself and hands the body on untouched: the hash is over the bytes as they came, never over text.
const { createHash } = require("node:crypto");

const HEADER = "x-amz-content-sha256";
const WITHOUT_BODY = new Set(["GET", "HEAD"]);
const HASH = /^[0-9a-f]{64}$/;

const TOO_LARGE = {
  status: "413",
  statusDescription: "Content Too Large",
  headers: {
    "content-type": [{ key: "Content-Type", value: "application/json" }],
    "cache-control": [{ key: "Cache-Control", value: "no-store" }],
  },
  body: JSON.stringify({
    error: {
      code: "content_too_large",
      message: `The body is above 1 MB. Send its SHA-256 in hexadecimal as ${HEADER}, or a smaller body.`,
    },
  }),
};

exports.handler = async (event) => {
  const { request } = event.Records[0].cf;
  const { body, headers, method } = request;
  if (!body || WITHOUT_BODY.has(method)) return request; // the hash of no body is CloudFront's own business
  if (body.inputTruncated) {
    // Only the first 1 MB is shown here, so the caller's own hash is all there is.
    const given = headers[HEADER];
    return given && given.length === 1 && HASH.test(given[0].value) ? request : TOO_LARGE;
  }
  const bytes = Buffer.from(body.data, body.encoding === "text" ? "utf8" : "base64");
  headers[HEADER] = [{ key: HEADER, value: createHash("sha256").update(bytes).digest("hex") }];
  return request;
};
