// What each chart shows: lines or bars, the one big number, a sentence, and a table that says the same. Pure.

import { clock, count, duration, NONE, type Quantity, rate, several, share, text } from "./format.ts";
import { type Point, WINDOW_MINUTES } from "./store.ts";

const MINUTE = 60_000;

export const CHARTS = ["firstToken", "speed", "inFlight", "outcomes"] as const;
export type ChartName = (typeof CHARTS)[number];

export const TITLES: Record<ChartName, string> = {
  firstToken: "Time to first token",
  speed: "Tokens per second",
  inFlight: "Streams in flight",
  outcomes: "Outcomes a minute",
};

/** How a stream can end, from the bottom of the stack upwards. `mark` is how it is filled, for who cannot tell the colours. */
export const OUTCOMES = [
  { key: "completed", name: "completed", mark: "solid" },
  { key: "cancelled", name: "cancelled", mark: "rising" },
  { key: "deadline", name: "timed out", mark: "dots" },
  { key: "truncated", name: "cut off", mark: "bars" },
  { key: "errored", name: "failed", mark: "cross" },
  { key: "throttles", name: "throttled", mark: "falling" },
] as const;
export type Outcome = (typeof OUTCOMES)[number]["key"];
const BAD: readonly Outcome[] = ["deadline", "truncated", "errored", "throttles"];

export interface Serie {
  key: string;
  name: string;
  data: { x: number; y: number | null }[];
}

export interface Table {
  head: string[];
  rows: string[][];
}

export interface Shown {
  name: ChartName;
  title: string;
  series: Serie[];
  now: Quantity;
  /** What the big number is, and the smaller ones beside it: a few words each. */
  beside: string[];
  summary: string;
  table: Table;
  /** Ticks of the value axis. */
  tick: (value: number) => string;
}

/** All that is shown of one function. */
export function shown(points: Point[], now: number, newestMinute: number | undefined): Shown[] {
  const minutes = minutesOf(points, now, newestMinute);
  return [firstToken(minutes), speed(minutes), inFlight(minutes), outcomes(minutes)];
}

/** Every minute from the window's begin to where CloudWatch is: of a minute without a stream it has no point. */
function minutesOf(points: Point[], now: number, newestMinute: number | undefined): Point[] {
  const known = new Map(points.map((point) => [point.time, point]));
  const last = newestMinute === undefined ? 0 : Math.min(newestMinute, now);
  const found: Point[] = [];
  for (let time = Math.ceil((now - WINDOW_MINUTES * MINUTE) / MINUTE) * MINUTE; time <= last; time += MINUTE) {
    found.push(known.get(time) ?? { time });
  }
  return found;
}

function firstToken(minutes: Point[]): Shown {
  const ours = minutes.some((point) => point["firstTokenP50Ms"] !== undefined);
  const keys = ours
    ? ([["firstTokenP50Ms", "p50"], ["firstTokenP90Ms", "p90"], ["firstTokenP99Ms", "p99"]] as const)
    : ([["slowestFirstByteMs", "slowest"]] as const);
  const series = keys.map(([key, name]) => serie(minutes, key, name));
  const newest = minutes.findLast((point) => point[keys[0][0]] !== undefined);
  const title = ours ? TITLES.firstToken : "Time to first byte";
  const rest = keys.slice(1).map(([key, name]) => `${name} ${said(newest?.[key], duration)}`);
  return {
    name: "firstToken",
    title,
    series,
    now: quantity(newest?.[keys[0][0]], duration),
    beside: newest ? (ours ? ["median", ...rest] : ["first byte, slowest"]) : ["not measured"],
    summary: newest
      ? `${title} at ${clock(newest.time)}: ${keys.map(([key, name]) => `${name} ${said(newest[key], duration)}`).join(", ")}. ` +
        highest(minutes, keys.at(-1)![0], keys.at(-1)![1], duration)
      : `${title}: no numbers in the last half hour.`,
    table: table(minutes, keys.map(([key, name]) => [key, name, duration])),
    tick: (value) => text(duration(value)),
  };
}

function speed(minutes: Point[]): Shown {
  const unit = (value: number) => rate(value, "tokens/s");
  const newest = minutes.findLast((point) => point["tokensPerSecond"] !== undefined);
  return {
    name: "speed",
    title: TITLES.speed,
    series: [serie(minutes, "tokensPerSecond", "median stream")],
    now: newest ? { ...rate(newest["tokensPerSecond"]!, ""), unit: "/s" } : NONE,
    beside: [newest ? "median stream" : "not measured"],
    summary: newest
      ? `${TITLES.speed} of the median stream at ${clock(newest.time)}: ${text(rate(newest["tokensPerSecond"]!, ""))}. ` +
        highest(minutes, "tokensPerSecond", "", unit, "lowest", Math.min)
      : `${TITLES.speed}: not measured in the last half hour.`,
    table: table(minutes, [["tokensPerSecond", "tokens a second", (value) => rate(value, "")]]),
    tick: (value) => text(rate(value, "")),
  };
}

