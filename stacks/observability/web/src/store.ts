// What is known: the points of a fixed window, the alarms, and the newest log lines. Nothing here grows with time. Pure.

import { clock } from "./format.ts";

export const WINDOW_MINUTES = 30;
export const MOST_LINES = 200;
const MINUTE = 60_000;
const MOST_RESUMED_MS = 60 * MINUTE;
const WINDOW_MS = WINDOW_MINUTES * MINUTE;

/** A minute of a function: `time` in milliseconds since 1970, and the numbers that there are. */
export interface Point {
  time: number;
  [number: string]: number;
}

export type AlarmState = "ALARM" | "INSUFFICIENT_DATA" | "OK";

export interface Alarm {
  label: string;
  name: string;
  state: AlarmState;
  since: number;
}

/** A change of an alarm's state, which is announced; a first look is none. */
export interface AlarmChange {
  alarm: Alarm;
  before: AlarmState | undefined;
}

export interface Line {
  key: string;
  label: string;
  time: number;
  kind: "problem" | "stream" | "gap";
  level: string;
  text: string;
  durationMs?: number;
  memoryMB?: number;
  coldStartMs?: number;
}

type Fields = Record<string, unknown>;

export class Store {
  /** The functions that are watched; undefined until the first answer. */
  functions: readonly string[] | undefined;
  alarms: readonly Alarm[] | undefined;
  /** Sources that cannot be read now, such as `logs`. */
  readonly troubles = new Set<string>();
  /** When anything last came from the function; undefined before. */
  newestAt: number | undefined;
  /** When a number last came. */
  numbersAt: number | undefined;
  readonly #points = new Map<string, Map<number, Point>>();
  #problems: Line[] = [];
  #streams: Line[] = [];
  #known = new Set<string>();
  #gaps = 0;

  /** Takes one event of the stream in. What is not known here is passed over. Gives what changed with the alarms. */
  apply(name: string | undefined, value: unknown, now: number): AlarmChange[] {
    if (!isFields(value)) return [];
    const before = this.newestAt;
    this.newestAt = now;
    // The function goes no further back.
    if (before !== undefined && now - before > MOST_RESUMED_MS) this.gap(now - MOST_RESUMED_MS, "", `lines between ${clock(before)} and ${clock(now - MOST_RESUMED_MS)} are not shown`);
    if (name === "watching") this.#watching(value);
    else if (name === "metrics") this.#metrics(value, now);
    else if (name === "alarms") return this.#alarmsTold(value);
    else if (name === "log") this.#log(value);
    else if (name === "gap") this.gap(now, string(value["label"]), string(value["reason"]) || "some lines are not shown");
    else if (name === "trouble") this.troubles.add(string(value["source"]));
    return [];
  }

  /** The points of a function within the window, oldest first. */
  points(label: string, now: number): Point[] {
    const known = this.#points.get(label);
    if (!known) return [];
    for (const time of known.keys()) if (time < now - WINDOW_MS - MINUTE) known.delete(time);
    return [...known.values()].sort((one, other) => one.time - other.time);
  }

  /** Whether the function's numbers have come, which may be none. */
  hasLooked(label: string): boolean {
    return this.#points.has(label);
  }

  /** The newest minute of which any function has a number: CloudWatch is no further. */
  get newestMinute(): number | undefined {
    let newest: number | undefined;
    for (const points of this.#points.values()) {
      for (const time of points.keys()) if (newest === undefined || time > newest) newest = time;
    }
    return newest;
  }

  /** The newest lines, newest first. Problems and streams are kept apart, so that many streams push no problem out. */
  lines(only: { label?: string | undefined; problems?: boolean }): Line[] {
    const found = only.problems ? this.#problems : [...this.#problems, ...this.#streams];
    return found
      .filter((line) => only.label === undefined || line.label === only.label || line.label === "")
      .sort((one, other) => other.time - one.time)
      .slice(0, MOST_LINES);
  }

  /** Notes in the log that something is missing there. */
  gap(time: number, label: string, text: string): void {
    this.#keep({ key: `gap ${this.#gaps++}`, label, time, kind: "gap", level: "GAP", text });
  }

  #watching(value: Fields): void {
    const functions = value["functions"];
    if (Array.isArray(functions)) this.functions = functions.filter((found) => typeof found === "string");
  }

  #metrics(value: Fields, now: number): void {
    const points = value["points"];
    if (!Array.isArray(points)) return;
    const label = string(value["label"]);
    const known = this.#points.get(label) ?? new Map<number, Point>();
    this.#points.set(label, known);
    for (const found of points) {
      const point = asPoint(found);
      if (point && point.time >= now - WINDOW_MS - MINUTE) known.set(point.time, point);
    }
    this.numbersAt = now;
    this.troubles.delete("metrics");
  }

  #alarmsTold(value: Fields): AlarmChange[] {
    const told = value["alarms"];
    if (!Array.isArray(told)) return [];
    const before = this.alarms && new Map(this.alarms.map((alarm) => [alarm.name, alarm.state]));
    this.alarms = told.filter(isFields).map((alarm) => ({
      label: string(alarm["label"]),
      name: string(alarm["name"]),
      state: alarm["state"] === "OK" || alarm["state"] === "ALARM" ? alarm["state"] : "INSUFFICIENT_DATA",
      since: number(alarm["since"]) ?? 0,
    }));
    this.troubles.delete("alarms");
    if (!before) return [];
    return this.alarms
      .filter((alarm) => before.get(alarm.name) !== alarm.state)
      .map((alarm) => ({ alarm, before: before.get(alarm.name) }));
  }

  #log(value: Fields): void {
    const label = string(value["label"]);
    const line = { key: `${label}/${string(value["id"])}`, label, time: number(value["time"]) ?? 0 };
    this.troubles.delete("logs");
    if (value["kind"] === "stream") {
      const status = string(value["status"]) || "success";
      this.#keep({
        ...line,
        kind: status === "success" ? "stream" : "problem",
        level: status === "success" ? "STREAM" : status.toUpperCase(),
        text: "",
        ...given("durationMs", number(value["durationMs"])),
        ...given("memoryMB", number(value["maxMemoryUsedMB"])),
        ...given("coldStartMs", number(value["initDurationMs"])),
      });
    } else {
      this.#keep({ ...line, kind: "problem", level: string(value["level"]), text: string(value["text"]) });
    }
  }

  /** A line that comes twice, as some do after a reconnection, is one. */
  #keep(line: Line): void {
    if (this.#known.has(line.key)) return;
    const lines = [...(line.kind === "stream" ? this.#streams : this.#problems), line];
    lines.sort((one, other) => one.time - other.time);
    const kept = lines.slice(-MOST_LINES);
    if (line.kind === "stream") this.#streams = kept;
    else this.#problems = kept;
    this.#known.add(line.key);
    if (this.#known.size > 4 * MOST_LINES) this.#known = new Set([...this.#problems, ...this.#streams].map(({ key }) => key));
  }
}

function asPoint(value: unknown): Point | undefined {
  if (!isFields(value)) return undefined;
  const time = number(value["time"]);
  if (time === undefined) return undefined;
  const point: Point = { time };
  for (const [name, found] of Object.entries(value)) if (typeof found === "number" && Number.isFinite(found)) point[name] = found;
  return point;
}

function given<Name extends string>(name: Name, value: number | undefined): { [key in Name]?: number } {
  return (value === undefined ? {} : { [name]: value }) as { [key in Name]?: number };
}

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const string = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number | undefined => (typeof value === "number" && Number.isFinite(value) ? value : undefined);
