// One trip: its way on the map, speed and acceleration below, and one cursor for both.
import { rampAt } from "./colours.js";
import { drawChart, told } from "./charts.js";
import { h } from "./dom.js";
import { canDrawMaps } from "./map.js";
import { Track } from "./track.js";
import { TrackDrawing } from "./track-drawing.js";
import { TrackMap } from "./track-map.js";

const page = document.querySelector("[data-trip]");
const mapHost = page.querySelector("[data-map]");
const chartHost = page.querySelector("[data-trip-charts]");
const facts = JSON.parse(page.dataset.trip);
const words = facts.words;
const COLOURS = { HARSH_BRAKING: "--red", RAPID_ACCEL: "--purple" };

let view = null;
let charts = [];
let waiting = 0;

async function open() {
  let answer;
  try {
    answer = await fetch(facts.track, { headers: { Accept: "application/json" } });
  } catch {
    return say(words.offline);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) return say(body.detail || words.offline);
  const track = new Track(body.points, body.events, facts.samples);
  await Promise.all([showWay(track), showCharts(track)]);
  listen(track);
  return page.setAttribute("data-ready", "");
}

function say(text) {
  mapHost.classList.add("is-empty");
  mapHost.replaceChildren(h("p", { class: "map-none", role: "alert" }, text));
}

// ------------------------------------------------------------ the way

async function showWay(track) {
  if (!track.hasWay) return say(words.no_positions);
  const given = { tell: (event) => tellEvent(event, track.points[track.indexOf(event)]), onPoint: (index) => pointCharts(index), told: words.way };
  if (canDrawMaps()) {
    view = await TrackMap.open(mapHost, track, given);
  } else {
    mapHost.append(h("p", { class: "map-note" }, words.no_webgl));
    view = new TrackDrawing(mapHost, track, given);
  }
  if (track.hasSpeed) mapHost.append(legend(track));
  return undefined;
}

function tellEvent(event, { speed_kmh: kmh }) {
  const speed = kmh === null ? "–" : told(kmh * facts.speed_scale, { unit: facts.speed_unit });
  const rows = [
    [words.g, told(event.g, { unit: "g", decimals: 2 })],
    [words.time, event.at ? clock(event.at) : "–"],
    [words.speed, speed],
    [words.lasted, (event.samples === 1 ? words.one_sample : words.samples).replace("%s", event.samples)],
  ];
  return h("div", { class: "event-popup" }, h("strong", {}, words[event.kind] || event.kind), h("dl", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

function clock(at) {
  return new Intl.DateTimeFormat("en-GB", { timeZone: facts.zone, hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(at));
}

function legend(track) {
  const bar = h("span", { class: "map-legend-bar", "aria-hidden": "true" });
  for (let step = 0; step < 24; step += 1) {
    const piece = h("i");
    piece.style.background = rampAt(step / 23);
    bar.append(piece);
  }
  return h("div", { class: "map-legend" }, h("span", {}, "0"), bar, h("span", {}, told(track.fastest * facts.speed_scale, { unit: facts.speed_unit })));
}

// ------------------------------------------------------------ the charts

async function showCharts(track) {
  const isTime = track.points.every((point) => point.at);
  const times = track.points.map((point, index) => (isTime ? Date.parse(point.at) / 1000 : index));
  const marks = track.events.map((event) => ({ at: times[track.indexOf(event)], colour: COLOURS[event.kind] || "--red" }));
  const common = { library: chartHost.dataset.library, zone: facts.zone, isTime, place: words.sample, times, marks, group: "trip", onCursor: (index) => pointMap(index) };
  const speed = track.points.map((point) => (point.speed_kmh === null ? null : point.speed_kmh * facts.speed_scale));
  const force = track.points.map((point) => point.g_force_long);
  for (const chart of [speedChart(common, speed), forceChart(common, force)]) {
    if (chart.series[0].values.some((value) => value !== null && value !== undefined)) charts.push(await drawChart(figure(chart), chart));
  }
  if (!charts.length) chartHost.append(h("p", { class: "card-text" }, words.no_samples));
}

function figure(chart) {
  const host = h("figure", { class: "chart" }, h("figcaption", {}, chart.label, " ", h("small", {}, chart.series[0].unit)));
  chartHost.append(host);
  return host;
}

function speedChart(common, values) {
  return { ...common, label: words.speed, height: 190, series: [{ label: words.speed, unit: facts.speed_unit, colour: "--blue", look: "area", values }] };
}

// Between the least and the most that it was, at least as wide as the thresholds.
function forceChart(common, values) {
  const { harsh_braking_g: low, rapid_accel_g: high } = facts.thresholds;
  const far = [low, high, ...values].reduce((most, value) => Math.max(most, Math.abs(value ?? 0)), 0.4);
  const most = far * 1.15;
  const limits = [[low, "--red"], [high, "--purple"]].filter(([value]) => value !== undefined && value !== null).map(([value, colour]) => ({ value, colour }));
  return { ...common, label: words.force, height: 150, limits, scales: { y: { range: () => [-most, most] } }, series: [{ label: words.force, unit: "g", decimals: 2, colour: "--azure", values }] };
}

// ------------------------------------------------------------ one cursor

function pointMap(index) {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => {
    view?.dot(index);
    page.dataset.cursor = index ?? "";
  });
}

function pointCharts(index) {
  const [first] = charts;
  if (index === null) {
    charts.forEach((chart) => chart.leave());
    return view.dot(null);
  }
  first?.point(index);
  return view.dot(index);
}

function listen(track) {
  page.addEventListener("click", (clicked) => {
    const button = clicked.target.closest("[data-event]");
    if (!button) return;
    const number = Number(button.dataset.event);
    view?.open(number);
    pointCharts(track.indexOf(track.events[number]));
    if (view) mapHost.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });
}

open();
