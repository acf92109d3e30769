// What a rule does: one card per action, with placeholders that are put in where the cursor was.
import { h, icon, iconButton } from "./dom.js";
import { actionInput } from "./rule-action-fields.js";

export class ActionCards {
  // `around` has the kinds of actions, placeholders, words, changed, and what single inputs need.
  constructor(place, actions, around) {
    Object.assign(this, { place, ...around, around });
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
      type: "button", class: "btn rule-add-action", "data-add-action": kind.type,
      onclick: () => {
        this.actions.push({ values: { type: kind.type, ...kind.defaults }, touched: false });
        this.draw(this.actions.length - 1);
        this.changed();
      },
    }, icon(kind.icon), kind.label);
    return h("div", { class: "rule-adders" }, this.kinds.map(add));
  }

  card(action, index) {
    const kind = this.kinds.find((one) => one.type === action.values.type);
    const move = (by) => {
      this.actions.splice(index + by, 0, ...this.actions.splice(index, 1));
      this.draw();
      this.changed();
    };
    const remove = iconButton("tabler-trash", this.words.remove_action, () => {
      this.actions.splice(index, 1);
      this.draw();
      this.changed();
    });
    const up = index ? iconButton("tabler-arrow-up", this.words.move_up, () => move(-1)) : null;
    return h("div", { class: "card rule-action", "data-action": action.values.type, onfocusout: () => { action.touched = true; } },
      h("div", { class: "card-header" }, icon(kind?.icon ?? "tabler-bolt", "me-2"), h("h4", { class: "card-title" }, kind?.label ?? action.values.type),
        h("div", { class: "card-actions" }, up, remove)),
      h("div", { class: "card-body" }, this.fields(action, index, kind?.fields ?? []), kind?.hint ? h("p", { class: "rule-note mt-3" }, icon("tabler-info-circle"), kind.hint) : null,
        h("div", { class: "rule-error rule-error-of-all", hidden: true, role: "alert" }), kind ? this.help() : null));
  }

  // What is asked for seldom is folded away, unless somebody said it.
  fields(action, index, fields) {
    const row = (some) => h("div", { class: "row g-3" }, some.map((field) => this.field(action, index, field)));
    const seldom = fields.filter((field) => field.seldom);
    const said = seldom.some((field) => field.name in action.values);
    const more = seldom.length ? h("details", { class: "rule-more", open: said }, h("summary", {}, this.words.more), row(seldom)) : null;
    return [row(fields.filter((field) => !field.seldom)), more];
  }

  field(action, index, field) {
    const id = `action-${index}-${field.name}`;
    const put = (value) => {
      if (value === "" || value === undefined) delete action.values[field.name];
      else action.values[field.name] = value;
      this.changed();
    };
    const input = actionInput(field, action.values[field.name], id, put, this.around);
    const label = field.kind === "check" ? null : h("label", { class: "form-label", for: id }, field.label, field.required ? h("span", { class: "must", "aria-hidden": "true" }, "*") : null);
    return h("div", { class: `col-md-${field.width}` }, label, input, field.hint ? h("p", { class: "rule-note" }, field.hint) : null,
      h("div", { class: "rule-error", hidden: true, role: "alert", "data-param": field.name }));
  }

  help() {
    let last = null;
    const insert = (name) => {
      const card = details.closest(".rule-action");
      const input = last?.isConnected ? last : card.querySelector("textarea[data-takes-placeholders], [data-takes-placeholders]");
      if (!input) return;
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

function tellAt(card, name, text) {
  const line = card.querySelector(`[data-param="${name}"]`) ?? card.querySelector(".rule-error-of-all");
  line.textContent = line.textContent ? `${line.textContent} ${text}` : text;
  line.hidden = false;
  if (!line.dataset.param) return;
  const more = line.closest(".rule-more");
  if (more) more.open = true;
  line.parentElement.querySelector(".rule-chip-box, input, textarea, select")?.classList.add("is-invalid");
}
