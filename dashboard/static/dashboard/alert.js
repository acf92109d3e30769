// One alert: its attribute as it was reported around it, with the threshold, and where the vehicle was.
import { drawChart, told } from "./charts.js";
import { h } from "./dom.js";
import { canDrawMaps } from "./map.js";
import { Track } from "./track.js";
import { TrackDrawing } from "./track-drawing.js";
import { TrackMap } from "./track-map.js";

const page = document.querySelector("[data-alert]");
const mapHost = page.querySelector("[data-map]");
const chartHost = page.querySelector("[data-alert-chart]");
const facts = JSON.parse(page.dataset.alert);
const words = facts.words;
// A silence of so many usual steps, and at least so many seconds, is drawn as one.
const GAP_STEPS = 5;
const GAP_S = 120;
const shown = (value) => value * facts.scale + facts.offset;
const seconds = (row) => Date.parse(row.timestamp) / 1000;

let view = null;
let track = null;

async function open() {
  let answer;
  try {
    answer = await fetch(facts.readings, { headers: { Accept: "application/json" } });
  } catch {
    return say(words.offline);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) return say(body.detail || words.offline);
  await Promise.all([showWay(body.data), showChart(body.data)]);
  return page.setAttribute("data-ready", "");
}

function say(text) {
  empty(mapHost, text);
  chartHost.replaceChildren(h("p", { class: "card-text", role: "alert" }, text));
}

function empty(host, text) {
  host.classList.add("is-empty");
  host.replaceChildren(h("p", { class: "map-none" }, text));
}

// ------------------------------------------------------------ the chart

async function showChart(rows) {
  if (!facts.field) return;
  const [times, values] = columns(rows.filter((row) => typeof row[facts.field] === "number"));
  if (!times.length) {
    chartHost.replaceChildren(h("p", { class: "card-text" }, words.no_values));
    return;
  }
  const limit = facts.threshold === null ? [] : [{ value: shown(facts.threshold), colour: "--red" }];
  const marks = [{ at: facts.first, colour: "--red" }, ...(facts.closed ? [{ at: facts.closed, colour: "--green" }] : [])];
  await drawChart(chartHost, {
    library: chartHost.dataset.library,
    label: facts.label,
    times,
    range: facts.range,
    zone: facts.zone,
    marks,
    limits: limit,
    scales: { y: { range: (self, least, most) => around([least, most, ...limit.map((one) => one.value)]) } },
    series: [{ label: facts.label, unit: facts.unit, decimals: 1, colour: "--blue", look: "area", values }],
    onCursor: (index) => pointMap(index === null ? null : times[index]),
  });
}

function columns(rows) {
  const [times, values] = [[], []];
  const gap = Math.max(GAP_S, GAP_STEPS * usualStep(rows.map(seconds)));
  for (const row of rows) {
    const at = seconds(row);
    if (times.length && at - times.at(-1) > gap) {
      times.push(times.at(-1) + 1);
      values.push(null);
    }
    times.push(at);
    values.push(shown(row[facts.field]));
  }
  return [times, values];
}

function usualStep(times) {
  const steps = times.slice(1).map((at, place) => at - times[place]).sort((one, other) => one - other);
  return steps[Math.floor(steps.length / 2)] || 0;
}

function around(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const room = (most - least || Math.abs(most) || 1) * 0.12;
  return [least >= 0 ? Math.max(0, least - room) : least - room, most + room];
}

// ------------------------------------------------------------ the way

async function showWay(rows) {
  const points = rows.map((row) => ({ at: row.timestamp, latitude: row.latitude ?? null, longitude: row.longitude ?? null, speed_kmh: row.speed_kmh ?? null }));
  const first = points.find((point) => Date.parse(point.at) / 1000 >= facts.first - 0.001) || points.at(-1);
  track = new Track(points, first ? [{ kind: "ALERT", at: first.at, latitude: first.latitude, longitude: first.longitude, speed_kmh: first.speed_kmh }] : []);
  if (!track.hasWay) {
    empty(mapHost, words.no_positions);
    return;
  }
  const given = { tell, onPoint: () => {}, told: words.way };
  if (canDrawMaps()) {
    view = await TrackMap.open(mapHost, track, given);
  } else {
    mapHost.append(h("p", { class: "map-note" }, words.no_webgl));
    view = new TrackDrawing(mapHost, track, given);
  }
}

function tell(event) {
  const speed = event.speed_kmh === null ? "–" : told(event.speed_kmh * facts.speed_scale, { unit: facts.speed_unit });
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: facts.zone, hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(event.at));
  const rows = [[words.time, clock], [words.speed, speed]];
  return h("div", { class: "event-popup" }, h("strong", {}, facts.title), h("dl", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

function pointMap(at) {
  if (!view) return;
  const index = at === null ? -1 : track.points.findIndex((point) => Date.parse(point.at) / 1000 >= at);
  view.dot(index < 0 ? null : index);
}

// ------------------------------------------------------------ it may change while one looks

const state = page.ownerDocument.querySelector("[data-testid=alert-head]").dataset.state;

document.addEventListener("htmx:afterSwap", () => {
  const now = document.getElementById("alert-now");
  if (now && now.dataset.state !== state) document.getElementById("alert-changed").hidden = false;
});

open();
