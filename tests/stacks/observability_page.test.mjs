// What the observability page does without a browser: numbers, what is kept, what charts say, and when the stream begins again.
// Run by test_observability_handler.py. Node.js reads TypeScript by leaving its types out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { age, alarmName, count, duration, rate, share, text } from "../../stacks/observability/web/src/format.ts";
import { shown } from "../../stacks/observability/web/src/series.ts";
import { MOST_LINES, Store } from "../../stacks/observability/web/src/store.ts";
import { UNTIL_WOKEN, Watching } from "../../stacks/observability/web/src/watching.ts";

const MINUTE = 60_000;
const NOW = 1_795_000_020_000;
const START = Math.floor(NOW / MINUTE) * MINUTE;

test("numbers have the unit in which they are short", () => {
  const of = (as, numbers) => numbers.map((number) => text(as(number)));
  assert.deepEqual(of(duration, [0, 0.4, 999.4, 999.6, 1_234, 9_994, 9_996, 59_940, 90_000]), [
    "0 ms", "0 ms", "999 ms", "1 s", "1.23 s", "9.99 s", "10 s", "59.9 s", "1.5 min",
  ]);
  assert.deepEqual(of(count, [0, 999, 999.6, 1_249, 999_949, 999_951, 2_340_000]), ["0", "999", "1 k", "1.2 k", "999.9 k", "1 M", "2.3 M"]);
  assert.deepEqual(of((number) => rate(number, "/s"), [0.04, 51.26, 99.96, 1_500]), ["0 /s", "51.3 /s", "100 /s", "1.5 k /s"]);
  assert.deepEqual([share(999, 1_000), share(9_999, 10_000), share(1, 1)].map(text), ["99.9 %", "99.9 %", "100 %"], "never all where one is missing");
  assert.deepEqual([-5, 999, 59_999, 60_000, 3_600_000, 7_500_000, 90_000_000].map(age), ["0 s", "0 s", "59 s", "1 min", "1 h", "2 h 5 min", "1 d"]);
});

test("alarms are called what people call them, and by their whole name where CloudFormation gave none", () => {
  assert.equal(alarmName("ChatStack-ChatAlarmsTimeToFirstByte742A687F-1A2B3C4D5E6F"), "Time to first byte");
  assert.equal(alarmName("ChatStack-QueueDepth0213827F-1A2B3C4D5E6F"), "Queue depth");
  for (const name of ["orders-errors", "Errors", "a b c", "", "ChatStack-"]) assert.equal(alarmName(name), name);
});

test("what is kept does not grow: neither points nor lines", () => {
  const store = new Store();
  for (let minute = 0; minute < 500; minute++) {
    const now = START + minute * MINUTE;
    store.apply("metrics", { label: "chat", points: [{ time: now, invocations: 1 }] }, now);
    for (let number = 0; number < 10; number++) {
      store.apply("log", { label: "chat", id: `${minute}/${number}`, time: now + number, kind: "stream", status: "success" }, now);
    }
    store.points("chat", now);
  }
  assert.equal(store.points("chat", START + 499 * MINUTE).length, 32);
  store.apply("log", { label: "chat", id: "old", time: START, kind: "line", level: "ERROR", text: "first" }, START);
  assert.equal(store.lines({}).length, MOST_LINES);
  assert.deepEqual(store.lines({ problems: true }).map((line) => line.text), ["first"], "many streams push no problem out");
});

test("a line that comes twice is one, and a point that changed is the newer", () => {
  const store = new Store();
  for (const value of [1, 2]) {
    store.apply("log", { label: "chat", id: "1", time: NOW, kind: "line", level: "ERROR", text: "x" }, NOW);
    store.apply("metrics", { label: "chat", points: [{ time: START, invocations: value }] }, NOW);
  }
  assert.equal(store.lines({}).length, 1);
  assert.deepEqual(store.points("chat", NOW), [{ time: START, invocations: 2 }]);
});

test("what the stream says wrongly changes nothing", () => {
  const store = new Store();
  for (const value of [null, 1, "x", [], {}, { points: 5, alarms: 5, functions: 5 }, { label: "chat", points: [null, {}, { time: "x" }] }]) {
    for (const name of ["watching", "metrics", "alarms", "log", undefined, "unknown"]) store.apply(name, value, NOW);
  }
  assert.equal(store.functions, undefined);
  assert.deepEqual(store.points("chat", NOW), []);
});

test("an alarm's change is told, and its first state is none", () => {
  const store = new Store();
  const told = (state, extra = []) => store.apply("alarms", { alarms: [{ label: "chat", name: "a", state, since: 1 }, ...extra] }, NOW);
  assert.deepEqual(told("OK"), []);
  assert.deepEqual(told("OK"), []);
  assert.deepEqual(told("ALARM").map(({ alarm, before }) => [alarm.state, before]), [["ALARM", "OK"]]);
  assert.deepEqual(told("ALARM", [{ label: "chat", name: "b", state: "strange", since: 1 }]).map(({ alarm }) => alarm.state), ["INSUFFICIENT_DATA"]);
});