function inFlight(minutes: Point[]): Shown {
  const filled = minutes.map((point) => ({ ...point, streams: point["streams"] ?? 0 }));
  const newest = filled.at(-1);
  const most = Math.max(0, ...filled.map(({ streams }) => streams));
  return {
    name: "inFlight",
    title: TITLES.inFlight,
    series: [serie(filled, "streams", "in flight")],
    now: newest ? count(newest.streams) : NONE,
    beside: newest ? ["at once", `most ${text(count(most))}`] : [],
    summary: newest
      ? `${TITLES.inFlight} at ${clock(newest.time)}: at most ${text(count(newest.streams))} at once. ${highest(filled, "streams", "", count)}`
      : `${TITLES.inFlight}: no numbers in the last half hour.`,
    table: table(filled, [["streams", "most at once", count]]),
    tick: whole,
  };
}

function outcomes(minutes: Point[]): Shown {
  const rows = minutes.map((point) => ({ time: point.time, ...ended(point) }));
  const sums = Object.fromEntries(OUTCOMES.map(({ key }) => [key, rows.reduce((sum, row) => sum + row[key], 0)])) as Record<Outcome, number>;
  const all = OUTCOMES.reduce((sum, { key }) => sum + sums[key], 0);
  const bad = BAD.reduce((sum, key) => sum + sums[key], 0);
  const named = (found: readonly { key: Outcome; name: string }[]): string[] => found.map(({ key, name }) => `${text(count(sums[key]))} ${name}`);
  const others = OUTCOMES.filter(({ key }) => key !== "completed" && sums[key] > 0);
  const worst = others.filter(({ key }) => BAD.includes(key)).sort((one, other) => sums[other.key] - sums[one.key]);
  return {
    name: "outcomes",
    title: TITLES.outcomes,
    series: OUTCOMES.map(({ key, name }) => serie(rows, key, name)),
    now: all ? share(all - bad, all) : NONE,
    beside: all ? [`well, of ${text(count(all))}`, ...named(worst.slice(0, 2))] : ["no streams"],
    summary: all
      ? `Outcomes of ${several(all, "stream")} in the last half hour: ${[`${text(count(sums.completed))} completed`, ...named(others)].join(", ")}. ` +
        `${text(share(all - bad, all))} went well.`
      : "Outcomes: no streams in the last half hour.",
    table: table(rows, OUTCOMES.map(({ key, name }) => [key, name, count])),
    tick: whole,
  };
}

/** How the streams of a minute ended. Code on another runtime than ours writes no outcomes; Lambda counts its errors all the same. */
function ended(point: Point): Record<Outcome, number> {
  const own = (["completed", "cancelled", "deadline", "truncated", "errored"] as const).some((key) => point[key] !== undefined);
  const errors = point["errors"] ?? 0;
  return {
    completed: own ? (point["completed"] ?? 0) : Math.max(0, (point["invocations"] ?? 0) - errors),
    cancelled: point["cancelled"] ?? 0,
    deadline: point["deadline"] ?? 0,
    truncated: point["truncated"] ?? 0,
    errored: own ? (point["errored"] ?? 0) : errors,
    throttles: point["throttles"] ?? 0,
  };
}

function serie(minutes: Point[], key: string, name: string): Serie {
  return { key, name, data: minutes.map((point) => ({ x: point.time, y: point[key] ?? null })) };
}

function table(minutes: Point[], columns: [key: string, name: string, as: (value: number) => Quantity][]): Table {
  return {
    head: ["minute", ...columns.map(([, name]) => name)],
    rows: minutes
      .filter((point) => columns.some(([key]) => point[key] !== undefined))
      .map((point) => [clock(point.time), ...columns.map(([key, , as]) => said(point[key], as))])
      .reverse(),
  };
}

function highest(minutes: Point[], key: string, name: string, as: (value: number) => Quantity, word = "highest", pick = Math.max): string {
  const known = minutes.filter((point) => point[key] !== undefined);
  if (!known.length) return "";
  const value = pick(...known.map((point) => point[key]!));
  const at = known.find((point) => point[key] === value)!;
  return `The ${word} ${name ? `${name} ` : ""}in the last half hour was ${text(as(value))} at ${clock(at.time)}.`;
}

/** Streams are counted: there is no half of one. */
const whole = (value: number): string => (Number.isInteger(value) ? text(count(value)) : "");
const quantity = (value: number | undefined, as: (value: number) => Quantity): Quantity => (value === undefined ? NONE : as(value));
const said = (value: number | undefined, as: (value: number) => Quantity): string => text(quantity(value, as));
