// The tree of conditions on the page: rows and groups, drawn from the model and kept in it.
import { h, icon, iconButton, select } from "./dom.js";
import { condition, group, isGroup, nodeAt, special } from "./rule-model.js";
import { KINDS, specialCells } from "./rule-rows.js";
import { menu, wrapLines, wrapMenu } from "./rule-time.js";
import { isWideValue, reshaped, valueInput } from "./rule-values.js";

export class PatternTree {
  // `path` is what the API calls the pattern; `around` has subjects, operators, words, changed, and what rows need.
  constructor(place, root, { path = "pattern", ...around }) {
    Object.assign(this, { place, root, path, ...around, around });
    this.rows = new Map();
    this.tools = { words: this.words, changed: this.changed, restructured: (node, part) => this.restructured(node, part) };
    this.draw();
  }

  draw(focusOn = null, part = "") {
    // Rows with a map stay as they are: a map that begins anew forgets where it was.
    this.before = this.rows;
    this.rows = new Map();
    this.place.replaceChildren(this.drawGroup(this.root, null));
    for (const [key, row] of this.before) if (!this.rows.has(key)) row.dispatchEvent(new Event("gone"));
    const row = focusOn && this.rows.get(focusOn.key);
    (row?.querySelector(part || "input, select") ?? row?.querySelector("input, select"))?.focus();
  }

  restructured(focusOn = null, part = "") {
    this.draw(focusOn, part);
    this.changed();
  }

  drawNode(node, parent) {
    const row = isGroup(node) ? this.drawGroup(node, parent) : this.drawRow(node, parent);
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
    const box = h("div", { class: `rule-group${parent ? "" : " rule-root"}`, role: "group", "aria-label": words.group },
      h("div", { class: "rule-group-head" }, h("span", {}, words[this.path === "pattern" ? "when" : "ends_when"]), mode, h("span", {}, words.of_these),
        h("span", { class: "rule-tools" }, wrapMenu(node, this.tools), remove)),
      h("div", { class: "rule-nodes" }, node.nodes.map((child) => this.drawNode(child, node))),
      wrapLines(node, this.tools), errorLine(), this.adders(node));
    this.rows.set(node.key, box);
    return box;
  }

  adders(node) {
    const { words } = this;
    const put = (made) => { node.nodes.push(made); this.restructured(isGroup(made) ? made.nodes[0] : made); };
    const button = (name, label, make) => h("button", { type: "button", class: "btn btn-sm btn-ghost-primary", onclick: () => put(make()) }, icon(name), label);
    const others = Object.entries(KINDS).map(([kind, { icon: sign, fresh }]) => ({
      name: kind, icon: sign, ...words.kinds[kind], act: () => put(special(kind, fresh(this.around))),
    }));
    return h("div", { class: "rule-group-foot" },
      button("tabler-plus", words.add_condition, () => condition()),
      menu([icon("tabler-dots-circle-horizontal"), words.add_other], words.add_other, others, "btn btn-sm btn-ghost-primary"),
      button("tabler-folder-plus", words.add_group, () => group(node.mode === "all" ? "any" : "all", [condition()])));
  }

  drawRow(node, parent) {
    const cells = node.kind === "compare" ? this.comparison(node, parent) : this.special(node);
    const tools = h("div", { class: "rule-tools" }, wrapMenu(node, this.tools), iconButton("tabler-x", this.words.remove_condition, () => this.remove(node, parent)));
    const isWide = node.kind === "compare" && isWideValue(node);
    return h("div", { class: `rule-row rule-row-${node.kind}${isWide ? " rule-row-wide" : ""}`, onfocusout: () => { node.touched = true; } }, ...cells.slice(0, node.kind === "compare" ? 3 : 2), tools,
      ...cells.slice(node.kind === "compare" ? 3 : 2), wrapLines(node, this.tools), errorLine());
  }

  special(node) {
    const before = this.before?.get(node.key);
    return before && node.kind === "place" ? [...before.children].slice(0, 2).concat(before.querySelector(".rule-place")) : specialCells(node, this.around);
  }

