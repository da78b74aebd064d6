// The observability example's logic, with sources and a clock of the test's own. Run by test_observability_handler.py.

import assert from "node:assert/strict";
import { test } from "node:test";
import { alarmsSource } from "../../stacks/observability/handler/alarms.mjs";
import { parse, Refused } from "../../stacks/observability/handler/asked.mjs";
import { logsSource, shown } from "../../stacks/observability/handler/logs.mjs";
import { metricsSource, queries } from "../../stacks/observability/handler/metrics.mjs";
import { encode } from "../../stacks/observability/handler/sse.mjs";
import { watch } from "../../stacks/observability/handler/watching.mjs";

const NOW = 1_795_000_000_000;
const MINUTE = 60_000;
const START = Math.floor(NOW / MINUTE) * MINUTE;
const CHAT = { label: "chat", function: "Chat-F", alias: "live", logGroup: "/chat", alarms: "ChatStack-" };
const SHOP = { label: "shop", function: "Shop-F", alias: "live", logGroup: "/shop", alarms: "ShopStack-" };

function request(rawPath, rawQueryString = "", { method = "GET", headers = {} } = {}) {
  return { rawPath, rawQueryString, headers, requestContext: { http: { method } } };
}

test("a request is read, and what is left out has its usual value", () => {
  const labels = ["chat", "shop"];
  assert.deepEqual(parse(request("/events"), labels, 300, NOW), { only: labels, seconds: 300, minutes: 30, after: null });
  assert.deepEqual(parse(request("/events", "only=shop&seconds=5&minutes=60"), labels, 300, NOW), {
    only: ["shop"],
    seconds: 5,
    minutes: 60,
    after: null,
  });
});

test("who was cut off goes on where he was, but not further back than an hour", () => {
  const after = (id) => parse(request("/events", "", { headers: { "last-event-id": id } }), ["chat"], 300, NOW).after;
  assert.equal(after(String(NOW - 5_000)), NOW - 5_000);
  assert.equal(after(String(NOW - 100 * MINUTE)), NOW - 60 * MINUTE);
  for (const id of ["x", "-1", String(NOW + 1), "99999999999999"]) assert.throws(() => after(id), Refused);
});

for (const [what, event, status] of [
  ["another path", request("/"), 404],
  ["another method", request("/events", "", { method: "POST" }), 405],
  ["an unknown parameter", request("/events", "from=0"), 400],
  ["a function that is not watched", request("/events", "only=secret"), 400],
  ["no seconds", request("/events", "seconds=0"), 400],
  ["too many seconds", request("/events", "seconds=301"), 400],
  ["seconds that are no number", request("/events", "seconds=1e2"), 400],
  ["too much history", request("/events", "minutes=181"), 400],
]) {
  test(`${what} is refused with ${status}`, () => {
    assert.throws(
      () => parse(event, ["chat"], 300, NOW),
      (error) => error instanceof Refused && error.status === status,
    );
  });
}

test("metrics are asked for by the alias's own dimensions", () => {
  const { MetricStat } = queries([CHAT]).find(({ key }) => key === "errors");
  assert.deepEqual(MetricStat.Metric, {
    Namespace: "AWS/Lambda",
    MetricName: "Errors",
    Dimensions: [
      { Name: "FunctionName", Value: "Chat-F" },
      { Name: "Resource", Value: "Chat-F:live" },
    ],
  });
  assert.deepEqual([MetricStat.Period, MetricStat.Stat], [60, "Sum"]);
});

test("what our runtime writes of its streams is asked for by alias too, and told in milliseconds", async () => {
  const asked = queries([CHAT]);
  const index = asked.findIndex(({ key }) => key === "firstTokenP90Ms");
  const { Metric, Stat } = asked[index].MetricStat;
  assert.deepEqual([Metric.Namespace, Metric.MetricName, Stat], ["StreamingLambda", "gen_ai.server.time_to_first_token", "p90"]);
  assert.deepEqual(Metric.Dimensions, asked[0].MetricStat.Metric.Dimensions);
  const get = async () => ({ MetricDataResults: [{ Id: `m${index}`, Timestamps: [new Date(START)], Values: [0.25] }] });
  const [event] = await metricsSource({ get, watched: [CHAT], minutes: 30, everyMs: 1 }).poll(NOW);
  assert.deepEqual(event.data.points, [{ time: START, firstTokenP90Ms: 250 }]);
});

