// The inputs for a condition's value: what fits the attribute's type, the operator and the person's units.
import { chipInput } from "./rule-chips.js";
import { h, icon, select } from "./dom.js";
import { isReference } from "./rule-model.js";

const SHAPES = { between: "pair", in: "list", not_in: "list", is_set: "none", is_not_set: "none", changed: "change" };
const DIFFERENCES = ["rose_by", "fell_by"];
const REFERABLE = ["eq", "ne", "gt", "ge", "lt", "le"];
export const shapeOf = (operator) => SHAPES[operator] ?? "one";

// Two inputs beside each other want a line of their own.
export const isWideValue = ({ operator, value }) => ["pair", "change"].includes(shapeOf(operator)) || isReference(value);

// What was typed stays where it fits the new operator.
export function reshaped(value, from, to) {
  const from_shape = shapeOf(from);
  const shape = shapeOf(to);
  if (isReference(value)) return REFERABLE.includes(to) ? value : undefined;
  if (from_shape === shape) return value;
  if (shape === "none" || shape === "change") return undefined;
  const one = Array.isArray(value) ? value[0] : from_shape === "change" ? value?.to : value;
  if (shape === "one") return one;
  if (shape === "list") return Array.isArray(value) ? value : one === undefined ? [] : [one];
  return Array.isArray(value) && value.length === 2 ? value : [one, undefined];
}

// `redraw` draws the row anew, where the value becomes another attribute's or plain again.
export function valueInput(node, subject, words, changed, redraw) {
  const shape = shapeOf(node.operator);
  const put = (value) => { node.value = value; changed(); };
  const isDifference = DIFFERENCES.includes(node.operator);
  if (shape === "none") return h("span", { class: "rule-no-value" });
  if (shape === "list") return subject?.choices?.length ? choiceList(node, subject, changed) : several(node, subject, words, put);
  if (shape === "pair") return pair(node, subject, words, put);
  if (shape === "change") return change(node, subject, words, put);
  if (!subject || !REFERABLE.includes(node.operator)) return single(node.value, subject, words.value, put, { isDifference });
  const input = isReference(node.value) ? reference(node, subject, words, changed) : single(node.value, subject, words.value, put);
  return h("div", { class: "rule-either" }, input, referenceButton(node, words, changed, redraw));
}

// ------------------------------------------------------------ another attribute's value

function referenceButton(node, words, changed, redraw) {
  const is_on = isReference(node.value);
  return h("button", {
    type: "button", class: "btn btn-icon btn-ghost-secondary rule-refer", "aria-pressed": String(is_on), title: words.refer, "aria-label": words.refer,
    onclick: () => {
      node.value = is_on ? undefined : { field: "" };
      redraw().querySelector(".rule-value input, .rule-value select")?.focus();
      changed();
    },
  }, icon("tabler-variable"));
}

function reference(node, subject, words, changed) {
  const field = h("input", {
    class: "form-control", list: `rule-fields-${subject.kind}`, value: node.value.field, placeholder: words.other_hint, "aria-label": words.other, "data-value": true,
    "data-at": "field-of-value", autocomplete: "off", spellcheck: "false", oninput: (event) => { node.value = { ...node.value, field: event.target.value.trim() }; changed(); },
  });
  if (subject.kind !== "number") return field;
  const plus = single(node.value.plus, subject, words.plus, (value) => {
    const { plus: _plus, ...others } = node.value;
    node.value = value === undefined ? others : { ...others, plus: value };
    changed();
  }, { isDifference: true, at: "plus" });
  return h("div", { class: "rule-reference" }, field, h("span", { "aria-hidden": "true" }, "+"), plus);
}

// ------------------------------------------------------------ two values, from and to, one

function pair(node, subject, words, put) {
  const values = Array.isArray(node.value) ? node.value : [undefined, undefined];
  const at = (place) => (value) => { values[place] = value; put([...values]); };
  return h("div", { class: "rule-pair" },
    single(values[0], subject, words.least, at(0)), h("span", {}, words.and), single(values[1], subject, words.most, at(1)));
}

