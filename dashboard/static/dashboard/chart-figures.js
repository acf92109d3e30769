// Charts that a page names: <figure data-chart='{…}' data-library="…">, drawn as soon as they are on the page.
//
// The JSON: `address` (the API's buckets) or `rows` (given at once), `names` ({field of a bucket: its look, label and
// colour}), `unit`, `scale` and `offset` (from what is stored to what the person reads), `step` in seconds, `range`,
// `zone`, `group`. What the figure says where there is nothing is its element .chart-none.
import { columnsOf, drawChart } from "./charts.js";
import { h } from "./dom.js";

const drawn = new WeakMap();

function drawAll() {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    if (!drawn.has(figure)) drawn.set(figure, draw(figure));
  }
}

async function draw(figure) {
  const asked = JSON.parse(figure.dataset.chart);
  figure.setAttribute("aria-busy", "true");
  try {
    const rows = asked.rows || await fetched(asked.address);
    if (figure.isConnected) await show(figure, asked, rows);
  } catch (error) {
    figure.append(h("p", { class: "chart-none", role: "alert" }, `${document.documentElement.dataset.wordFailed} ${error.message}`));
  } finally {
    figure.removeAttribute("aria-busy");
  }
}

async function fetched(address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.detail || answer.status);
  return told;
}

async function show(figure, asked, rows) {
  figure.classList.toggle("is-empty", !rows.length);
  if (!rows.length) return;
  const [times, ...columns] = columnsOf(rows, asked.names.map((one) => one.name), asked.step);
  const series = asked.names.map((one, place) => ({ ...asked, ...one, values: columns[place].map((value) => shown(value, one, asked)) }));
  const chart = await drawChart(figure, {
    ...asked, times, series,
    library: figure.dataset.library,
    label: figure.querySelector("figcaption")?.innerText || "",
    bands: asked.bands,
    scales: { y: { range: asked.least === undefined ? undefined : () => [asked.least, asked.most] } },
  });
  figure.addEventListener("remove", () => chart.remove());
}

function shown(value, one, asked) {
  if (value === null || value === undefined) return null;
  return one.isPlain ? value : value * (asked.scale ?? 1) + (asked.offset ?? 0);
}

document.addEventListener("htmx:afterSettle", drawAll);
drawAll();
