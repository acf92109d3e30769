// Charts with uPlot: colours of the page, a tip at the cursor, arrow keys, the person's time zone.
//
//   const chart = await drawChart(host, { library, label, times, zone, series: [{ label, unit, colour, values }] });
//
// `times` are seconds since 1970, or plain numbers where `isTime` is false. A series: `label`, `unit`, `decimals`,
// `colour` (a CSS variable), `values` (null is a gap), `look` (line, area, faint, or unseen: told in the tip alone), `scale` (a name; the second
// scale stands on the right), `steps`. Besides: `range` ([from, to]), `scales` ({name: {range}}), `bands` ([[upper,
// lower]], series counted from 0), `marks` ([{at, colour}], vertical), `limits` ([{scale, value, colour}], level),
// `isDay` (a value is that of a whole day), `group` (charts with one group share their cursor), `height`, `onCursor(index or null)`.
import { colourOf, onTheme } from "./colours.js";
import { h } from "./dom.js";

const HEIGHT = 220;
const FONT = '11px "Inter Variable", system-ui, sans-serif';
// The axis of values by day steps in whole days.
const DAYS = [1, 2, 3, 7, 14, 28, 56, 112].map((days) => days * 86400);
const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };
let loading;

export function loadCharts(library) {
  loading ??= import(library).then((found) => found.default);
  return loading;
}

export async function drawChart(host, options) {
  const UPlot = await loadCharts(options.library);
  const frame = frameOf(host, options);
  const height = options.height || HEIGHT;
  const plot = new UPlot(
    {
      width: Math.max(frame.canvas.clientWidth, 120),
      height,
      padding: [12, 18, 0, 0],
      legend: { show: false },
      tzDate: (at) => UPlot.tzDate(new Date(at * 1000), options.zone || "UTC"),
      cursor: cursorOf(UPlot, options),
      scales: scalesOf(options),
      axes: axesOf(options),
      series: [{}, ...options.series.map((one) => seriesOf(UPlot, one))],
      bands: (options.bands || []).map(([upper, lower]) => ({
        series: [upper + 1, lower + 1],
        fill: () => colourOf(options.series[upper].colour, 0.16),
      })),
      hooks: {
        drawClear: [(self) => drawLimits(self, options)],
        draw: [(self) => drawMarks(self, options)],
        setCursor: [(self) => follow(self, frame, options)],
      },
    },
    [options.times, ...options.series.map((one) => one.values)],
    frame.canvas,
  );
  return new Chart(plot, frame, options, height);
}

class Chart {
  constructor(plot, frame, options, height) {
    Object.assign(this, { plot, frame, options, height });
    this.stops = [onTheme(() => plot.redraw(false))];
    const sizes = new ResizeObserver(() => this.fit());
    sizes.observe(frame.canvas);
    this.stops.push(() => sizes.disconnect());
    frame.canvas.addEventListener("keydown", (event) => this.press(event));
    frame.canvas.addEventListener("blur", () => this.leave());
    // Fonts that come late would leave the axes in another one.
    document.fonts?.ready.then(() => plot.redraw(false, true));
  }

  fit() {
    const width = this.frame.canvas.clientWidth;
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.height });
  }

  press(event) {
    if (event.key === "Escape") return this.leave();
    const last = this.options.times.length - 1;
    const now = this.plot.cursor.idx;
    const to = { Home: 0, End: last }[event.key] ?? (event.key in KEYS ? (now ?? -1) + KEYS[event.key] * (event.shiftKey ? 10 : 1) : null);
    if (to === null) return undefined;
    event.preventDefault();
    return this.point(Math.min(Math.max(to, 0), last), true);
  }

  // Moves the cursor to a place of the data; silently where somebody else points there.
  point(index, isTold = false) {
    const { plot, frame } = this;
    frame.isSilent = !isTold;
    const left = plot.valToPos(this.options.times[index], "x");
    plot.setCursor({ left, top: plot.over.clientHeight / 3 });
    frame.isSilent = false;
    if (isTold) frame.told.textContent = frame.tip.innerText;
  }

  leave() { this.plot.setCursor({ left: -10, top: -10 }); }

  show(index, isShown) { this.plot.setSeries(index + 1, { show: isShown }); }

  remove() {
    this.stops.forEach((stop) => stop());
    this.plot.destroy();
    this.frame.canvas.remove();
    this.frame.told.remove();
  }
}

// ------------------------------------------------------------ parts of the page