test("points are put together by function and minute, over all pages, and each is sent once unless it changes", async () => {
  const asked = [];
  let invocations = 7;
  const get = async (input) => {
    asked.push(input);
    const id = (label, key) => `m${queries([CHAT, SHOP]).findIndex((found) => found.label === label && found.key === key)}`;
    const at = (...minutes) => minutes.map((minute) => new Date(START + minute * MINUTE));
    if (!input.NextToken) {
      return { NextToken: "more", MetricDataResults: [{ Id: id("chat", "invocations"), Timestamps: at(-2, -1), Values: [5, invocations] }] };
    }
    return {
      MetricDataResults: [
        { Id: id("chat", "slowestMs"), Timestamps: at(-1), Values: [1234.5] },
        { Id: id("shop", "errors"), Timestamps: at(-1), Values: [2] },
      ],
    };
  };
  const source = metricsSource({ get, watched: [CHAT, SHOP], minutes: 30, everyMs: 1 });
  assert.deepEqual(await source.poll(NOW), [
    {
      name: "metrics",
      data: {
        label: "chat",
        points: [
          { time: START - 2 * MINUTE, invocations: 5 },
          { time: START - MINUTE, invocations: 7, slowestMs: 1234.5 },
        ],
      },
    },
    { name: "metrics", data: { label: "shop", points: [{ time: START - MINUTE, errors: 2 }] } },
  ]);
  assert.equal(+asked[0].StartTime, START - 30 * MINUTE);
  assert.deepEqual(await source.poll(NOW), []);
  assert.equal(+asked[2].StartTime, START - 5 * MINUTE);
  invocations = 8;
  const [changed] = await source.poll(NOW);
  assert.deepEqual(changed.data.points, [{ time: START - MINUTE, invocations: 8, slowestMs: 1234.5 }]);
});

test("alarms are told at first, and then when one changes", async () => {
  let state = "OK";
  const describe = async ({ AlarmNamePrefix }) => ({
    MetricAlarms: [{ AlarmName: `${AlarmNamePrefix}Errors`, StateValue: state, StateUpdatedTimestamp: new Date(NOW), StateReason: "secret" }],
  });
  const source = alarmsSource({ describe, watched: [CHAT], everyMs: 1 });
  const told = () => [{ name: "alarms", data: { alarms: [{ label: "chat", name: "ChatStack-Errors", state, since: NOW }] } }];
  assert.deepEqual(await source.poll(), told());
  assert.deepEqual(await source.poll(), []);
  state = "ALARM";
  assert.deepEqual(await source.poll(), told());
});

test("of a log line only known fields are shown, and of most lines nothing", () => {
  assert.deepEqual(
    shown('{"type":"platform.report","record":{"status":"success","requestId":"r","metrics":{"durationMs":12,"maxMemoryUsedMB":90,"secret":1}}}'),
    {
      kind: "stream",
      status: "success",
      durationMs: 12,
      billedDurationMs: undefined,
      maxMemoryUsedMB: 90,
      memorySizeMB: undefined,
      initDurationMs: undefined,
    },
  );
  assert.deepEqual(shown('{"level":"ERROR","message":"it broke","requestId":"r","stackTrace":["secret"]}'), {
    kind: "line",
    level: "ERROR",
    text: "it broke",
    requestId: "r",
  });
  assert.equal([...shown(JSON.stringify({ level: "ERROR", message: "😀".repeat(600) })).text].length, 500);
  for (const line of ["plain", "5", "null", '{"level":"INFO","message":"x"}', '{"type":"platform.start"}', '{"level":"ERROR","_aws":{}}']) {
    assert.equal(shown(line), null);
  }
});

test("a line is shown once, however often it is read, and one that comes late is not missed", async () => {
  const lines = [];
  const asked = [];
  const filter = async ({ startTime }) => {
    asked.push(startTime);
    return { events: lines.filter(({ timestamp }) => timestamp >= startTime) };
  };
  const line = (eventId, timestamp) => ({ eventId, timestamp, message: '{"level":"ERROR","message":"x"}' });
  const source = logsSource({ filter, watched: [CHAT], from: NOW, everyMs: 1 });
  lines.push(line("a", NOW + 1_000));
  const first = await source.poll(NOW + 5_000);
  assert.deepEqual(
    first.map(({ id, data }) => [id, data.id]),
    [[NOW, "a"]],
  );
  lines.push(line("late", NOW + 500), line("b", NOW + 6_000));
  const second = await source.poll(NOW + 10_000);
  assert.deepEqual(second.map(({ data }) => data.id), ["late", "b"]);
  assert.deepEqual(await source.poll(NOW + 40_000), []);
  await source.poll(NOW + 45_000);
  assert.deepEqual(asked, [NOW, NOW, NOW, NOW + 25_000]);
});

