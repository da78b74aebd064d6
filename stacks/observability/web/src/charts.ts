// The charts, drawn by Chart.js, of which no more is taken than they use. Colours come from the style sheet; none means anything alone:
// lines are dashed in their own way and named at their end, bars are filled in their own way.

import { BarController, BarElement, Chart, type ChartDataset, Filler, LinearScale, LineController, LineElement, type Plugin, PointElement, Tooltip } from "chart.js";
import { clock } from "./format.ts";
import { OUTCOMES, type Shown } from "./series.ts";
import { WINDOW_MINUTES } from "./store.ts";

Chart.register(BarController, BarElement, Filler, LinearScale, LineController, LineElement, PointElement, Tooltip);

const MINUTE = 60_000;
const DASHES = [[], [7, 4], [2, 3]];
const WIDTHS = [3, 2, 2];
/** In units of the font's size. */
const ROOM_FOR_NAMES = 2.8;
const ROOM_FOR_VALUES = 3.9;
const ROOM_FOR_TIME = 3.2;

/** A line or a bar of which something may be missing: what was not seen because nothing came. */
export interface Unseen {
  from: number;
  to: number;
}

export interface Looks {
  colour(name: string): string;
  fontSize: number;
}

/** Reads colours from the style sheet, as they are now. */
export function looks(): Looks {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const known = new Map<string, string>();
  const fontSize = Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--chart-font")) || 12;
  const read = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  for (const name of ["text", "quiet", "grid", "panel", "p50", "p90", "p99", "line", "area", "unseen", ...OUTCOMES.map(({ key }) => key)]) {
    known.set(name, read(name));
  }
  probe.remove();
  return { fontSize, colour: (name) => known.get(name) ?? "gray" };
}

/** One chart on one canvas. */
export class Drawn {
  readonly #chart: Chart<"line" | "bar", { x: number; y: number | null }[]>;
  #shown: Shown;
  #looks: Looks;
  #unseen: Unseen | undefined;