function change(node, subject, words, put) {
  const held = { ...(node.value ?? {}) };
  const at = (name) => (value) => {
    held[name] = value;
    const known = Object.entries(held).filter(([, one]) => one !== undefined);
    put(known.length ? Object.fromEntries(known) : undefined);
  };
  const one = (name) => single(held[name], subject, words[`change_${name}`], at(name), { at: `change-${name}`, blank: words.anything });
  return h("div", { class: "rule-pair" }, h("span", {}, words.change_from), one("from"), h("span", {}, words.change_to), one("to"));
}

function single(value, subject, label, put, { isDifference = false, at, blank = "…" } = {}) {
  const kind = subject?.kind ?? "text";
  const marks = { "aria-label": label, "data-at": at };
  if (kind === "boolean") {
    const chosen = value === undefined ? "" : String(value);
    return select([["", blank], ["true", subject.yes], ["false", subject.no]], chosen, {
      ...marks, onchange: (event) => put(event.target.value === "" ? undefined : event.target.value === "true"),
    });
  }
  if (subject?.choices?.length) {
    const options = [["", blank], ...subject.choices.map((choice) => [choice, choice])];
    return select(options, value ?? "", { ...marks, onchange: (event) => put(event.target.value || undefined) });
  }
  const placeholder = blank === "…" ? undefined : blank;
  const measure = kind === "number" ? measureOf(subject, isDifference) : null;
  return withUnit(textual(value, kind, measure, { ...marks, placeholder }, put), subject?.unit);
}

function textual(value, kind, measure, marks, put) {
  const types = { number: "number", date: "date", time: "datetime-local" };
  const shown = kind === "time" ? localTime(value) : measure ? measure.shown(value) : value ?? "";
  return h("input", {
    class: "form-control", type: types[kind] ?? "text", step: kind === "number" ? "any" : undefined, inputmode: kind === "number" ? "decimal" : undefined,
    value: shown, "data-value": true, ...marks, oninput: (event) => put(typed(event.target.value, kind, measure)),
  });
}

const withUnit = (input, unit) =>
  unit ? h("div", { class: "input-group input-group-flat" }, input, h("span", { class: "input-group-text" }, unit)) : input;

// ------------------------------------------------------------ what is stored, and what is shown

// A rule is stored in km and °C; who prefers miles and °F types those. Differences have no zero to shift.
export function measureOf({ scale = 1, offset = 0 }, isDifference = false) {
  const shift = isDifference ? 0 : offset;
  return {
    shown: (value) => (typeof value === "number" && (scale !== 1 || shift) ? Number((value * scale + shift).toPrecision(9)) : value ?? ""),
    stored: (value) => (scale !== 1 || shift ? Number(((value - shift) / scale).toFixed(6)) : value),
  };
}

function typed(text, kind, measure) {
  if (text === "") return undefined;
  if (kind === "number") return Number.isFinite(Number(text)) ? (measure ?? measureOf({})).stored(Number(text)) : text;
  if (kind === "time") return Number.isNaN(Date.parse(text)) ? text : new Date(text).toISOString();
  return text;
}

function localTime(value) {
  const moment = new Date(value ?? "");
  if (Number.isNaN(moment.getTime())) return "";
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

// ------------------------------------------------------------ several values

function choiceList(node, subject, changed) {
  const chosen = new Set(Array.isArray(node.value) ? node.value : []);
  return pills(subject.choices.map((choice) => [choice, choice]), chosen, () => {
    node.value = subject.choices.filter((one) => chosen.has(one));
    changed();
  });
}

export function pills(options, chosen, changed, marks = {}) {
  const pill = ([value, label]) => h("label", { class: "form-selectgroup-item" },
    h("input", {
      type: "checkbox", class: "form-selectgroup-input", checked: chosen.has(value), value, ...marks,
      onchange: (event) => {
        chosen[event.target.checked ? "add" : "delete"](value);
        changed();
      },
    }),
    h("span", { class: "form-selectgroup-label" }, label));
  return h("div", { class: "form-selectgroup form-selectgroup-pills" }, options.map(pill));
}

function several(node, subject, words, put) {
  const measure = subject?.kind === "number" ? measureOf(subject) : measureOf({});
  return chipInput(Array.isArray(node.value) ? node.value : [], {
    label: words.value, placeholder: words.several, words,
    read: (text) => typed(text, subject?.kind ?? "text", measure), shown: (value) => String(measure.shown(value)),
    put: (values) => put(values.length ? values : undefined),
  });
}
