// When a rule fires and ends: a condition of its own for the end, repeating, pauses, limits, waiting for late readings.
import { h, icon } from "./dom.js";
import { condition, firstComparison, group, isComplete, read, write } from "./rule-model.js";
import { PatternTree } from "./rule-pattern.js";
import { duration, plainNumber, spoken } from "./rule-time.js";
import { shapeOf } from "./rule-values.js";

const OPPOSITES = { gt: "le", ge: "lt", lt: "ge", le: "gt", eq: "ne", ne: "eq", is_set: "is_not_set", is_not_set: "is_set", in: "not_in", not_in: "in" };
// What a setting is where nobody set it.
const LENGTHS = { repeat_s: null, cooldown_s: 0, cooldown_rule_s: 0, lateness_s: 0 };
const COUNTS = { per_day: null, per_day_rule: null };
const ORDER = ["repeat_s", "cooldown_s", "cooldown_rule_s", "per_day", "per_day_rule", "lateness_s"];

export class Settings {
  // `start` is the rule; `tree()` its pattern's root, which a condition for the end begins with.
  constructor(place, start, { tree, ...around }) {
    Object.assign(this, { place, tree, around, words: around.words });
    this.held = Object.fromEntries(ORDER.map((name) => [name, start[name] ?? { ...LENGTHS, ...COUNTS }[name]]));
    this.clear = null;
    this.kept = start.clear ? read(start.clear) : null;
    this.draw(Boolean(start.clear));
  }

  changed() {
    this.sayShort();
    this.around.changed();
  }

  draw(hasClear) {
    const { words } = this;
    this.short = h("span", { class: "rule-short" });
    this.clearPlace = h("div", { class: "rule-clear", hidden: true });
    const own = h("input", { class: "form-check-input", type: "checkbox", checked: hasClear, "data-setting": "clear", onchange: (event) => { this.endBy(event.target.checked); this.changed(); } });
    this.details = h("details", { class: "rule-settings" },
      h("summary", { class: "card-head" }, icon("tabler-adjustments-horizontal"), h("span", { class: "rule-settings-head" }, h("strong", {}, words.settings), this.short), icon("tabler-chevron-down", "rule-turn")),
      h("div", { class: "card-body" },
        h("label", { class: "form-check form-switch" }, own, h("span", { class: "form-check-label" }, words.own_end, h("small", {}, words.own_end_hint))),
        this.clearPlace, h("div", { class: "rule-setting-list" }, ORDER.map((name) => this.line(name)))));
    this.place.replaceChildren(this.details);
    this.endBy(hasClear);
    this.sayShort();
  }

  endBy(isOwn) {
    if (!isOwn) this.kept = this.clear?.root ?? this.kept;
    this.clearPlace.hidden = !isOwn;
    this.clear = isOwn ? new PatternTree(this.clearPlace, this.kept ?? this.opposite(), { ...this.around, path: "clear", changed: () => this.changed() }) : null;
  }

  // What is over 80 ends, as a beginning, when it is at most something that one has to say.
  opposite() {
    const found = firstComparison(this.tree());
    return group("all", [found && OPPOSITES[found.operator] ? condition(found.field, OPPOSITES[found.operator]) : condition()]);
  }

  line(name) {
    const { words } = this;
    const told = words.setting[name];
    const id = `rule-${name}`;
    const put = (value) => { this.held[name] = value ?? { ...LENGTHS, ...COUNTS }[name]; this.changed(); };
    const value = this.held[name] || undefined;
    const input = name in LENGTHS ? duration(value, { label: told.label, words, put, id, at: name }) : plainNumber(value, { label: told.label, put, id, at: name, least: 1, step: 1, unit: words.times });
    return h("div", { class: "rule-setting", "data-setting-line": name }, h("div", {}, h("label", { class: "form-label", for: id }, told.label), h("p", { class: "rule-note" }, told.hint)), input, h("div", { class: "rule-error", hidden: true, role: "alert" }));
  }

  // One line that tells all of it while it is folded away.
  sayShort() {
    const { words, held } = this;
    const told = [this.clear && this.end ? words.short.ends.replace("%s", this.end) : words.short[this.clear ? "own_end" : "end"]];
    for (const name of ORDER) {
      if (held[name]) told.push(words.short[name].replace("%n", name in LENGTHS ? spoken(held[name], words) : held[name].toLocaleString()));
    }
    if (!held.repeat_s) told.splice(1, 0, words.short.once);
    this.short.textContent = told.join(" · ");
  }

  // The condition for the end as a sentence, where it is one.
  sayEnd(sentence) {
    this.end = sentence.charAt(0).toLowerCase() + sentence.slice(1);
    this.sayShort();
  }

  isComplete() { return !this.clear || isComplete(this.clear.root, shapeOf); }

  value() {
    return { ...this.held, clear: this.clear ? write(this.clear.root) : null };
  }

  tell(errors, all) {
    this.clear?.tell(errors, all);
    const isWrong = Object.keys(errors).some((path) => path in this.held || (path.startsWith("clear") && all));
    for (const name of ORDER) {
      const line = this.place.querySelector(`[data-setting-line="${name}"]`);
      const error = line.querySelector(".rule-error");
      error.textContent = errors[name]?.join(" ") ?? "";
      error.hidden = !error.textContent;
      line.querySelector("input").classList.toggle("is-invalid", Boolean(error.textContent));
    }
    if (isWrong) this.details.open = true;
  }

  open() { this.details.open = true; }
}
