// Rows that compare no attribute: silence, places, hours of the week, maintenance.
import { h, icon, select } from "./dom.js";
import { PlaceEditor } from "./rule-place.js";
import { duration, plainNumber } from "./rule-time.js";
import { measureOf, pills } from "./rule-values.js";

export const KINDS = {
  silent: { icon: "tabler-wifi-off", fresh: () => ({}) },
  place: { icon: "tabler-map-pin", fresh: () => ({ side: "inside", place: { circle: {} } }) },
  hours: { icon: "tabler-clock-hour-4", fresh: ({ zone }) => ({ from: "22:00", to: "06:00", time_zone: zone }) },
  due: { icon: "tabler-tool", fresh: () => ({}) },
};

// What such a row holds beside its buttons; `around` has words, changed, units, and what the map needs.
export function specialCells(node, around) {
  const { words } = around;
  const name = h("div", { class: "rule-kind" }, icon(KINDS[node.kind].icon), h("strong", {}, words.kinds[node.kind].row));
  return [name, ...CELLS[node.kind](node.held, around, node)];
}

const CELLS = { silent: silentCells, place: placeCells, hours: hoursCells, due: dueCells };

function silentCells(held, { words, changed }) {
  const length = duration(held.seconds, { label: words.silent_for, words, at: "silent", put: (value) => { held.seconds = value; changed(); } });
  return [h("div", { class: "rule-special" }, h("span", {}, words.silent_for), length)];
}

function placeCells(held, around, node) {
  const { words, changed } = around;
  const side = select([["inside", words.inside], ["outside", words.outside]], held.side, {
    "aria-label": words.side, "data-at": "side", onchange: (event) => { held.side = event.target.value; changed(); },
  });
  const name = h("input", {
    class: "form-control", value: held.place.name ?? "", placeholder: words.place_name, "aria-label": words.place_name, maxlength: 100, "data-at": "name",
    oninput: (event) => {
      const { name: _name, ...others } = held.place;
      held.place = event.target.value ? { ...others, name: event.target.value } : others;
      changed();
    },
  });
  return [h("div", { class: "rule-special rule-place-head" }, side, name), new PlaceEditor(held, around, node).element];
}

// ------------------------------------------------------------ hours of the week

function hoursCells(held, { words, changed }) {
  const put = (name, value) => {
    if (value === undefined || value === "") delete held[name];
    else held[name] = value;
    next.hidden = !(held.from && held.to && held.to <= held.from);
    changed();
  };
  const clock = (name) => h("input", {
    class: "form-control", type: "time", value: held[name] ?? "", "aria-label": words[`hours_${name}`], "data-at": name, oninput: (event) => put(name, event.target.value),
  });
  const next = h("small", { class: "rule-next-day", hidden: !(held.to <= held.from) }, words.next_day);
  const chosen = new Set(held.weekdays ?? words.weekdays.map(([name]) => name));
  const days = pills(words.weekdays, chosen, () => {
    const named = words.weekdays.map(([name]) => name).filter((name) => chosen.has(name));
    put("weekdays", named.length === words.weekdays.length ? undefined : named);
  }, { "data-at": "weekdays" });
  const zone = h("input", {
    class: "form-control rule-zone", list: "rule-zones", value: held.time_zone ?? "", placeholder: "UTC", "aria-label": words.time_zone, "data-at": "time_zone",
    autocomplete: "off", spellcheck: "false", oninput: (event) => put("time_zone", event.target.value.trim()),
  });
  return [
    h("div", { class: "rule-special" }, clock("from"), h("span", {}, words.hours_to), clock("to"), next),
    h("div", { class: "rule-below" }, days, h("label", { class: "rule-zone-field" }, icon("tabler-world"), zone)),
  ];
}

// ------------------------------------------------------------ maintenance

function dueCells(held, { words, changed, measures }) {
  const put = (name) => (value) => {
    if (value === undefined) delete held[name];
    else held[name] = value;
    changed();
  };
  const km = measureOf(measures.km, true);
  const far = (name) => plainNumber(km.shown(held[name]), {
    label: words[name], at: name, unit: measures.km.unit, put: (value) => put(name)(value === undefined ? undefined : km.stored(value)),
  });
  const long = (name, unit) => plainNumber(held[name], { label: words[name], at: name, unit, step: 1, put: put(name) });
  const line = (first, ...cells) => h("div", { class: "rule-due-line" }, h("span", {}, first), ...cells);
  return [
    h("p", { class: "rule-special rule-note" }, words.due_note),
    h("div", { class: "rule-below" }, line(words.every, far("every_km"), h("span", {}, words.or), long("every_months", words.months)),
      line(words.ahead, far("ahead_km"), h("span", {}, words.and), long("ahead_days", words.units.d))),
  ];
}
