// Lengths of time: typed as a number and a unit, held in seconds; and what stands around a condition.
import { h, icon, iconButton, select } from "./dom.js";

const SECONDS = { s: 1, min: 60, h: 3600, d: 86_400 };

// The largest unit in which a length is a whole number.
export function unitOf(seconds) {
  return Object.keys(SECONDS).findLast((unit) => seconds && seconds % SECONDS[unit] === 0) ?? "min";
}

export function spoken(seconds, words) {
  const unit = unitOf(seconds);
  return `${(seconds / SECONDS[unit]).toLocaleString()} ${words.units[unit]}`;
}

export function duration(seconds, { label, words, put, id, at = "seconds", small = false }) {
  const known = typeof seconds === "number" && Number.isFinite(seconds);
  const held = { unit: known ? unitOf(seconds) : "min" };
  const tell = () => put(number.value === "" ? undefined : Number((Number(number.value) * SECONDS[held.unit]).toFixed(3)));
  const number = h("input", {
    class: `form-control${small ? " form-control-sm" : ""}`, type: "number", min: 0, step: "any", inputmode: "decimal", id, "aria-label": label, "data-at": at,
    value: known ? seconds / SECONDS[held.unit] : seconds ?? "", oninput: tell,
  });
  const unit = select(Object.keys(SECONDS).map((name) => [name, words.units[name]]), held.unit, {
    class: `form-select${small ? " form-select-sm" : ""}`, "aria-label": `${label}: ${words.unit}`, onchange: (event) => { held.unit = event.target.value; tell(); },
  });
  return h("div", { class: "rule-duration input-group" }, number, unit);
}

export function plainNumber(value, { label, put, at, id, least = 0, step = "any", unit = "", small = false, ...more }) {
  const input = h("input", {
    class: `form-control${small ? " form-control-sm" : ""}`, type: "number", min: least, step, inputmode: "decimal", id, "aria-label": label, "data-at": at, value: value ?? "", ...more,
    oninput: (event) => put(event.target.value === "" ? undefined : Number(event.target.value)),
  });
  return unit ? h("div", { class: "input-group input-group-flat" }, input, h("span", { class: "input-group-text" }, unit)) : input;
}

// "without a break for 2 min", "at least 3 times within 10 min": below the row or the group that it is about.
export function wrapLines(node, { words, changed, restructured }) {
  return h("div", { class: "rule-wraps", hidden: !node.wraps.length }, node.wraps.map((wrap, index) => {
    const remove = iconButton("tabler-x", words.remove_wrap, () => { node.wraps.splice(index, 1); restructured(node); }, "btn-sm");
    return h("div", { class: "rule-wrap", "data-wrap": wrap.kind }, icon(wrap.kind === "lasts" ? "tabler-hourglass" : "tabler-repeat"), wrapInputs(wrap, words, changed), remove);
  }));
}

function wrapInputs(wrap, words, changed) {
  const put = (name) => (value) => { wrap[name] = value; changed(); };
  const length = duration(wrap.seconds, { label: words[wrap.kind === "lasts" ? "lasts_for" : "often_within"], words, put: put("seconds"), small: true });
  if (wrap.kind === "lasts") return [h("span", {}, words.lasts_for), length];
  const times = plainNumber(wrap.times, { label: words.often_times, put: put("times"), at: "times", least: 1, step: 1, small: true, class: "form-control form-control-sm rule-times" });
  return [h("span", {}, words.often_at_least), times, h("span", {}, words.often_within), length];
}

// The clock of a row or a group: what else time has to say about it.
export function wrapMenu(node, { words, restructured }) {
  const add = (kind, wrap) => ({ icon: kind === "lasts" ? "tabler-hourglass" : "tabler-repeat", label: words[`${kind}_label`], hint: words[`${kind}_hint`],
    is_off: refuses(node, kind), act: () => { node.wraps.push({ kind, ...wrap }); restructured(node, ":scope > .rule-wraps > :last-child input"); } });
  return menu(h("span", { class: "rule-menu-mark" }, icon("tabler-clock-plus")), words.time_menu, [add("lasts", {}), add("often", { times: 3 })], "btn btn-icon btn-ghost-secondary");
}

// A change is over in a moment, and silence and maintenance have times of their own.
function refuses(node, kind) {
  const isOver = ["changed", "rose_by", "fell_by"].includes(node.operator);
  const isOwn = node.kind === "due" || (kind === "lasts" && (node.kind === "silent" || isOver));
  return isOwn || node.wraps.some((one) => one.kind === kind);
}

// A list of things to choose from behind a button: {icon, label, hint, act, is_off}.
export function menu(mark, label, items, look) {
  const close = () => { details.open = false; };
  const item = (one) => h("button", {
    type: "button", class: "dropdown-item rule-menu-item", disabled: one.is_off, "data-menu": one.name, onclick: () => { close(); one.act(); },
  }, icon(one.icon, "dropdown-item-icon"), h("span", {}, h("span", {}, one.label), h("small", {}, one.hint)));
  const details = h("details", { class: "drop drop-end rule-drop", "data-drop": true },
    h("summary", { class: look, "aria-label": label, title: label }, mark), h("div", { class: "drop-body rule-menu-body" }, items.map(item)));
  return details;
}
