// What a rule does: one card per action, with placeholders that are put in where the cursor was.
import { h, icon, iconButton, select } from "./dom.js";

export class ActionCards {
  constructor(place, actions, { kinds, placeholders, words, changed }) {
    Object.assign(this, { place, kinds, placeholders, words, changed });
    this.actions = actions.map((values) => ({ values: { ...values }, touched: true }));
    this.draw();
  }

  draw(focusOn = -1) {
    this.cards = this.actions.map((action, index) => this.card(action, index));
    const empty = this.cards.length ? null : h("p", { class: "text-secondary mb-2" }, this.words.no_actions);
    this.place.replaceChildren(...[empty, ...this.cards].filter(Boolean), this.adders());
    this.cards[focusOn]?.querySelector("input, textarea")?.focus();
  }

  adders() {
    const add = (kind) => h("button", {
      type: "button", class: "btn", "data-add-action": kind.type,
      onclick: () => {
        this.actions.push({ values: { type: kind.type, ...kind.defaults }, touched: false });
        this.draw(this.actions.length - 1);
        this.changed();
      },
    }, icon(kind.icon), kind.label);
    return h("div", { class: "btn-list rule-adders" }, this.kinds.map(add));
  }

  card(action, index) {
    const kind = this.kinds.find((one) => one.type === action.values.type);
    const remove = iconButton("tabler-trash", this.words.remove_action, () => {
      this.actions.splice(index, 1);
      this.draw();
      this.changed();
    });
    const fields = (kind?.fields ?? []).map((field) => this.field(action, index, field));
    return h("div", { class: "card rule-action", onfocusout: () => { action.touched = true; } },
      h("div", { class: "card-header" }, icon(kind?.icon ?? "tabler-bolt", "me-2"), h("h4", { class: "card-title" }, kind?.label ?? action.values.type),
        h("div", { class: "card-actions" }, remove)),
      h("div", { class: "card-body" }, h("div", { class: "row g-3" }, fields),
        h("div", { class: "rule-error", hidden: true, role: "alert" }), kind ? this.help() : null));
  }

  field(action, index, field) {
    const id = `action-${index}-${field.name}`;
    const put = (value) => {
      if (value === "" || value === undefined) delete action.values[field.name];
      else action.values[field.name] = value;
      this.changed();
    };
    const input = this.input(field, action.values[field.name], id, put);
    const shown = field.unit ? h("div", { class: "input-group input-group-flat" }, input, h("span", { class: "input-group-text" }, field.unit)) : input;
    return h("div", { class: `col-md-${field.width}` },
      h("label", { class: `form-label${field.required ? " required" : ""}`, for: id }, field.label), shown,
      h("div", { class: "rule-error", hidden: true, role: "alert", "data-param": field.name }));
  }

  input(field, value, id, put) {
    if (field.kind === "choice") {
      return select(field.choices, value ?? field.choices[0][0], { id, onchange: (event) => put(event.target.value) });
    }
    const text = Array.isArray(value) ? value.join(", ") : value ?? "";
    const attributes = {
      id, class: "form-control", value: text, placeholder: field.placeholder, autocomplete: "off", list: field.list,
      "data-takes-placeholders": field.placeholders, oninput: (event) => put(told(event.target.value, field.kind)),
    };
    if (field.kind === "long") return h("textarea", { ...attributes, rows: 3 });
    return h("input", { ...attributes, type: field.kind === "number" ? "number" : "text", min: field.kind === "number" ? 0 : undefined, step: "any" });
  }

  help() {
    let last = null;
    const insert = (name) => {
      const card = details.closest(".rule-action");
      const input = last ?? card.querySelector("textarea[data-takes-placeholders], [data-takes-placeholders]");
      input.setRangeText(`$${name}`, input.selectionStart, input.selectionEnd, "end");
      input.dispatchEvent(new Event("input"));
      input.focus();
    };
    const chip = (name) => h("button", { type: "button", class: "rule-placeholder", onclick: () => insert(name) }, `$${name}`);
    const details = h("details", { class: "rule-help mt-3" }, h("summary", {}, this.words.placeholders),
      h("p", { class: "text-secondary small mb-2" }, this.words.placeholders_help), h("div", { class: "rule-placeholders" }, this.placeholders.map(chip)));
    queueMicrotask(() => details.closest(".rule-action")?.addEventListener("focusin", (event) => {
      if (event.target.matches("[data-takes-placeholders]")) last = event.target;
    }));
    return details;
  }

  isComplete() {
    const needed = (type) => (this.kinds.find((one) => one.type === type)?.fields ?? []).filter((field) => field.required);
    return this.actions.every(({ values }) => needed(values.type).every((field) => values[field.name]));
  }

  values() {
    return this.actions.map((action) => ({ ...action.values }));
  }

  tell(errors, all) {
    this.place.querySelectorAll(".rule-error").forEach((line) => { line.hidden = true; line.textContent = ""; });
    this.place.querySelectorAll(".is-invalid").forEach((input) => input.classList.remove("is-invalid"));
    let hidden = 0;
    for (const [path, texts] of Object.entries(errors)) {
      const found = path.match(/^actions\[(\d+)\]\.?([a-z_]*)/);
      if (!found) continue;
      const action = this.actions[Number(found[1])];
      if (!action || (!all && !action.touched)) hidden += 1;
      else tellAt(this.cards[Number(found[1])], found[2], texts.join(" "));
    }
    return hidden;
  }
}

function told(text, kind) {
  if (kind === "number") return text === "" ? undefined : Number(text);
  if (kind !== "addresses") return text;
  const several = text.split(/[,;\s]+/).filter(Boolean);
  return several.length > 1 ? several : several[0];
}

function tellAt(card, name, text) {
  const line = card.querySelector(`[data-param="${name}"]`) ?? card.querySelector(".card-body > .rule-error");
  line.textContent = text;
  line.hidden = false;
  line.parentElement.querySelector("input, textarea, select")?.classList.add("is-invalid");
}
