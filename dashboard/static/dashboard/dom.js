// Elements without markup in strings: h("button", { class: "btn", onclick: save }, "Save").
const sprite = () => document.querySelector("[data-sprite]")?.dataset.sprite ?? "/static/vendor/icons.svg";

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== ""));
  return element;
}

export function icon(name, extra = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `icon ${extra}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite()}#${name}`);
  svg.append(use);
  return svg;
}

export function select(options, chosen, attributes = {}) {
  const element = h("select", { class: "form-select", ...attributes });
  for (const [value, label] of options) {
    const option = h("option", { value }, label);
    option.selected = value === chosen;
    element.append(option);
  }
  return element;
}

export const iconButton = (name, label, onclick, extra = "") =>
  h("button", { type: "button", class: `btn btn-icon btn-ghost-secondary ${extra}`, "aria-label": label, title: label, onclick }, icon(name));

export function later(wait, work) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), wait);
  };
}
