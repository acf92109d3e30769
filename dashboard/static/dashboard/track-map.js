// A drive on a map: its way coloured by speed, its ends, its harsh events with popups, a dot that follows a chart.
import { colourOf, onTheme, rampAt } from "./colours.js";
import { addArrow, addSign, openMap } from "./map.js";

const WIDTH = ["interpolate", ["linear"], ["zoom"], 8, 3, 13, 4.5, 17, 7];
const CASING = ["interpolate", ["linear"], ["zoom"], 8, 5, 13, 7.5, 17, 11];
const ROUND = { "line-cap": "round", "line-join": "round" };
const SIGNS = { HARSH_BRAKING: ["--red", "down"], RAPID_ACCEL: ["--purple", "up"], ALERT: ["--red", "up"] };
// Below on the left stand the scale and the size of the grid.
const AROUND = { top: 48, right: 48, bottom: 72, left: 48 };

export class TrackMap {
  // `tell(event)` gives the content of an event's popup, `onPoint(index or null)` is called where the mouse goes.
  static async open(host, track, { tell, onPoint }) {
    const { map, library } = await openMap(host, { bounds: track.bounds, padding: AROUND });
    return new TrackMap(map, library, track, { tell, onPoint });
  }

  constructor(map, library, track, { tell, onPoint }) {
    Object.assign(this, { map, library, track, tell, onPoint, popup: null });
    this.paint();
    this.dress();
    onTheme(() => this.dress());
    this.listen();
  }

  paint() {
    const { map, track } = this;
    const pieces = track.pieces().map(({ share, isGap, line }) => feature("LineString", line, { isGap, colour: share === null ? "#8b9bb0" : rampAt(share) }));
    this.signs();
    map.addSource("way", { type: "geojson", data: feature("LineString", track.line, {}) });
    map.addSource("pieces", { type: "geojson", data: collection(pieces), tolerance: 0.2 });
    map.addSource("ends", { type: "geojson", data: collection([feature("Point", track.ends.first, { end: "A" }), feature("Point", track.ends.last, { end: "B" })]) });
    map.addSource("events", { type: "geojson", data: collection(this.eventPoints()) });
    map.addSource("dot", { type: "geojson", data: collection([]) });
    map.addLayer({ id: "way", type: "line", source: "way", layout: ROUND, paint: { "line-width": CASING } });
    map.addLayer({ id: "pieces", type: "line", source: "pieces", filter: ["!", ["get", "isGap"]], layout: ROUND, paint: { "line-color": ["get", "colour"], "line-width": WIDTH } });
    map.addLayer({ id: "gaps", type: "line", source: "pieces", filter: ["get", "isGap"], paint: { "line-width": WIDTH, "line-dasharray": [1, 1.5] } });
    map.addLayer({ id: "arrows", type: "symbol", source: "way", minzoom: 11, layout: { "icon-image": "arrow", "symbol-placement": "line", "symbol-spacing": 90, "icon-allow-overlap": true } });
    map.addLayer({ id: "ends", type: "circle", source: "ends", paint: { "circle-radius": 9, "circle-stroke-width": 2 } });
    map.addLayer({ id: "end-names", type: "symbol", source: "ends", layout: { "text-field": ["get", "end"], "text-font": ["Inter Variable", "sans-serif"], "text-size": 11, "text-allow-overlap": true, "icon-allow-overlap": true } });
    map.addLayer({ id: "events", type: "symbol", source: "events", layout: { "icon-image": ["get", "kind"], "icon-allow-overlap": true, "icon-size": 1 } });
    map.addLayer({ id: "dot", type: "circle", source: "dot", paint: { "circle-radius": 7, "circle-stroke-width": 3 } });
  }

  eventPoints() {
    return this.track.events.flatMap((event, number) => {
      const place = event.latitude === null ? this.track.placeAt(this.track.indexOf(event)) : [event.longitude, event.latitude];
      return place ? [feature("Point", place, { number, kind: event.kind })] : [];
    });
  }

  signs() {
    addArrow(this.map, "arrow");
    for (const [kind, [colour, points]] of Object.entries(SIGNS)) addSign(this.map, kind, colour, points);
  }

  // What depends on light and dark.
  dress() {
    const { map } = this;
    this.signs();
    map.setPaintProperty("way", "line-color", colourOf("--surface", 0.95));
    map.setPaintProperty("gaps", "line-color", colourOf("--quiet", 0.9));
    map.setPaintProperty("ends", "circle-color", colourOf("--ink"));
    map.setPaintProperty("ends", "circle-stroke-color", colourOf("--surface"));
    map.setPaintProperty("end-names", "text-color", colourOf("--surface"));
    map.setPaintProperty("dot", "circle-color", colourOf("--accent"));
    map.setPaintProperty("dot", "circle-stroke-color", colourOf("--surface"));
  }

  listen() {
    const { map } = this;
    map.on("click", "events", (event) => this.open(event.features[0].properties.number));
    map.on("mousemove", "way", (event) => this.onPoint(this.track.nearest(event.lngLat.toArray())));
    map.on("mouseleave", "way", () => this.onPoint(null));
    for (const layer of ["events", "way"]) {
      map.on("mouseenter", layer, () => { map.getCanvas().style.cursor = "pointer"; });
      map.on("mouseleave", layer, () => { map.getCanvas().style.cursor = ""; });
    }
  }

  dot(index) {
    const place = index === null ? null : this.track.placeAt(index);
    this.map.getSource("dot").setData(collection(place ? [feature("Point", place, {})] : []));
  }

  open(number) {
    const place = this.eventPoints().find((one) => one.properties.number === number)?.geometry.coordinates;
    if (!place) return;
    this.popup?.remove();
    this.popup = new this.library.Popup({ offset: 14, maxWidth: "260px" }).setLngLat(place).setDOMContent(this.tell(this.track.events[number])).addTo(this.map);
    // What is in view stays where it is.
    if (!this.map.getBounds().contains(place)) this.map.easeTo({ center: place, duration: 300 });
  }
}

const collection = (features) => ({ type: "FeatureCollection", features });

function feature(type, coordinates, properties) {
  return { type: "Feature", properties, geometry: { type, coordinates } };
}
