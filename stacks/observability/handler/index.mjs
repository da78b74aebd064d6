// `GET /events`: metrics, alarms and logs of other functions as a live stream of events, by Lambda's own streaming for Node.js.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { CloudWatchClient, DescribeAlarmsCommand, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { alarmsSource } from "./alarms.mjs";
import { parse, Refused } from "./asked.mjs";
import { logsSource } from "./logs.mjs";
import { metricsSource } from "./metrics.mjs";
import { encode, HEADERS, HEARTBEAT } from "./sse.mjs";
import { watch } from "./watching.mjs";

const WATCHED = JSON.parse(process.env.WATCHED);
const MOST_SECONDS = Number(process.env.MOST_SECONDS);
const EVERY = { metrics: Number(process.env.METRICS_SECONDS) * 1000, logs: Number(process.env.LOGS_SECONDS) * 1000 };
const HEARTBEAT_MS = 10_000;
const MARGIN_MS = 2_000; // of the function's time, for the end

const cloudwatch = new CloudWatchClient({});
const logs = new CloudWatchLogsClient({});

export const handler = awslambda.streamifyResponse(async (event, responseStream, context) => {
  const now = Date.now();
  let asked;
  try {
    asked = parse(event, WATCHED.map(({ label }) => label), MOST_SECONDS, now);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refuse(responseStream, error);
    return;
  }
  const answer = awslambda.HttpResponseStream.from(responseStream, { statusCode: 200, headers: HEADERS });
  const write = async (text) => {
    if (!answer.write(text)) await once(answer, "drain"); // a slow viewer is waited for; nothing piles up
  };
  const watched = WATCHED.filter(({ label }) => asked.only.includes(label));
  const lines = logsSource({ filter: (input) => logs.send(new FilterLogEventsCommand(input)), watched, from: asked.after ?? now, everyMs: EVERY.logs });
  const sources = [
    alarmsSource({ describe: (input) => cloudwatch.send(new DescribeAlarmsCommand(input)), watched, everyMs: EVERY.metrics }),
    metricsSource({ get: (input) => cloudwatch.send(new GetMetricDataCommand(input)), watched, minutes: asked.minutes, everyMs: EVERY.metrics }),
    lines,
  ];
  const endsAt = Math.min(now + asked.seconds * 1000, now + context.getRemainingTimeInMillis() - MARGIN_MS);
  await write(encode({ id: lines.place(), name: "watching", data: { functions: asked.only, seconds: asked.seconds, resumed: asked.after !== null } }));
  const note = (source, error) => console.error(`${source} cannot be read: ${error.name}: ${error.message}`);
  for await (const found of watch({ sources, clock: Date.now, sleep, endsAt, heartbeatMs: HEARTBEAT_MS, note })) {
    await write(found === null ? HEARTBEAT : encode(found));
  }
  await write(encode({ id: lines.place(), name: "finish", data: { reason: "length", usage: null } })); // come back with Last-Event-ID
  answer.end();
});

function refuse(responseStream, { status, code, message, headers }) {
  const answer = awslambda.HttpResponseStream.from(responseStream, {
    statusCode: status,
    headers: { "content-type": "application/json", ...headers },
  });
  answer.write(JSON.stringify({ error: { code, message } }));
  answer.end();
}
