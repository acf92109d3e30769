// What a rule watches: everything, or fleets, customers, vehicles and tasks that are found by typing.
import { h, icon, later } from "./dom.js";

export class ScopePickers {
  constructor(place, scope, { fleets, labels, words, changed }) {
    Object.assign(this, { place, labels, words, changed });
    this.everything = scope.everything === true;
    this.chosen = Object.fromEntries(["fleets", "customers", "vehicles", "tasks"].map((name) => [name, [...(scope[name] ?? [])]]));
    this.draw(fleets);
  }

  draw(fleets) {
    const { words } = this;
    this.pickers = h("div", { class: "rule-pickers", hidden: this.everything },
      fleets.length ? this.fleetBoxes(fleets) : null,
      this.picker("customers", "/api/v1/customers", (one) => [one.id, one.name, one.external_id ?? one.email ?? ""]),
      this.picker("vehicles", "/api/v1/vehicles", (one) => [one.vehicle_id, one.vehicle_id, [one.plate, one.make, one.model].filter(Boolean).join(" · ")]),
      this.picker("tasks", "/api/v1/tasks", (one) => [one.id, one.title, one.vehicle_id ?? ""], "&status=created"));
    const radio = (everything, label, hint) => h("label", { class: "form-selectgroup-item flex-fill" },
      h("input", {
        type: "radio", name: "scope", class: "form-selectgroup-input", checked: this.everything === everything, "data-everything": String(everything),
        onchange: () => { this.everything = everything; this.pickers.hidden = everything; this.changed(); },
      }),
      h("span", { class: "form-selectgroup-label d-flex align-items-center p-3 text-start" },
        h("span", { class: "me-3" }, h("span", { class: "form-selectgroup-check" })), h("span", {}, h("strong", { class: "d-block" }, label), h("span", { class: "text-secondary" }, hint))));
    this.place.replaceChildren(
      h("div", { class: "form-selectgroup form-selectgroup-boxes d-flex mb-3" }, radio(true, words.everything, words.everything_help), radio(false, words.chosen, words.chosen_help)),
      this.pickers, h("div", { class: "rule-error", hidden: true, role: "alert" }));
  }

  fleetBoxes(fleets) {
    const box = ([id, name]) => h("label", { class: "form-selectgroup-item" },
      h("input", {
        type: "checkbox", class: "form-selectgroup-input", checked: this.chosen.fleets.includes(id), "data-fleet": id,
        onchange: (event) => {
          this.chosen.fleets = this.chosen.fleets.filter((one) => one !== id).concat(event.target.checked ? [id] : []);
          this.changed();
        },
      }),
      h("span", { class: "form-selectgroup-label" }, name));
    return h("fieldset", { class: "rule-picker rule-picker-wide" }, h("legend", { class: "form-label" }, this.words.fleets),
      h("div", { class: "form-selectgroup form-selectgroup-pills" }, fleets.map(box)));
  }

  picker(name, address, told, extra = "") {
    const { words } = this;
    const id = `pick-${name}`;
    const chips = h("div", { class: "rule-chips" });
    const found = h("div", { class: "rule-found dropdown-menu", role: "listbox", id: `${id}-found` });
    const input = h("input", {
      id, class: "form-control", type: "search", autocomplete: "off", placeholder: words.search[name], role: "combobox",
      "aria-controls": `${id}-found`, "aria-expanded": "false",
    });
    const close = () => { found.classList.remove("show"); input.setAttribute("aria-expanded", "false"); };
    const redraw = () => chips.replaceChildren(...this.chosen[name].map(chip));
    const chip = (key) => h("span", { class: "rule-chip" }, this.labels[name]?.[key] ?? String(key), h("button", {
      type: "button", "aria-label": `${words.remove} ${key}`,
      onclick: () => { this.chosen[name] = this.chosen[name].filter((one) => one !== key); redraw(); this.changed(); },
    }, icon("tabler-x")));
    const take = (key, label) => {
      this.labels[name] = { ...this.labels[name], [key]: label };
      if (!this.chosen[name].includes(key)) this.chosen[name].push(key);
      input.value = "";
      close();
      redraw();
      this.changed();
      input.focus();
    };
    const look = later(200, async () => {
      const text = input.value.trim();
      if (!text) return close();
      const answer = await fetch(`${address}?limit=8&search=${encodeURIComponent(text)}${extra}`, { headers: { Accept: "application/json" } });
      if (!answer.ok || input.value.trim() !== text) return undefined;
      const options = (await answer.json()).data.map(told).map(([key, label, hint]) => h("button", {
        type: "button", class: "dropdown-item", role: "option", onclick: () => take(key, label),
      }, h("span", { class: "me-2" }, label), h("small", { class: "text-secondary ms-auto" }, hint)));
      found.replaceChildren(...(options.length ? options : [h("span", { class: "dropdown-item disabled" }, words.nothing_found)]));
      found.classList.add("show");
      input.setAttribute("aria-expanded", "true");
      return undefined;
    });
    input.addEventListener("input", look);
    const box = h("div", { class: "rule-picker" }, h("label", { class: "form-label", for: id }, words[name]), h("div", { class: "dropdown" }, input, found), chips);
    box.addEventListener("keydown", (event) => walk(event, input, found, close));
    box.addEventListener("focusout", (event) => { if (!box.contains(event.relatedTarget)) close(); });
    redraw();
    return box;
  }

  value() {
    if (this.everything) return { everything: true };
    return Object.fromEntries(Object.entries(this.chosen).filter(([, keys]) => keys.length));
  }

  tell(errors) {
    const texts = Object.entries(errors).filter(([path]) => path.startsWith("scope")).flatMap(([, told]) => told);
    const line = this.place.querySelector(":scope > .rule-error");
    line.textContent = texts.join(" ");
    line.hidden = texts.length === 0;
  }
}

function walk(event, input, found, close) {
  const options = [...found.querySelectorAll("button")];
  if (event.key === "Escape") close();
  if (event.key === "Enter" && event.target === input) {
    event.preventDefault();
    options[0]?.click();
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  const step = event.key === "ArrowDown" ? 1 : -1;
  const next = options.indexOf(document.activeElement) + step;
  (options[next] ?? input).focus();
}
