// A place of a condition: a circle or a polygon, drawn on a map or typed as numbers.
import { h, icon, iconButton } from "./dom.js";
import { PlaceMap } from "./rule-place-map.js";
import { plainNumber } from "./rule-time.js";
import { measureOf } from "./rule-values.js";

const MOST_CORNERS = 200;
const FINE = 6;
let last = 0;

export class PlaceEditor {
  // `held.place` is {circle: {latitude, longitude, radius_m}} or {polygon: [[latitude, longitude], …]}, with a name or without.
  constructor(held, around, node) {
    Object.assign(this, { held, around, words: around.words, number: ++last });
    this.host = h("div", { class: "map rule-map", "aria-label": this.words.map, "data-testid": "rule-map" });
    this.numbers = h("div", { class: "rule-numbers" });
    this.hint = h("p", { class: "rule-note" });
    this.element = h("div", { class: "rule-place rule-below" }, this.shapes(), h("div", { class: "rule-place-body" }, h("div", {}, this.host, this.hint), this.numbers));
    this.drawNumbers();
    this.map = new PlaceMap(this.host, { ...around.map, words: this.words, place: () => held.place, take: (place) => this.take(place), tell: () => { node.touched = true; } });
  }

  get isCircle() { return !this.held.place.polygon; }

  shapes() {
    const one = (shape, label, symbol) => h("label", { class: "form-selectgroup-item" },
      h("input", { type: "radio", class: "form-selectgroup-input", name: `shape-${this.number}`, checked: (shape === "circle") === this.isCircle, value: shape, onchange: () => this.become(shape) }),
      h("span", { class: "form-selectgroup-label" }, icon(symbol), label));
    return h("div", { class: "form-selectgroup form-selectgroup-pills", role: "radiogroup", "aria-label": this.words.shape },
      one("circle", this.words.circle, "tabler-circle"), one("polygon", this.words.polygon, "tabler-polygon"));
  }

  // The other shape begins where this one was; what this one was is kept for coming back.
  become(shape) {
    const { place } = this.held;
    const { circle, polygon, ...others } = place;
    this.kept = { ...this.kept, ...(circle && { circle }), ...(polygon && { polygon }) };
    this.held.place = { ...others, [shape]: this.kept[shape] ?? (shape === "circle" ? {} : []) };
    this.drawNumbers();
    this.told();
  }

  // What was drawn on the map; the inputs stay, so that nobody loses the focus.
  take(place) {
    const { name } = this.held.place;
    this.held.place = { ...place, ...(name !== undefined && { name }) };
    this.drawNumbers();
    this.told();
  }

  told() {
    this.map?.show();
    this.hint.textContent = this.words[this.isCircle ? "circle_hint" : "polygon_hint"];
    this.around.changed();
  }

  drawNumbers() {
    this.numbers.replaceChildren(...(this.isCircle ? this.circleInputs() : this.polygonInputs()));
    this.hint.textContent = this.words[this.isCircle ? "circle_hint" : "polygon_hint"];
  }

  // ---------------------------------------------------------- typed by hand

  circleInputs() {
    const { words, held } = this;
    const radius = measureOf(this.around.measures.m, true);
    const put = (name) => (value) => {
      const { [name]: _before, ...others } = held.place.circle;
      held.place = { ...held.place, circle: value === undefined ? others : { ...others, [name]: value } };
      this.told();
    };
    const line = (label, input) => h("label", { class: "rule-number" }, h("span", {}, label), input);
    const { circle } = held.place;
    return [
      line(words.latitude, degrees(circle.latitude, words.latitude, "latitude", put("latitude"))),
      line(words.longitude, degrees(circle.longitude, words.longitude, "longitude", put("longitude"))),
      line(words.radius, plainNumber(radius.shown(circle.radius_m), {
        label: words.radius, at: "radius_m", unit: this.around.measures.m.unit, put: (value) => put("radius_m")(value === undefined ? undefined : radius.stored(value)),
      })),
      this.here(words.centre_here, ([latitude, longitude]) => this.take({ circle: { radius_m: this.map.goodRadius(), ...held.place.circle, latitude, longitude } })),
    ];
  }

  polygonInputs() {
    const { words } = this;
    const corners = this.held.place.polygon;
    const change = (make) => { this.take({ polygon: make(this.held.place.polygon) }); };
    const put = (at, part) => (value) => {
      const made = this.held.place.polygon.map((corner) => [...corner]);
      made[at][part] = value ?? null;
      this.held.place = { ...this.held.place, polygon: made };
      this.told();
    };
    const row = (corner, at) => h("li", { class: "rule-corner" }, h("span", { class: "rule-corner-number" }, String(at + 1)),
      degrees(corner[0], `${words.corner} ${at + 1}: ${words.latitude}`, "", put(at, 0), true), degrees(corner[1], `${words.corner} ${at + 1}: ${words.longitude}`, "", put(at, 1), true),
      iconButton("tabler-x", `${words.remove_corner} ${at + 1}`, () => change((held) => held.filter((_one, index) => index !== at)), "btn-sm"));
    const add = h("button", {
      type: "button", class: "btn btn-sm", disabled: corners.length >= MOST_CORNERS, onclick: () => { change((held) => [...held, [null, null]]); [...this.numbers.querySelectorAll("input")].at(-2)?.focus(); },
    }, icon("tabler-plus"), words.add_corner);
    return [h("ol", { class: "rule-corners", "data-at": "polygon" }, corners.map(row)), h("div", { class: "btn-list" }, add, this.here(words.corner_here, (corner) => change((held) => [...held, corner])))];
  }

  // For hands on a keyboard: the map is moved with the arrow keys, and what is in its middle is taken.
  here(label, take) {
    return h("button", { type: "button", class: "btn btn-sm rule-here", onclick: () => { const middle = this.map.middle(); if (middle) take(middle); } }, icon("tabler-crosshair"), label);
  }
}

function degrees(value, label, at, put, small = false) {
  return plainNumber(value, { label, at, least: null, small, put: (typed) => put(typed === undefined ? undefined : Number(typed.toFixed(FINE))) });
}