  comparison(node, parent) {
    const { words } = this;
    const subject = this.subjects.get(node.field);
    // Taking a focused input away makes it tell of its change once more.
    const redraw = () => {
      const row = this.rows.get(node.key);
      if (!row.contains(field)) return row;
      const fresh = this.drawNode(node, parent);
      row.replaceWith(fresh);
      return fresh;
    };
    const named = (name) => {
      if (name === node.field) return;
      this.choose(node, name);
      redraw().querySelector("[data-operator]")?.focus();
      this.changed();
    };
    const field = h("input", {
      class: "form-control rule-field", list: "rule-fields", value: node.field, placeholder: words.field_hint,
      "aria-label": words.field, autocomplete: "off", spellcheck: "false", "data-field": true, "data-at": "field",
      onchange: (event) => named(event.target.value.trim()),
      oninput: (event) => { if (this.subjects.has(event.target.value)) named(event.target.value); },
    });
    const told = subject && { ...subject, yes: words.yes, no: words.no };
    return [
      h("div", { class: "rule-subject" }, field, h("small", { class: "rule-about" }, subject ? subject.about : "")),
      this.operator(node, subject, redraw),
      h("div", { class: "rule-value", "data-at": "value" }, valueInput(node, told, words, this.changed, redraw)),
    ];
  }

  operator(node, subject, redraw) {
    return select(this.operatorsOf(subject), node.operator, {
      class: "form-select rule-operator", "aria-label": this.words.operator, "data-operator": true, "data-at": "operator",
      onchange: (event) => {
        node.value = reshaped(node.value, node.operator, event.target.value);
        node.operator = event.target.value;
        // The arrow keys go on to the next one from here.
        redraw().querySelector("[data-operator]")?.focus();
        this.changed();
      },
    });
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
    if (!keeps) node.value = reshaped(node.value, "eq", node.operator);
  }

  remove(node, parent) {
    parent.nodes = parent.nodes.filter((one) => one !== node);
    if (!parent.nodes.length) parent.nodes.push(condition());
    this.restructured();
  }

  // Errors at the very node; those of rows that nobody has finished typing wait until `all`.
  tell(errors, all) {
    for (const row of this.rows.values()) unmark(row);
    let hidden = 0;
    for (const [path, texts] of Object.entries(errors)) {
      if (!isUnder(path, this.path)) continue;
      const found = nodeAt(this.root, path, this.path);
      if (!found || (!all && !isGroup(found.node) && !found.node.touched)) hidden += 1;
      else mark(this.rows.get(found.node.key), texts.join(" "), found.rest);
    }
    return hidden;
  }
}

export const isUnder = (path, start) => path === start || path.startsWith(`${start}.`) || path.startsWith(`${start}[`);
const errorLine = () => h("div", { class: "rule-error", hidden: true, role: "alert" });
const errorOf = (row) => [...row.children].find((child) => child.classList.contains("rule-error"));
const ownInputs = (row) => [...row.querySelectorAll("[data-at]")].filter((input) => input.closest(".rule-row, .rule-group") === row);

function unmark(row) {
  const error = errorOf(row);
  error.textContent = "";
  error.hidden = true;
  row.classList.remove("is-faulty");
  ownInputs(row).forEach((input) => inputsOf(input).forEach((one) => one.classList.remove("is-invalid")));
}

function mark(row, text, rest) {
  const error = errorOf(row);
  error.textContent = error.textContent ? `${error.textContent} ${text}` : text;
  error.hidden = false;
  row.classList.add("is-faulty");
  const found = partAt(row, rest);
  if (found) inputsOf(found).forEach((one) => one.classList.add("is-invalid"));
}

// The last name in the rest of the path that one of the row's own inputs bears.
function partAt(row, rest) {
  const names = (rest.match(/[a-z_]+/g) ?? []).reverse();
  const inputs = ownInputs(row);
  return names.map((name) => inputs.find((input) => input.dataset.at === (name === "field" && rest.includes(".value.") ? "field-of-value" : name))).find(Boolean);
}

const inputsOf = (part) => (part.matches("input, select") ? [part] : [...part.querySelectorAll(".form-control, .form-select")]);