test("who comes back with an id misses nothing that had not been sent", async () => {
  const lines = ["a", "b", "c"].map((eventId, index) => ({ eventId, timestamp: NOW + index, message: '{"level":"ERROR","message":"x"}' }));
  const filter = async ({ startTime }) => ({ events: lines.filter(({ timestamp }) => timestamp >= startTime) });
  const [first] = await logsSource({ filter, watched: [CHAT], from: NOW, everyMs: 1 }).poll(NOW + 5_000);
  const rest = await logsSource({ filter, watched: [CHAT], from: first.id, everyMs: 1 }).poll(NOW + 9_000);
  assert.deepEqual(rest.map(({ data }) => data.id), ["a", "b", "c"]);
});

test("where no line was shown, too, there is a place to come back to, and it is not far back", async () => {
  const source = logsSource({ filter: async () => ({ events: [] }), watched: [CHAT], from: NOW, everyMs: 1 });
  assert.equal(source.place(), NOW);
  await source.poll(NOW + 60_000);
  assert.equal(source.place(), NOW + 45_000);
});

test("more lines than can be shown are announced", async () => {
  const filter = async () => ({ events: [], nextToken: "more" });
  const events = await logsSource({ filter, watched: [CHAT], from: NOW, everyMs: 1 }).poll(NOW);
  assert.deepEqual(events.map(({ name, data }) => [name, data.label]), [["gap", "chat"]]);
});

/** Runs a watch on a clock that only sleeping moves. */
async function run(sources, { seconds, heartbeatMs = 10_000 }) {
  let now = NOW;
  const notes = [];
  const events = [];
  const going = watch({
    sources,
    clock: () => now,
    sleep: async (ms) => {
      now += Math.max(1, ms);
    },
    endsAt: NOW + seconds * 1000,
    heartbeatMs,
    note: (name, error) => notes.push([name, error.message]),
  });
  for await (const event of going) events.push([now - NOW, event]);
  return { events, notes, took: now - NOW };
}

test("each source is asked at its own pace until the time is over", async () => {
  const source = (name, everyMs) => ({ name, everyMs, poll: async () => [{ name, data: {} }] });
  const { events, took } = await run([source("slow", 30_000), source("quick", 5_000)], { seconds: 60 });
  const times = (name) => events.filter(([, event]) => event?.name === name).map(([at]) => at);
  assert.deepEqual(times("slow"), [0, 30_000]);
  assert.deepEqual(times("quick"), [0, 5_000, 10_000, 15_000, 20_000, 25_000, 30_000, 35_000, 40_000, 45_000, 50_000, 55_000]);
  assert.equal(took, 60_000);
});

test("silence is broken by a heartbeat", async () => {
  const { events } = await run([{ name: "silent", everyMs: 1_000_000, poll: async () => [] }], { seconds: 35 });
  assert.deepEqual(events, [
    [10_000, null],
    [20_000, null],
    [30_000, null],
  ]);
});

test("a source that fails is told of, without why, and does not stop the others", async () => {
  const broken = {
    name: "logs",
    everyMs: 10_000,
    poll: async () => {
      throw new Error("arn:aws:secret");
    },
  };
  const well = { name: "metrics", everyMs: 10_000, poll: async () => [{ name: "metrics", data: {} }] };
  const { events, notes } = await run([broken, well], { seconds: 20 });
  assert.deepEqual(events.map(([, event]) => event.name), ["trouble", "metrics", "trouble", "metrics"]);
  assert.ok(!JSON.stringify(events).includes("secret"));
  assert.deepEqual(notes, [["logs", "arn:aws:secret"], ["logs", "arn:aws:secret"]]);
});

test("an event is one data line, whatever is in it", () => {
  assert.equal(encode({ name: "log", data: { text: "a\nb\r\n\n" } }), 'event: log\ndata: {"text":"a\\nb\\r\\n\\n"}\n\n');
  assert.equal(encode({ id: 5, name: "log", data: {} }), "id: 5\nevent: log\ndata: {}\n\n");
});
