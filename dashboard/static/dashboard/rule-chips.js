// Several values in one input, typed one after the other: Enter or a comma ends one, Backspace takes the last away.
import { h, icon } from "./dom.js";

// `read(text)` gives the value that a text stands for, or undefined; `shown(value)` how a chip tells it.
export function chipInput(values, { id, label, placeholder, list, read, shown, put, at, offered = [], between = /[,;\n]/, words }) {
  const held = [...values];
  const chips = h("span", { class: "rule-chips" });
  const input = h("input", { class: "rule-chip-input", id, "aria-label": label, placeholder, list, autocomplete: "off", "data-value": true, "data-at": at });
  const keep = () => { put([...held]); draw(); };
  const draw = () => {
    chips.replaceChildren(...held.map(chip));
    adders.replaceChildren(...offered.filter(([value]) => !held.includes(value)).map(adder));
  };
  const chip = (value, place) => h("span", { class: "rule-chip" }, shown(value), h("button", {
    type: "button", "aria-label": `${words.remove} ${shown(value)}`, onclick: () => { held.splice(place, 1); keep(); input.focus(); },
  }, icon("tabler-x")));
  const adder = ([value, told]) => h("button", { type: "button", class: "rule-offer", onclick: () => { held.push(value); keep(); } }, icon("tabler-plus"), told);
  const adders = h("div", { class: "rule-offers" });
  const take = () => {
    const found = input.value.split(between).map((text) => read(text.trim())).filter((value) => value !== undefined && !held.includes(value));
    input.value = "";
    if (found.length) { held.push(...found); keep(); }
  };
  listen(input, { take, drop: () => { if (held.pop() !== undefined) keep(); } });
  draw();
  return h("div", { class: "rule-several" }, h("div", { class: "rule-chip-box form-control", onclick: (event) => { if (event.target === event.currentTarget) input.focus(); } }, chips, input), adders);
}

function listen(input, { take, drop }) {
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      take();
    } else if (event.key === "Backspace" && input.value === "") drop();
  });
  // What is chosen from the list below an input is no typing: it is taken at once.
  input.addEventListener("input", (event) => { if (!event.inputType || event.inputType === "insertReplacementText") take(); });
  input.addEventListener("blur", take);
}
