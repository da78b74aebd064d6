// Loaded before AWS's own client for Node.js (aws-lambda-ric), which itself stays as it is. Two things that Lambda has and a
// laptop has not:
//
// 1. The client's compiled part, `rapid-client.node`, is built for Linux with a compiler. Its three functions (next, done, error;
//    see src/native/rapid-client.cc of aws-lambda-ric 4.0.2) stand here in JavaScript.
// 2. Lambda lets ES modules find packages in NODE_PATH (https://aws.amazon.com/blogs/compute/node-js-18-x-runtime-now-available-in-aws-lambda/);
//    Node itself does so for CommonJS alone.
"use strict";

const http = require("node:http");
const Module = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const [hostname, port] = (process.env.AWS_LAMBDA_RUNTIME_API ?? "").split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const RETRIES = 200;
const RETRY_MS = 5;
const PREFIX = "/2018-06-01/runtime/invocation/";

let attempt; // of the invocation under way, to be echoed
let answered = Promise.resolve();

function call(method, target, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, agent, method, path: PREFIX + target, headers }, (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces).toString() }));
      response.on("error", reject);
    });
    request.setNoDelay(true);
    request.on("error", reject);
    request.end(body);
  });
}

function post(target, body, headers) {
  const data = Buffer.from(body);
  const all = { "Content-Type": "application/json", "Content-Length": data.length, ...headers };
  if (attempt !== undefined) all["Lambda-Runtime-Invocation-Id"] = attempt;
  answered = call("POST", target, all, data);
  answered.catch((error) => {
    console.error(`the Runtime API cannot be reached: ${error.message}`);
    process.exit(1);
  });
}

const client = {
  async next() {
    await answered;
    let answer = await call("GET", "next", {});
    // After an error of a streaming handler the client asks for the next invocation before it has said how the last one ended.
    for (let tries = 0; answer.status === 403 && tries < RETRIES; tries++) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      answer = await call("GET", "next", {});
    }
    const { headers, body } = answer;
    attempt = headers["lambda-runtime-invocation-id"];
    return { bodyJson: body, headers: { ...headers, "lambda-runtime-deadline-ms": Number(headers["lambda-runtime-deadline-ms"]) } };
  },
  done(id, body) {
    post(`${id}/response`, body, {});
  },
  error(id, body, cause) {
    const type = JSON.parse(body).errorType;
    post(`${id}/error`, body, { "Lambda-Runtime-Function-Error-Type": encodeURIComponent(type ?? "Error") });
    void cause; // for X-Ray, which is not emulated
  },
};

const load = Module._load;
Module._load = function (request, ...rest) {
  return request === "./rapid-client.node" ? client : load.call(this, request, ...rest);
};

const folders = (process.env.NODE_PATH ?? "").split(path.delimiter).filter(Boolean);
const isPackage = (specifier) => !/^(\.{0,2}\/|[a-z][a-z0-9+.-]*:)/i.test(specifier);
Module.registerHooks?.({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      if (error.code !== "ERR_MODULE_NOT_FOUND" || !isPackage(specifier)) throw error;
      for (const folder of folders) {
        if (path.basename(folder) !== "node_modules") continue;
        try {
          return next(specifier, { ...context, parentURL: pathToFileURL(path.join(path.dirname(folder), "any.mjs")).href });
        } catch (other) {
          if (other.code !== "ERR_MODULE_NOT_FOUND") throw other;
        }
      }
      throw error;
    }
  },
});