function frameOf(host, options) {
  const tip = h("div", { class: "chart-tip", hidden: true });
  const told = h("p", { class: "visually-hidden", role: "status" });
  const canvas = h("div", { class: "chart-canvas", tabindex: "0", role: "group", "aria-label": options.label });
  canvas.append(tip);
  host.append(canvas, told);
  return { canvas, tip, told, isSilent: false };
}

function follow(plot, frame, options) {
  const index = plot.cursor.left < 0 ? null : plot.cursor.idx;
  const is = index !== null && index !== undefined;
  frame.tip.hidden = !is;
  if (is) {
    fillTip(frame.tip, options, index);
    placeTip(frame, plot);
  }
  if (!frame.isSilent) options.onCursor?.(is ? index : null);
}

function fillTip(tip, options, index) {
  const rows = options.series
    .filter((one) => one.values[index] !== null && one.values[index] !== undefined)
    .map((one) => h("div", {}, h("i", { class: `dot ${dotOf(one)}` }), h("span", {}, one.label), h("b", {}, told(one.values[index], one))));
  tip.replaceChildren(h("strong", {}, momentOf(options, index)), ...rows, ...(options.notes?.(index) || []));
}

function placeTip({ tip, canvas }, plot) {
  const left = plot.over.offsetLeft + plot.cursor.left;
  const width = tip.offsetWidth;
  const isRight = left + width + 18 > canvas.clientWidth;
  tip.style.transform = `translate(${Math.max(0, isRight ? left - width - 12 : left + 12)}px, 10px)`;
}

const dotOf = (one) => `dot-${one.colour.replace("--", "")}${one.look === "faint" ? " dot-faint" : ""}`;

export function told(value, { unit = "", decimals = 0 }) {
  const number = value.toLocaleString(document.documentElement.lang || "en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return unit ? `${number} ${unit}` : number;
}

const formats = new Map();

function format(zone, fields) {
  const key = zone + JSON.stringify(fields);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...fields }));
  return formats.get(key);
}

function momentOf(options, index) {
  const at = options.times[index];
  if (options.isTime === false) return (options.place || "%s").replace("%s", at);
  const span = options.times.at(-1) - options.times[0];
  const fields = { hour: "2-digit", minute: "2-digit", ...(span < 86400 * 3 ? { second: "2-digit" } : {}) };
  if (options.isDay) return format(options.zone, { weekday: "short", day: "numeric", month: "short" }).format(at * 1000);
  return format(options.zone, { day: "numeric", month: "short", ...fields }).format(at * 1000);
}

// ------------------------------------------------------------ uPlot's options

function cursorOf(UPlot, options) {
  return {
    x: true,
    y: false,
    points: { size: 9, width: 2, stroke: (self, at) => colourOf(options.series[at - 1].colour), fill: () => colourOf("--surface") },
    drag: { x: true, y: false, uni: 20 },
    ...(options.group ? { sync: { key: UPlot.sync(options.group).key, setSeries: false, scales: ["x", null] } } : {}),
  };
}

function scalesOf(options) {
  const scales = { x: { time: options.isTime !== false, ...(options.range ? { range: (self, from, to) => inRange(self, options, from, to) } : {}) } };
  for (const one of options.series) {
    const name = one.scale || "y";
    scales[name] ??= { range: options.scales?.[name]?.range || ((self, least, most) => grown(least, most, one)) };
  }
  return scales;
}

// All of the range that was asked for; what somebody drew with the mouse is narrower.
function inRange(self, options, from, to) {
  const [first, last] = [options.times[0], options.times.at(-1)];
  return from === null || (from <= first && to >= last) ? options.range : [from, to];
}

function grown(least, most, { floor = 0 }) {
  if (least === null) return [0, 1];
  const low = floor === null ? least : Math.min(least, floor);
  const room = (most - low || 1) * 0.08;
  return [low < 0 || floor === null ? low - room : low, most + room];
}

function axesOf(options) {
  const names = [...new Set(options.series.filter((one) => one.look !== "unseen").map((one) => one.scale || "y"))];
  const quiet = () => colourOf("--quiet");
  const time = {
    stroke: quiet, font: FONT, gap: 6, size: 40, space: 64,
    grid: { show: false }, ticks: { stroke: () => colourOf("--line"), width: 1, size: 5 },
    ...(options.isDay ? { incrs: DAYS } : {}),
    ...(options.isTime === false ? {} : { values: (self, splits, axis, space, step) => dates(splits, step, options) }),
  };
  return [time, ...names.map((name, place) => {
    const one = options.series.find((series) => (series.scale || "y") === name);
    return {
      scale: name, side: place ? 1 : 3, stroke: quiet, font: FONT, gap: 6, space: 34, size: widest,
      grid: { show: !place, stroke: () => colourOf("--line"), width: 1 }, ticks: { show: false },
      values: (self, splits) => splits.map((value) => told(value, { decimals: decimalsOf(splits, one) })),
    };
  })];
}

