// The inputs for a condition's value: what fits the attribute's type and the operator.
import { h, icon, select } from "./dom.js";

export const SHAPES = { between: "pair", in: "list", not_in: "list", is_set: "none", is_not_set: "none" };
export const shapeOf = (operator) => SHAPES[operator] ?? "one";

// What was typed stays where it fits the new operator.
export function reshaped(value, from, to) {
  if (from === to) return value;
  if (to === "none") return undefined;
  const one = Array.isArray(value) ? value[0] : value;
  if (to === "one") return one;
  if (to === "list") return Array.isArray(value) ? value : one === undefined ? [] : [one];
  return Array.isArray(value) && value.length === 2 ? value : [one, undefined];
}

export function valueInput(node, subject, words, changed) {
  const shape = shapeOf(node.operator);
  if (shape === "none") return h("span", { class: "rule-no-value" });
  if (shape === "list") return subject?.choices?.length ? choiceList(node, subject, changed) : chips(node, subject, words, changed);
  if (shape === "pair") return pair(node, subject, words, changed);
  return single(node.value, subject, words.value, (value) => {
    node.value = value;
    changed();
  });
}

function pair(node, subject, words, changed) {
  const values = Array.isArray(node.value) ? node.value : [undefined, undefined];
  const put = (place) => (value) => {
    values[place] = value;
    node.value = [...values];
    changed();
  };
  return h("div", { class: "rule-pair" },
    single(values[0], subject, words.least, put(0)), h("span", {}, words.and), single(values[1], subject, words.most, put(1)));
}

function single(value, subject, label, put) {
  const kind = subject?.kind ?? "text";
  if (kind === "boolean") {
    const chosen = value === undefined ? "" : String(value);
    return select([["", "…"], ["true", subject.yes], ["false", subject.no]], chosen, {
      "aria-label": label, onchange: (event) => put(event.target.value === "" ? undefined : event.target.value === "true"),
    });
  }
  if (subject?.choices?.length) {
    const options = [["", "…"], ...subject.choices.map((choice) => [choice, choice])];
    return select(options, value ?? "", { "aria-label": label, onchange: (event) => put(event.target.value || undefined) });
  }
  return withUnit(textual(value, kind, label, put), subject?.unit);
}

function textual(value, kind, label, put) {
  const types = { number: "number", date: "date", time: "datetime-local" };
  return h("input", {
    class: "form-control", type: types[kind] ?? "text", step: kind === "number" ? "any" : undefined, "aria-label": label,
    inputmode: kind === "number" ? "decimal" : undefined, value: kind === "time" ? localTime(value) : value ?? "", "data-value": true,
    oninput: (event) => put(typed(event.target.value, kind)),
  });
}

const withUnit = (input, unit) =>
  unit ? h("div", { class: "input-group input-group-flat" }, input, h("span", { class: "input-group-text" }, unit)) : input;

export function typed(text, kind) {
  if (text === "") return undefined;
  if (kind === "number") return Number.isFinite(Number(text)) ? Number(text) : text;
  if (kind === "time") return Number.isNaN(Date.parse(text)) ? text : new Date(text).toISOString();
  return text;
}

function localTime(value) {
  const moment = new Date(value ?? "");
  if (Number.isNaN(moment.getTime())) return "";
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function choiceList(node, subject, changed) {
  const chosen = new Set(Array.isArray(node.value) ? node.value : []);
  const pill = (choice) => h("label", { class: "form-selectgroup-item" },
    h("input", {
      type: "checkbox", class: "form-selectgroup-input", checked: chosen.has(choice),
      onchange: (event) => {
        chosen[event.target.checked ? "add" : "delete"](choice);
        node.value = subject.choices.filter((one) => chosen.has(one));
        changed();
      },
    }),
    h("span", { class: "form-selectgroup-label" }, choice));
  return h("div", { class: "form-selectgroup form-selectgroup-pills" }, subject.choices.map(pill));
}

// Values typed one after the other: Enter or a comma ends one, Backspace takes the last away.
function chips(node, subject, words, changed) {
  const held = Array.isArray(node.value) ? [...node.value] : [];
  const list = h("span", { class: "rule-chips" });
  const input = h("input", { class: "rule-chip-input", "aria-label": words.value, placeholder: words.several, "data-value": true });
  const keep = () => {
    node.value = held.length ? [...held] : undefined;
    list.replaceChildren(...held.map(chip));
    changed();
  };
  const chip = (value, place) => h("span", { class: "rule-chip" }, String(value),
    h("button", { type: "button", "aria-label": `${words.remove} ${value}`, onclick: () => { held.splice(place, 1); keep(); } }, icon("tabler-x")));
  const take = () => {
    const value = typed(input.value.trim(), subject?.kind ?? "text");
    input.value = "";
    if (value === undefined || held.includes(value)) return;
    held.push(value);
    keep();
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      take();
    } else if (event.key === "Backspace" && input.value === "" && held.length) {
      held.pop();
      keep();
    }
  });
  input.addEventListener("blur", take);
  list.append(...held.map(chip));
  return h("div", { class: "rule-chip-box form-control" }, list, input);
}
