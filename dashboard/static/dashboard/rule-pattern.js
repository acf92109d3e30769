// The tree of conditions on the page: rows and groups, drawn from the model and kept in it.
import { h, icon, iconButton, select } from "./dom.js";
import { condition, group, isGroup, nodeAt } from "./rule-model.js";
import { reshaped, shapeOf, valueInput } from "./rule-values.js";

export class PatternTree {
  constructor(place, root, { subjects, operators, words, changed }) {
    Object.assign(this, { place, root, subjects, operators, words, changed });
    this.rows = new Map();
    this.draw();
  }

  draw(focusOn = null) {
    this.rows.clear();
    this.place.replaceChildren(this.drawGroup(this.root, null));
    if (focusOn) this.rows.get(focusOn.key)?.querySelector("input, select")?.focus();
  }

  restructured(focusOn = null) {
    this.draw(focusOn);
    this.changed();
  }

  drawNode(node, parent) {
    const row = isGroup(node) ? this.drawGroup(node, parent) : this.drawCondition(node, parent);
    this.rows.set(node.key, row);
    return row;
  }

  drawGroup(node, parent) {
    const { words } = this;
    const mode = select(words.modes, node.mode, {
      class: "form-select form-select-sm rule-mode", "aria-label": words.mode,
      onchange: (event) => { node.mode = event.target.value; this.restructured(); },
    });
    const remove = parent && iconButton("tabler-trash", words.remove_group, () => this.remove(node, parent));
    const add = (name, label, make) => h("button", {
      type: "button", class: "btn btn-sm btn-ghost-primary",
      onclick: () => { const made = make(); node.nodes.push(made); this.restructured(isGroup(made) ? made.nodes[0] : made); },
    }, icon(name), label);
    const box = h("div", { class: `rule-group${parent ? "" : " rule-root"}`, role: "group", "aria-label": words.group },
      h("div", { class: "rule-group-head" }, h("span", {}, words.when), mode, h("span", {}, words.of_these), h("span", { class: "ms-auto" }, remove)),
      h("div", { class: "rule-nodes" }, node.nodes.map((child) => this.drawNode(child, node))),
      h("div", { class: "rule-error", hidden: true, role: "alert" }),
      h("div", { class: "rule-group-foot" },
        add("tabler-plus", words.add_condition, () => condition()),
        add("tabler-folder-plus", words.add_group, () => group(node.mode === "all" ? "any" : "all", [condition()]))));
    this.rows.set(node.key, box);
    return box;
  }

  drawCondition(node, parent) {
    const { words } = this;
    const subject = this.subjects.get(node.field);
    // Taking a focused input away makes it tell of its change once more.
    const redraw = () => {
      if (this.rows.get(node.key) !== row) return this.rows.get(node.key);
      const fresh = this.drawNode(node, parent);
      row.replaceWith(fresh);
      return fresh;
    };
    const field = h("input", {
      class: "form-control rule-field", list: "rule-fields", value: node.field, placeholder: words.field_hint,
      "aria-label": words.field, autocomplete: "off", spellcheck: "false", "data-field": true,
      onchange: (event) => named(event.target.value.trim()),
      oninput: (event) => { if (this.subjects.has(event.target.value)) named(event.target.value); },
    });
    const named = (name) => {
      if (name === node.field) return;
      this.choose(node, name);
      redraw().querySelector("[data-operator]")?.focus();
      this.changed();
    };
    const operator = select(this.operatorsOf(subject), node.operator, {
      class: "form-select rule-operator", "aria-label": words.operator, "data-operator": true,
      onchange: (event) => {
        node.value = reshaped(node.value, shapeOf(node.operator), shapeOf(event.target.value));
        node.operator = event.target.value;
        redraw().querySelector("[data-value], .rule-value select")?.focus();
        this.changed();
      },
    });
    const told = { ...subject, yes: words.yes, no: words.no };
    const row = h("div", { class: "rule-row", onfocusout: () => { node.touched = true; } },
      h("div", { class: "rule-subject" }, field, h("small", { class: "rule-about" }, subject ? subject.about : "")),
      operator, h("div", { class: "rule-value" }, valueInput(node, subject && told, words, this.changed)),
      iconButton("tabler-x", words.remove_condition, () => this.remove(node, parent), "rule-remove"),
      h("div", { class: "rule-error", hidden: true, role: "alert" }));
    return row;
  }

  operatorsOf(subject) {
    const { words } = this;
    const kind = subject?.kind ?? "number";
    const moments = kind === "time" || kind === "date";
    return (this.operators[kind] ?? []).map((name) => [name, (moments && words.moments[name]) || words.operators[name]]);
  }

  choose(node, name) {
    const before = this.subjects.get(node.field)?.kind;
    const subject = this.subjects.get(name);
    node.field = name;
    const fitting = this.operators[subject?.kind ?? "number"];
    const keeps = subject && before === subject.kind && !subject.choices.length;
    if (!keeps) node.value = undefined;
    if (!fitting.includes(node.operator)) node.operator = subject?.kind === "number" ? "gt" : "eq";
    if (!keeps) node.value = reshaped(node.value, "one", shapeOf(node.operator));
  }

  remove(node, parent) {
    parent.nodes = parent.nodes.filter((one) => one !== node);
    if (!parent.nodes.length) parent.nodes.push(condition());
    this.restructured();
  }

  // Errors at the very node; those of rows that nobody has finished typing wait until `all`.
  tell(errors, all) {
    for (const row of this.rows.values()) mark(row, "");
    let hidden = 0;
    for (const [path, texts] of Object.entries(errors)) {
      if (!path.startsWith("pattern")) continue;
      const node = nodeAt(this.root, path);
      if (!node || (!all && !isGroup(node) && !node.touched)) hidden += 1;
      else mark(this.rows.get(node.key), texts.join(" "), path);
    }
    return hidden;
  }
}

function mark(row, text, path = "") {
  if (!row) return;
  const error = [...row.children].find((child) => child.classList.contains("rule-error"));
  const told = text && error.textContent ? `${error.textContent} ${text}` : text;
  error.textContent = told;
  error.hidden = !told;
  row.classList.toggle("is-faulty", Boolean(told));
  const part = { field: ".rule-field", operator: ".rule-operator", value: ".rule-value" }[path.match(/\.(field|operator|value)/)?.[1]];
  if (!text) row.querySelectorAll(".is-invalid").forEach((input) => input.classList.remove("is-invalid"));
  else if (part) row.querySelector(`${part}.form-control, ${part}.form-select, ${part} .form-control, ${part} .form-select`)?.classList.add("is-invalid");
}
