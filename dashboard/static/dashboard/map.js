// Maps with MapLibre: land and borders that ship with the pages, or the online style that a setting names.
//
//   const map = await openMap(host, { bounds: [west, south, east, north] });
//
// The host's data: `library`, `worker` and `world` (addresses), `online` (the address of a style, may be missing), `units`,
// `words` (MapLibre's texts). Close to the ground, where land says nothing, a grid of round lengths is drawn.
import { colourOf, onTheme } from "./colours.js";
import { gridOf } from "./map-grid.js";

const LOOKS = {
  light: { sea: "#cfdcea", land: "#eef1f5", border: "#b3bfcd", street: "#f1f4f7", grid: "#8b9bb0", text: "#5f6f84", halo: "#f1f4f7" },
  dark: { sea: "#0b1424", land: "#1a2637", border: "#3a4a61", street: "#131c29", grid: "#5b6b82", text: "#8c9bb1", halo: "#131c29" },
};
// Land and sea fade into one ground between these zooms: their outline is drawn for a map of the world.
const FADES = [8, 10.5];
const TEXT = ["Inter Variable", "sans-serif"];

export function canDrawMaps() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(context);
}

export async function openMap(host, { bounds, padding = 48, maxZoom = 17 }) {
  const library = await import(host.dataset.library);
  library.setWorkerUrl(new URL(host.dataset.worker, location.href).href);
  const map = new library.Map({
    container: host,
    style: styleOf(host),
    bounds,
    fitBoundsOptions: { padding, maxZoom: 16 },
    maxZoom,
    minZoom: 1,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    attributionControl: host.dataset.online ? { compact: true } : false,
    locale: JSON.parse(host.dataset.words || "{}"),
  });
  map.touchZoomRotate.disableRotation();
  const unit = host.dataset.units === "IMPERIAL" ? "imperial" : "metric";
  map.addControl(new library.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new library.ScaleControl({ unit, maxWidth: 110 }), "bottom-left");
  await loaded(map, host);
  ground(map, host, unit);
  return { map, library };
}

// An online style that does not come is replaced by our own, which is always there.
function loaded(map, host) {
  return new Promise((resolve) => {
    map.once("load", resolve);
    if (!host.dataset.online) return;
    map.on("error", function told() {
      if (map.isStyleLoaded()) return;
      map.off("error", told);
      delete host.dataset.online;
      map.setStyle(styleOf(host));
    });
  });
}

// ------------------------------------------------------------ the ground

const look = () => LOOKS[document.documentElement.dataset.bsTheme] || LOOKS.light;

function styleOf(host) {
  if (host.dataset.online) return host.dataset.online;
  const fade = (from, to) => ["interpolate", ["linear"], ["zoom"], FADES[0], from, FADES[1], to];
  return {
    version: 8,
    sources: { world: { type: "geojson", data: new URL(host.dataset.world, location.href).href, maxzoom: 8 } },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": fade(look().sea, look().street) } },
      { id: "land", type: "fill", source: "world", filter: kind("land"), paint: { "fill-color": look().land, "fill-opacity": fade(1, 0) } },
      { id: "border", type: "line", source: "world", filter: kind("border"), paint: { "line-color": look().border, "line-width": 1 } },
      {
        id: "country", type: "symbol", source: "world", filter: kind("country"), maxzoom: 8,
        layout: { "text-field": ["get", "name"], "text-font": TEXT, "text-size": 12, "text-max-width": 7, "symbol-sort-key": ["-", ["get", "size"]] },
        paint: { "text-color": look().text, "text-halo-color": look().land, "text-halo-width": 1.5 },
      },
    ],
  };
}

const kind = (name) => ["==", ["get", "kind"], name];

function ground(map, host, unit) {
  if (!host.dataset.online) {
    addGrid(map, host, unit);
    map.on("moveend", () => drawGrid(map, host, unit));
    onTheme(() => repaint(map));
  }
}

function addGrid(map, host, unit) {
  const grid = gridOf(map, unit);
  map.addSource("grid", { type: "geojson", data: grid });
  map.addLayer({ id: "grid", type: "line", source: "grid", filter: ["!", ["has", "label"]], paint: { "line-color": look().grid, "line-width": ["case", ["get", "isMain"], 1, 0.6], "line-opacity": ["case", ["get", "isMain"], 0.34, 0.2] } });
  host.dataset.grid = grid.told;
}

function drawGrid(map, host, unit) {
  const grid = gridOf(map, unit);
  map.getSource("grid")?.setData(grid);
  host.dataset.grid = grid.told;
}

function repaint(map) {
  if (!map.getLayer("sea")) return;
  const fade = (from, to) => ["interpolate", ["linear"], ["zoom"], FADES[0], from, FADES[1], to];
  const { sea, land, border, street, grid, text } = look();
  map.setPaintProperty("sea", "background-color", fade(sea, street));
  map.setPaintProperty("land", "fill-color", land);
  map.setPaintProperty("border", "line-color", border);
  map.setPaintProperty("country", "text-color", text);
  map.setPaintProperty("country", "text-halo-color", land);
  map.setPaintProperty("grid", "line-color", grid);
}

// ------------------------------------------------------------ marks

// A sign for a symbol layer: a disc in a colour of the page with a white triangle that points down or up.
export function addSign(map, name, colour, points) {
  const size = 44;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = colourOf("--surface");
  disc(pen, size, size / 2 - 1);
  pen.fillStyle = colourOf(colour);
  disc(pen, size, size / 2 - 5);
  pen.fillStyle = colourOf("--surface");
  const way = points === "down" ? 1 : -1;
  pen.beginPath();
  pen.moveTo(size / 2 - 8, size / 2 - 4 * way);
  pen.lineTo(size / 2 + 8, size / 2 - 4 * way);
  pen.lineTo(size / 2, size / 2 + 8 * way);
  pen.fill();
  keep(map, name, pen, size);
}

// A chevron along a line: which way it was driven.
export function addArrow(map, name) {
  const size = 16;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.strokeStyle = "#fff";
  pen.lineWidth = 2.5;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(6, 4);
  pen.lineTo(10, 8);
  pen.lineTo(6, 12);
  pen.stroke();
  keep(map, name, pen, size);
}

function keep(map, name, pen, size) {
  const image = pen.getImageData(0, 0, size, size);
  if (map.hasImage(name)) map.updateImage(name, image);
  else map.addImage(name, image, { pixelRatio: 2 });
}

function disc(pen, size, radius) {
  pen.beginPath();
  pen.arc(size / 2, size / 2, radius, 0, 2 * Math.PI);
  pen.fill();
}