  constructor(canvas: HTMLCanvasElement, shown: Shown, found: Looks) {
    this.#shown = shown;
    this.#looks = found;
    this.#chart = new Chart<"line" | "bar", { x: number; y: number | null }[]>(canvas, {
      type: shown.name === "outcomes" ? "bar" : "line",
      data: { datasets: [] },
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        parsing: false,
        normalized: true,
        interaction: { mode: "index", intersect: false },
        layout: { padding: { top: 6 } },
        plugins: {
          tooltip: {
            displayColors: false,
            callbacks: {
              title: (items) => (items[0] ? clock(items[0].parsed.x ?? 0) : ""),
              label: (item) => `${item.dataset.label ?? ""}: ${this.#shown.tick(item.parsed.y ?? 0)}`,
            },
            filter: (item) => this.#shown.name !== "outcomes" || (item.parsed.y ?? 0) > 0,
          },
        },
        scales: {
          x: {
            type: "linear",
            stacked: shown.name === "outcomes",
            offset: false,
            border: { display: false },
            grid: { display: false },
            afterBuildTicks: (axis) => {
              axis.ticks = [];
              const room = (axis.chart.width / this.#looks.fontSize - ROOM_FOR_VALUES) / ROOM_FOR_TIME;
              const step = (room < 4.5 ? 15 : 10) * MINUTE;
              for (let time = Math.ceil(axis.min / step) * step; time <= axis.max; time += step) axis.ticks.push({ value: time });
            },
            ticks: { callback: (value) => clock(Number(value)), maxRotation: 0, autoSkip: false },
          },
          y: {
            beginAtZero: true,
            // As wide in every chart, so that the charts stand under one another.
            afterFit: (axis) => {
              axis.width = Math.max(axis.width, ROOM_FOR_VALUES * this.#looks.fontSize);
            },
            stacked: shown.name === "outcomes",
            border: { display: false },
            suggestedMax: shown.name === "inFlight" || shown.name === "outcomes" ? 2 : undefined,
            ticks: { maxTicksLimit: 4, callback: (value) => this.#shown.tick(Number(value)) },
          },
        },
      },
      plugins: [this.#names(), this.#notSeen()],
    });
  }

  /** Draws anew. */
  show(shown: Shown, now: number, unseen: Unseen | undefined, found: Looks): void {
    this.#shown = shown;
    this.#looks = found;
    this.#unseen = unseen;
    const { options, data } = this.#chart;
    data.datasets = shown.series.map((serie, index) => ({ label: serie.name, data: serie.data, ...(this.#style(serie.key, index) as object) }));
    const font = { size: found.fontSize };
    const scales = options.scales!;
    Object.assign(scales["x"]!, { min: now - WINDOW_MINUTES * MINUTE, max: now });
    scales["x"]!.ticks = { ...scales["x"]!.ticks, color: found.colour("quiet"), font };
    scales["y"]!.ticks = { ...scales["y"]!.ticks, color: found.colour("quiet"), font };
    scales["y"]!.grid = { color: found.colour("grid") };
    options.layout = { padding: { top: found.fontSize / 2, right: shown.series.length > 1 && shown.name !== "outcomes" ? ROOM_FOR_NAMES * found.fontSize : 4 } };
    this.#chart.update("none");
  }

  destroy(): void {
    this.#chart.destroy();
  }

  #style(key: string, index: number): Partial<ChartDataset<"line">> | Partial<ChartDataset<"bar">> {
    const { colour } = this.#looks;
    if (this.#shown.name === "outcomes") {
      return { backgroundColor: fill(key, colour(key), colour("panel")), borderColor: colour(key), borderWidth: 1, borderSkipped: false, barPercentage: 0.9, categoryPercentage: 1 };
    }
    const several = this.#shown.series.length > 1;
    const line = several ? colour(["p50", "p90", "p99"][index] ?? "p99") : colour(this.#shown.name === "firstToken" ? "p99" : "line");
    return {
      borderColor: line,
      borderWidth: WIDTHS[index] ?? 2,
      borderDash: DASHES[index] ?? [],
      pointRadius: (context: { dataIndex: number; dataset: { data: unknown[] } }) => lonely(context.dataset.data as { y: number | null }[], context.dataIndex),
      pointBackgroundColor: line,
      pointBorderWidth: 0,
      tension: 0,
      stepped: this.#shown.name === "inFlight" ? ("middle" as const) : false,
      fill: !several && this.#shown.name !== "firstToken" ? ("origin" as const) : false,
      backgroundColor: colour("area"),
    };
  }

  /** Names lines at their end, moved apart where they would lie on each other. */
  #names(): Plugin<"line" | "bar"> {
    return {
      id: "names",
      afterDatasetsDraw: (chart) => {
        if (this.#shown.name === "outcomes" || chart.data.datasets.length < 2) return;
        const { ctx, chartArea } = chart;
        const size = this.#looks.fontSize;
        const ends = chart.data.datasets
          .map((dataset, index) => ({ index, name: dataset.label ?? "", at: chart.getDatasetMeta(index).data.findLast((point) => !(point as PointElement & { skip?: boolean }).skip)?.y, colour: String(dataset.borderColor) }))
          .filter((end): end is { index: number; name: string; at: number; colour: string } => end.at !== undefined)
          .sort((one, other) => one.at - other.at || other.index - one.index);
        let lowest = chartArea.top - size;
        const places = ends.map(({ at }) => (lowest = Math.max(at, lowest + size + 1)));
        const over = Math.max(0, lowest - chartArea.bottom);
        ctx.save();
        ctx.font = `600 ${size}px ${Chart.defaults.font.family ?? "sans-serif"}`;
        ctx.textBaseline = "middle";
        ends.forEach(({ name, colour }, index) => {
          ctx.fillStyle = colour;
          ctx.fillText(name, chartArea.right + 6, places[index]! - over);
        });
        ctx.restore();
      },
    };
  }

  /** Hatches the time of which nothing has come. */
  #notSeen(): Plugin<"line" | "bar"> {
    return {
      id: "unseen",
      beforeDatasetsDraw: (chart) => {
        const unseen = this.#unseen;
        const x = chart.scales["x"];
        if (!unseen || !x) return;
        const { ctx, chartArea } = chart;
        const left = Math.max(chartArea.left, x.getPixelForValue(unseen.from));
        const right = Math.min(chartArea.right, x.getPixelForValue(unseen.to));
        if (right - left < 1) return;
        ctx.save();
        ctx.fillStyle = pattern("rising", this.#looks.colour("unseen"), "transparent");
        ctx.fillRect(left, chartArea.top, right - left, chartArea.bottom - chartArea.top);
        ctx.restore();
      },
    };
  }
}

/** A point with no neighbour has no line; it is drawn as a dot. */
function lonely(data: { y: number | null }[], index: number): number {
  const has = (at: number): boolean => (data[at]?.y ?? null) !== null;
  return has(index) && !has(index - 1) && !has(index + 1) ? 3 : 0;
}

function fill(key: string, colour: string, paper: string): string | CanvasPattern {
  const mark = OUTCOMES.find((outcome) => outcome.key === key)?.mark ?? "solid";
  return mark === "solid" ? colour : pattern(mark, colour, paper);
}

const patterns = new Map<string, CanvasPattern>();

/** A small tile, repeated. Kept: there are as many as marks and colours. */
function pattern(mark: string, colour: string, paper: string): CanvasPattern {
  const key = `${mark} ${colour} ${paper}`;
  const known = patterns.get(key);
  if (known) return known;
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const ctx = tile.getContext("2d")!;
  ctx.fillStyle = paper;
  ctx.fillRect(0, 0, 8, 8);
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = 2.5;
  const line = (...points: [number, number, number, number][]): void => {
    ctx.beginPath();
    for (const [x1, y1, x2, y2] of points) {
      ctx.moveTo(x1, y1);
      ctx.lineTo(x2, y2);
    }
    ctx.stroke();
  };
  if (mark === "rising") line([-2, 2, 2, -2], [-2, 10, 10, -2], [6, 10, 10, 6]);
  else if (mark === "falling") line([-2, 6, 2, 10], [-2, -2, 10, 10], [6, -2, 10, 2]);
  else if (mark === "bars") line([0, 2, 8, 2], [0, 6, 8, 6]);
  else if (mark === "cross") line([0, 0, 8, 8], [8, 0, 0, 8]);
  else if (mark === "dots") {
    ctx.beginPath();
    ctx.arc(2, 2, 1.6, 0, 7);
    ctx.arc(6, 6, 1.6, 0, 7);
    ctx.fill();
  }
  const made = ctx.createPattern(tile, "repeat")!;
  patterns.set(key, made);
  return made;
}

/** Draws how an outcome's bars are filled, for the key. */
export function drawSwatch(canvas: HTMLCanvasElement, key: string, found: Looks): void {
  const ctx = canvas.getContext("2d")!;
  ctx.clearRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = fill(key, found.colour(key), found.colour("panel"));
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.strokeStyle = found.colour(key);
  ctx.lineWidth = 2;
  ctx.strokeRect(0, 0, canvas.width, canvas.height);
}
