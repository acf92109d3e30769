// The inputs of an action's parameters, by their kind.
import { chipInput } from "./rule-chips.js";
import { h, icon, iconButton, select } from "./dom.js";
import { plainNumber } from "./rule-time.js";

// `put` takes the new value; undefined leaves the parameter out. `around` has words, recipients and rules.
export function actionInput(field, value, id, put, around) {
  return (INPUTS[field.kind] ?? textLine)(field, value, id, put, around);
}

const INPUTS = {
  choice: (field, value, id, put) => select(field.choices, value ?? field.choices[0][0], { id, onchange: (event) => put(event.target.value) }),
  number: (field, value, id, put) => plainNumber(value, { id, put, unit: field.unit, least: field.least ?? 0, placeholder: field.placeholder }),
  check,
  recipients,
  lines,
  rule: rulePicker,
};

function textLine(field, value, id, put) {
  const attributes = {
    id, class: "form-control", value: value ?? "", placeholder: field.placeholder, autocomplete: "off", list: field.list,
    "data-takes-placeholders": field.placeholders, oninput: (event) => { if (field.kind === "name") capitals(event.target); put(event.target.value); },
  };
  return field.kind === "long" ? h("textarea", { ...attributes, rows: 3 }) : h("input", { ...attributes, type: field.kind === "url" ? "url" : "text", inputmode: field.kind === "url" ? "url" : undefined });
}

// A name for programs: OVERSPEED, LOW_BATTERY.
function capitals(input) {
  const [from, to] = [input.selectionStart, input.selectionEnd];
  input.value = input.value.toUpperCase().replace(/[^A-Z0-9_]/g, "_");
  input.setSelectionRange(from, to);
}

function check(field, value, id, put) {
  return h("label", { class: "form-check form-switch" }, h("input", { class: "form-check-input", type: "checkbox", id, checked: value === true, onchange: (event) => put(event.target.checked || undefined) }),
    h("span", { class: "form-check-label" }, field.label));
}

// People by their address, everybody of a role, the vehicle's customer.
function recipients(field, value, id, put, { words, recipients: known }) {
  const named = new Map(known);
  const held = value === undefined ? [] : Array.isArray(value) ? value : [value];
  return chipInput(held, {
    id, label: field.label, placeholder: field.placeholder, list: "rule-people", words, offered: known, between: /[,;\s]+/,
    read: (text) => text || undefined, shown: (one) => named.get(one) ?? one, put: (values) => put(values.length ? values : undefined),
  });
}

function lines(field, value, id, put, { words }) {
  const held = Array.isArray(value) ? [...value] : [];
  const list = h("ol", { class: "rule-lines" });
  const keep = () => put(held.some(Boolean) ? held.filter(Boolean) : undefined);
  const add = (at) => { held.splice(at, 0, ""); draw(at); };
  const draw = (focusOn = -1) => {
    list.replaceChildren(...held.map(line));
    list.querySelectorAll("input")[focusOn]?.focus();
  };
  const line = (text, at) => h("li", {},
    h("input", {
      class: "form-control", value: text, "aria-label": `${field.label} ${at + 1}`, "data-takes-placeholders": true,
      oninput: (event) => { held[at] = event.target.value; keep(); },
      onkeydown: (event) => {
        if (event.key === "Enter") { event.preventDefault(); add(at + 1); }
        if (event.key === "Backspace" && !held[at] && held.length > 1) { event.preventDefault(); held.splice(at, 1); keep(); draw(Math.max(at - 1, 0)); }
      },
    }),
    iconButton("tabler-x", `${words.remove} ${at + 1}`, () => { held.splice(at, 1); keep(); draw(); }, "btn-sm"));
  draw();
  return h("div", { class: "rule-line-box", role: "group", "aria-label": field.label, id }, list, h("button", { type: "button", class: "btn btn-sm", onclick: () => add(held.length) }, icon("tabler-plus"), field.adds));
}

function rulePicker(field, value, id, put, { words, rules }) {
  const known = rules.some(([pk]) => pk === value) || value === undefined ? rules : [...rules, [value, `#${value}`]];
  return select([["", words.this_rule], ...known.map(([pk, name]) => [String(pk), name])], value === undefined ? "" : String(value), {
    id, onchange: (event) => put(event.target.value ? Number(event.target.value) : undefined),
  });
}
