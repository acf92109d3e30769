// The map on which a place is drawn: a click sets a circle's middle or adds a corner, handles are dragged.
import { colourOf, onTheme } from "./colours.js";
import { h } from "./dom.js";
import { canDrawMaps, openMap } from "./map.js";
import { isPlaceComplete } from "./rule-model.js";

const EARTH_M = 6_371_008.8;
const STEPS = 96;
const NEAR_PX = 14;
const FINE = 6;
const EUROPE = [-11, 36, 31, 60];

export class PlaceMap {
  // `place()` tells what is drawn, `take(place)` is told what became of it; `positions` are [latitude, longitude, vehicle_id].
  constructor(host, { attributes, positions, words, place, take, tell }) {
    Object.assign(this, { host, positions, words, place, take, tell, map: null });
    Object.assign(host.dataset, attributes);
    if (!canDrawMaps()) {
      host.classList.add("is-empty");
      host.replaceChildren(h("p", { class: "map-none" }, words.no_webgl));
      return;
    }
    // A map costs a context of the graphics card: it is opened when it comes into sight.
    this.sight = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) this.open(); });
    this.sight.observe(host);
    queueMicrotask(() => host.closest(".rule-row")?.addEventListener("gone", () => this.close()));
  }

  async open() {
    this.sight.disconnect();
    const { map } = await openMap(this.host, { bounds: this.bounds() });
    this.map = map;
    map.doubleClickZoom.disable();
    this.paint();
    this.show();
    this.leaveTheme = onTheme(() => this.dress());
    this.listen();
    this.host.dataset.ready = "";
  }

  close() {
    this.sight?.disconnect();
    this.leaveTheme?.();
    this.map?.remove();
    this.map = null;
  }

  bounds() {
    const place = this.place();
    const isDrawn = isPlaceComplete(place);
    const points = isDrawn ? ringOf(place) : this.positions.map(([latitude, longitude]) => [longitude, latitude]);
    if (!points.length) return EUROPE;
    const around = points.reduce(([w, s, e, n], [x, y]) => [Math.min(w, x), Math.min(s, y), Math.max(e, x), Math.max(n, y)], [180, 90, -180, -90]);
    // One vehicle alone, or all on one yard: some streets around it.
    const least = 0.02;
    const [west, south, east, north] = around;
    return isDrawn || east - west > least || north - south > least ? around : [west - least, south - least, east + least, north + least];
  }

  // ---------------------------------------------------------- what is drawn

  paint() {
    const { map } = this;
    for (const name of ["place", "handles"]) map.addSource(name, { type: "geojson", data: collection([]), tolerance: 0 });
    map.addSource("vehicles", { type: "geojson", data: collection(this.positions.map(([latitude, longitude, id]) => point([longitude, latitude], { id }))) });
    map.addLayer({ id: "vehicles", type: "circle", source: "vehicles", paint: { "circle-radius": 4, "circle-stroke-width": 1.5 } });
    map.addLayer({ id: "vehicle-names", type: "symbol", source: "vehicles", minzoom: 10, layout: { "text-field": ["get", "id"], "text-font": ["Inter Variable", "sans-serif"], "text-size": 11, "text-offset": [0, 1.1] }, paint: { "text-halo-width": 1.5 } });
    map.addLayer({ id: "area", type: "fill", source: "place", paint: { "fill-opacity": 0.16 } });
    map.addLayer({ id: "rim", type: "line", source: "place", layout: { "line-join": "round" }, paint: { "line-width": 2.5 } });
    map.addLayer({ id: "handles", type: "circle", source: "handles", paint: { "circle-radius": ["case", ["get", "isMiddle"], 5, 7], "circle-stroke-width": 2.5 } });
    this.dress();
  }

  dress() {
    const { map } = this;
    const paint = (layer, name, colour, alpha) => map.setPaintProperty(layer, name, colourOf(colour, alpha));
    for (const [layer, name] of [["area", "fill-color"], ["rim", "line-color"], ["handles", "circle-stroke-color"]]) paint(layer, name, "--accent");
    paint("handles", "circle-color", "--surface");
    paint("vehicles", "circle-color", "--green");
    paint("vehicles", "circle-stroke-color", "--surface");
    paint("vehicle-names", "text-color", "--quiet");
    paint("vehicle-names", "text-halo-color", "--surface", 0.85);
  }

  show() {
    if (!this.map) return;
    const place = this.place();
    const ring = ringOf(place);
    const handles = handlesOf(place);
    const area = ring.length < 2 ? [] : [{ type: "Feature", properties: {}, geometry: ring.length < 3 ? { type: "LineString", coordinates: ring } : { type: "Polygon", coordinates: [[...ring, ring[0]]] } }];
    this.map.getSource("place").setData(collection(area));
    this.map.getSource("handles").setData(collection(handles.map(({ at, name }) => point(at, { isMiddle: name === "middle" }))));
    // Numbers that were typed may lie elsewhere on the earth.
    if (isPlaceComplete(place) && !handles.some(({ at }) => this.map.getBounds().contains(at))) this.map.fitBounds(this.bounds(), { padding: 40, maxZoom: 16, duration: 0 });
  }

  // ---------------------------------------------------------- hands on it

  listen() {
    const { map } = this;
    map.on("click", (event) => { if (!this.dragged) this.click(event); this.dragged = false; });
    for (const [begin, move, end] of [["mousedown", "mousemove", "mouseup"], ["touchstart", "touchmove", "touchend"]]) {
      map.on(begin, (event) => this.grab(event, move, end));
    }
    map.on("mousemove", (event) => { map.getCanvas().style.cursor = this.handleAt(event.point) ? "grab" : "crosshair"; });
  }

  click({ lngLat }) {
    const at = fine([lngLat.lat, lngLat.lng]);
    const place = this.place();
    this.tell();
    if (place.polygon) this.take({ polygon: [...place.polygon, at] });
    else this.take({ circle: { radius_m: this.goodRadius(), ...place.circle, latitude: at[0], longitude: at[1] } });
  }

  handleAt(spot) {
    const far = ({ at }) => { const { x, y } = this.map.project(at); return Math.hypot(x - spot.x, y - spot.y); };
    return handlesOf(this.place()).filter((handle) => far(handle) <= NEAR_PX).sort((one, other) => far(one) - far(other))[0];
  }

  grab(event, move, end) {
    const handle = this.handleAt(event.point);
    if (!handle || event.originalEvent.touches?.length > 1) return;
    event.preventDefault();
    this.tell();
    this.dragged = false;
    const drag = ({ lngLat }) => { this.dragged = true; this.take(handle.moved(this.place(), fine([lngLat.lat, lngLat.lng]))); };
    this.map.on(move, drag);
    this.map.once(end, () => { this.map.off(move, drag); setTimeout(() => { this.dragged = false; }); });
  }

  middle() {
    const found = this.map?.getCenter();
    return found ? fine([found.lat, found.lng]) : null;
  }

  // About an eighth of what the map shows, in round metres.
  goodRadius() {
    if (!this.map) return 500;
    const bounds = this.map.getBounds();
    const wide = distance([bounds.getSouth(), bounds.getWest()], [bounds.getSouth(), bounds.getEast()]) / 8;
    const power = 10 ** Math.floor(Math.log10(Math.max(wide, 10)));
    return Math.min(power * ([5, 2].find((step) => step * power <= wide) ?? 1), 50_000);
  }
}