test("who was away for longer than the function goes back is shown the gap", () => {
  const store = new Store();
  store.apply("watching", { functions: ["chat"] }, NOW);
  store.apply("watching", { functions: ["chat"] }, NOW + 59 * MINUTE);
  assert.equal(store.lines({}).length, 0);
  store.apply("watching", { functions: ["chat"] }, NOW + 159 * MINUTE);
  assert.match(store.lines({ label: "chat", problems: true })[0].text, /^lines between \d\d:\d\d and \d\d:\d\d are not shown$/);
});

test("a minute without a point has no stream, and none is invented past where CloudWatch is", () => {
  const points = [{ time: START - 5 * MINUTE, streams: 3, completed: 2, firstTokenP50Ms: 100, firstTokenP90Ms: 200, firstTokenP99Ms: 300 }];
  const [first, , inFlight, outcomes] = shown(points, NOW, START - 3 * MINUTE);
  assert.deepEqual(inFlight.series[0].data.slice(-3).map(({ y }) => y), [3, 0, 0]);
  assert.equal(inFlight.series[0].data.at(-1).x, START - 3 * MINUTE);
  assert.deepEqual(first.series.map(({ data }) => data.slice(-3).map(({ y }) => y)), [[100, null, null], [200, null, null], [300, null, null]]);
  assert.deepEqual(outcomes.now, { value: "100", unit: "%" });
});

/** Runs a page's watching against streams of the test's own, on a clock that only waiting moves. */
async function watch(streams, { online = () => true, visible = () => true, until = streams.length } = {}) {
  const said = [];
  const waits = [];
  const opened = [];
  let now = NOW;
  const watching = new Watching({
    open: (lastEventId) => {
      opened.push(lastEventId);
      if (opened.length > until) {
        watching.stop();
        throw new Error("over");
      }
      return Object.assign(streams[opened.length - 1](() => (now += 5_000)), { cancel: async () => {} });
    },
    classify: (error) => error.ended ?? { kind: "unreachable" },
    event: () => {},
    connection: (found) => said.push(found.state),
    world: {
      now: () => now,
      random: () => 1,
      online,
      visible,
      wait: async (ms) => {
        waits.push(ms);
        now += ms === UNTIL_WOKEN ? MINUTE : ms;
      },
    },
  });
  await watching.run();
  return { said, waits, opened };
}

async function* whole(pass) {
  yield { type: "data", name: "watching", value: {}, id: "1" };
  pass();
  yield { type: "finish", reason: "length", id: "2" };
}

async function* cut(pass) {
  yield { type: "data", name: "watching", value: {}, id: "1" };
  pass();
}

const failing = (ended) =>
  async function* () {
    throw Object.assign(new Error("x"), { ended });
  };

test("a stream that ends in order is followed at once by one that begins at its last event", async () => {
  const { said, waits, opened } = await watch([whole, whole]);
  assert.deepEqual(said, ["connecting", "live", "live"]);
  assert.deepEqual(waits, []);
  assert.deepEqual(opened, [undefined, "2", "2"]);
});

test("nobody sees it, so the next stream waits until somebody does", async () => {
  let seen = 0;
  const { said, waits } = await watch([whole, whole], { visible: () => ++seen > 1 });
  assert.deepEqual(said, ["connecting", "live", "resting", "live"]);
  assert.deepEqual(waits, [UNTIL_WOKEN]);
});

test("one that broke off begins again, ever more patiently until something comes", async () => {
  const down = failing({ kind: "unreachable" });
  const { said, waits, opened } = await watch([cut, down, down, down, down, down, down, cut, cut]);
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 1_000, 1_000]);
  assert.deepEqual(said.slice(0, 4), ["connecting", "live", "reconnecting", "reconnecting"]);
  assert.deepEqual(opened.slice(0, 3), [undefined, "1", "1"]);
});

test("throttled waits as long as it was told, denied a minute, offline until the network is back", async () => {
  const throttled = failing({ kind: "throttled", seconds: 12 });
  const denied = failing({ kind: "denied", requestId: "r" });
  let asked = 0;
  const { said, waits } = await watch([throttled, denied, whole], { online: () => ++asked !== 5 });
  assert.deepEqual(waits, [12_000, 60_000, UNTIL_WOKEN]);
  assert.deepEqual(said, ["connecting", "throttled", "denied", "offline", "live"]);
});

test("an endpoint whose streams end as soon as they begin is not asked without a pause", async () => {
  const { waits } = await watch([(pass) => whole(() => pass && undefined), (pass) => whole(() => pass && undefined)]);
  assert.deepEqual(waits, [1_000, 1_000]);
});
