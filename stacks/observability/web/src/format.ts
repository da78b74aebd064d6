// Numbers, times and names as people read them. Pure.

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const ONE = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const TWO = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const CLOCK = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const CLOCK_SECONDS = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** A number and its unit, which are shown in two sizes. */
export interface Quantity {
  value: string;
  unit: string;
}

export const NONE: Quantity = { value: "–", unit: "" };

/** Milliseconds: `320 ms`, `1.24 s`, `12.3 s`, `2.5 min`. */
export function duration(ms: number): Quantity {
  if (Math.round(ms) < 1_000) return { value: NUMBER.format(ms), unit: "ms" };
  if (ms < 9_995) return { value: TWO.format(ms / 1_000), unit: "s" };
  if (ms < 59_950) return { value: ONE.format(ms / 1_000), unit: "s" };
  return { value: ONE.format(ms / 60_000), unit: "min" };
}

/** A count: `999`, `1.2 k`, `3.4 M`. */
export function count(number: number, unit = ""): Quantity {
  if (Math.round(number) < 1_000) return { value: NUMBER.format(number), unit };
  if (number < 999_950) return { value: `${ONE.format(number / 1_000)} k`, unit };
  return { value: `${ONE.format(number / 1_000_000)} M`, unit };
}

/** A speed: one decimal below a hundred. */
export function rate(number: number, unit: string): Quantity {
  return number < 99.95 ? { value: ONE.format(number), unit } : count(number, unit);
}

/** A share; rounded down, so that nothing short of all is called 100 %. */
export function share(part: number, whole: number): Quantity {
  return { value: ONE.format(Math.floor((part / whole) * 1_000) / 10), unit: "%" };
}

export function text({ value, unit }: Quantity): string {
  return unit ? `${value} ${unit}` : value;
}

/** How long something is ago or lasts: `8 s`, `4 min`, `2 h 5 min`, `3 d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

export const clock = (time: number): string => CLOCK.format(time);
export const clockWithSeconds = (time: number): string => CLOCK_SECONDS.format(time);

/** One thing or several: `1 stream`, `2 streams`. */
export function several(number: number, what: string): string {
  return `${text(count(number))} ${what}${number === 1 ? "" : "s"}`;
}

/**
 * What an alarm is about. CloudFormation calls it `ChatStack-ChatAlarmsErrors777350A8-1ABCDEF`; people call it `Errors`.
 *
 * @param name Its whole name, given back where it was not made so.
 */
export function alarmName(name: string): string {
  const found = /^[A-Za-z0-9]+-(?<id>[A-Za-z0-9]+?)(?:[0-9A-F]{8})?(?:-[A-Za-z0-9]{10,})$/.exec(name);
  const id = found?.groups?.["id"]?.replace(/^.*Alarms?(?=[A-Z])/, "");
  if (!id) return name;
  const words = id.replace(/([a-z0-9])(?=[A-Z])/g, "$1 ").replace(/([A-Z])(?=[A-Z][a-z])/g, "$1 ").split(" ");
  return words.map((word, index) => (index === 0 || /^[A-Z0-9]+$/.test(word) ? word : word.toLowerCase())).join(" ");
}