// ------------------------------------------------------------ the earth

const fine = (degrees) => degrees.map((one) => Number(one.toFixed(FINE)));
const rad = (degrees) => (degrees * Math.PI) / 180;
const deg = (radians) => (radians * 180) / Math.PI;
const collection = (features) => ({ type: "FeatureCollection", features });
const point = (coordinates, properties) => ({ type: "Feature", properties, geometry: { type: "Point", coordinates } });

function distance([fromLatitude, fromLongitude], [latitude, longitude]) {
  const across = Math.sin(rad(longitude - fromLongitude) / 2) ** 2 * Math.cos(rad(fromLatitude)) * Math.cos(rad(latitude));
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(Math.sin(rad(latitude - fromLatitude) / 2) ** 2 + across)));
}

// [longitude, latitude] so many metres from a circle's middle in a direction.
function rimAt({ latitude, longitude, radius_m }, bearing) {
  const turn = radius_m / EARTH_M;
  const north = Math.asin(Math.sin(rad(latitude)) * Math.cos(turn) + Math.cos(rad(latitude)) * Math.sin(turn) * Math.cos(bearing));
  const east = Math.atan2(Math.sin(bearing) * Math.sin(turn) * Math.cos(rad(latitude)), Math.cos(turn) - Math.sin(rad(latitude)) * Math.sin(north));
  return [longitude + deg(east), deg(north)];
}

function ringOf(place) {
  if (place.polygon) return place.polygon.filter(([latitude, longitude]) => isNumber(latitude) && isNumber(longitude)).map(([latitude, longitude]) => [longitude, latitude]);
  if (!isPlaceComplete(place)) return [];
  return Array.from({ length: STEPS }, (_one, step) => rimAt(place.circle, (step / STEPS) * 2 * Math.PI));
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// What can be dragged, and what a place becomes where it is dragged to.
function handlesOf({ circle, polygon }) {
  if (polygon) return polygon.flatMap(([latitude, longitude], at) => (isNumber(latitude) && isNumber(longitude) ? [corner([longitude, latitude], at)] : []));
  if (!isNumber(circle.latitude) || !isNumber(circle.longitude)) return [];
  const middle = { name: "middle", at: [circle.longitude, circle.latitude], moved: (place, [latitude, longitude]) => ({ circle: { ...place.circle, latitude, longitude } }) };
  if (!isNumber(circle.radius_m)) return [middle];
  const rim = { name: "rim", at: rimAt(circle, Math.PI / 2), moved: (place, to) => ({ circle: { ...place.circle, radius_m: Math.max(10, Math.round(distance([place.circle.latitude, place.circle.longitude], to))) } }) };
  return [rim, middle];
}

function corner(at, number) {
  return { name: "corner", at, moved: ({ polygon }, to) => ({ polygon: polygon.map((one, index) => (index === number ? to : one)) }) };
}
