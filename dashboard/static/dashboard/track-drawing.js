// A drive as an SVG, where the browser has no WebGL for the map: the same way, ends, events and dot.
import { rampAt } from "./colours.js";
import { h } from "./dom.js";

const SIZE = 1000;
const MARGIN = 60;
const SIGNS = { HARSH_BRAKING: "is-braking", RAPID_ACCEL: "is-accel" };

export class TrackDrawing {
  constructor(host, track, { tell, onPoint, told }) {
    Object.assign(this, { host, track, tell, onPoint });
    this.project = projection(track.bounds);
    this.drawing = svg("svg", { class: "drawing", viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", "aria-label": told });
    this.draw();
    this.popup = h("div", { class: "drawing-popup", hidden: true, role: "status" });
    host.append(this.drawing, this.popup);
    this.drawing.addEventListener("mousemove", (event) => this.point(event));
    this.drawing.addEventListener("mouseleave", () => onPoint(null));
  }

  draw() {
    const { track } = this;
    this.add("polyline", { class: "drawing-casing", points: this.pointsOf(track.line) });
    for (const piece of track.pieces()) {
      const colour = piece.isGap || piece.share === null ? {} : { stroke: rampAt(piece.share) };
      this.add("polyline", { class: piece.isGap ? "drawing-gap" : "drawing-way", points: this.pointsOf(piece.line), ...colour });
    }
    this.end(track.ends.first, "A");
    this.end(track.ends.last, "B");
    track.events.forEach((event, number) => this.event(event, number));
    this.mark = this.add("circle", { class: "drawing-dot", r: 11, visibility: "hidden" });
  }

  pointsOf(line) { return line.map((place) => this.project(place).join(",")).join(" "); }

  end(place, name) {
    const [x, y] = this.project(place);
    this.add("circle", { class: "drawing-end", cx: x, cy: y, r: 17 });
    this.add("text", { class: "drawing-name", x, y: y + 7 }, name);
  }

  event(event, number) {
    const place = event.latitude === null ? this.track.placeAt(this.track.indexOf(event)) : [event.longitude, event.latitude];
    if (!place) return;
    const [cx, cy] = this.project(place);
    const circle = this.add("circle", { class: `drawing-event ${SIGNS[event.kind] || ""}`, cx, cy, r: 13 });
    circle.addEventListener("click", () => this.open(number));
  }

  add(tag, attributes, text = "") {
    const element = svg(tag, attributes);
    element.textContent = text;
    this.drawing.append(element);
    return element;
  }

  point(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.drawing.getScreenCTM().inverse());
    this.onPoint(this.track.nearest(this.project.back([at.x, at.y])));
  }

  dot(index) {
    const place = index === null ? null : this.track.placeAt(index);
    this.mark.setAttribute("visibility", place ? "visible" : "hidden");
    if (!place) return;
    const [x, y] = this.project(place);
    this.mark.setAttribute("cx", x);
    this.mark.setAttribute("cy", y);
  }

  open(number) {
    this.popup.hidden = false;
    this.popup.replaceChildren(this.tell(this.track.events[number]));
    this.dot(this.track.indexOf(this.track.events[number]));
  }
}

// Degrees to the drawing's units, north up, with the shrinking of the meridians in the middle of the drive.
function projection([west, south, east, north]) {
  const shrink = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const span = Math.max((east - west) * shrink, north - south, 1e-5);
  const scale = (SIZE - 2 * MARGIN) / span;
  const [left, top] = [(SIZE - (east - west) * shrink * scale) / 2, (SIZE - (north - south) * scale) / 2];
  const project = ([x, y]) => [round(left + (x - west) * shrink * scale), round(top + (north - y) * scale)];
  project.back = ([x, y]) => [west + (x - left) / scale / shrink, north - (y - top) / scale];
  return project;
}

const round = (value) => Math.round(value * 10) / 10;

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