function decimalsOf(splits, one) {
  const step = splits.length > 1 ? Math.abs(splits[1] - splits[0]) : 1;
  const most = Math.max(one.decimals || 0, 1);
  for (let decimals = 0; decimals < most; decimals += 1) {
    const tens = step * 10 ** decimals;
    if (Math.abs(tens - Math.round(tens)) < 1e-6) return decimals;
  }
  return most;
}

function widest(self, values, axis, cycle) {
  if (cycle > 1) return self.axes[axis]._size;
  const longest = (values || []).reduce((most, value) => (value.length > most.length ? value : most), "");
  self.ctx.font = self.axes[axis].font[0];
  // Charts that stand below each other share their left side.
  return Math.max(Math.ceil(self.ctx.measureText(longest).width / devicePixelRatio) + 14, 42);
}

function dates(splits, step, { zone }) {
  let before = "";
  return splits.map((at) => {
    const day = format(zone, { day: "numeric", month: "short" }).format(at * 1000);
    const isNew = day !== before;
    before = day;
    if (step >= 86400) return day;
    const clock = format(zone, { hour: "2-digit", minute: "2-digit", ...(step < 60 ? { second: "2-digit" } : {}) }).format(at * 1000);
    return isNew ? `${clock}\n${day}` : clock;
  });
}

function seriesOf(UPlot, one) {
  const isFaint = one.look === "faint";
  return {
    label: one.label,
    scale: one.scale || "y",
    width: one.look === "unseen" ? 0 : isFaint ? 1 : 1.75,
    stroke: () => colourOf(one.colour, isFaint ? 0.55 : 1),
    fill: one.look === "area" ? (self) => fade(self, one) : undefined,
    spanGaps: false,
    paths: one.steps ? UPlot.paths.stepped({ align: 1 }) : undefined,
    // A value between two gaps has no line: it gets a point.
    points: { show: Boolean(one.dots), size: one.dots ? 7 : 5, filter: one.dots ? undefined : () => (one.look === "unseen" ? null : lonely(one.values)), fill: () => colourOf(one.colour) },
  };
}

function lonely(values) {
  const found = [];
  const isNone = (value) => value === null || value === undefined;
  for (let at = 0; at < values.length; at += 1) {
    if (!isNone(values[at]) && isNone(values[at - 1]) && isNone(values[at + 1])) found.push(at);
  }
  return found.length ? found : null;
}

function fade(plot, one) {
  const { top, height } = plot.bbox;
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, colourOf(one.colour, 0.26));
  gradient.addColorStop(1, colourOf(one.colour, 0.01));
  return gradient;
}

function drawMarks(plot, options) {
  const { ctx, bbox } = plot;
  for (const mark of options.marks || []) {
    const x = Math.round(plot.valToPos(mark.at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.save();
    ctx.fillStyle = colourOf(mark.colour, 0.32);
    ctx.fillRect(x - devicePixelRatio / 2, bbox.top, devicePixelRatio, bbox.height);
    ctx.fillStyle = colourOf(mark.colour);
    ctx.beginPath();
    ctx.arc(x, bbox.top, 4 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
    ctx.restore();
  }
}

function drawLimits(plot, options) {
  const { ctx, bbox } = plot;
  for (const limit of options.limits || []) {
    const y = Math.round(plot.valToPos(limit.value, limit.scale || "y", true));
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.save();
    ctx.strokeStyle = colourOf(limit.colour, 0.7);
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }
}

// ------------------------------------------------------------ data

// Rows of buckets as columns, with a gap where a bucket of `step` seconds is missing.
export function columnsOf(rows, names, step) {
  const columns = [[], ...names.map(() => [])];
  let before = null;
  for (const row of rows) {
    const at = Date.parse(row.bucket) / 1000;
    if (before !== null && at - before > step * 1.5) columns.forEach((column, place) => column.push(place ? null : before + step));
    columns[0].push(at);
    names.forEach((name, place) => columns[place + 1].push(row[name]));
    before = at;
  }
  return columns;
}
