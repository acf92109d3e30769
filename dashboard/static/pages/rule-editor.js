// The editor of a rule: a tree of groups and conditions, actions as cards, and a sentence that follows.
const root = document.querySelector("[data-rule]");
const attributes = new Map(JSON.parse(root.dataset.attributes).map((one) => [one.name, one]));
const operators = JSON.parse(root.dataset.operators);
const draft = JSON.parse(root.dataset.draft);
const headers = { "X-CSRFToken": document.body.dataset.csrf, "Content-Type": "application/json" };
const at = (id) => document.getElementById(id);
const WITHOUT_VALUE = ["is_set", "is_not_set"];
const LISTS = ["in", "not_in", "between"];
const FIELDS = {
  create_task: ["title", "description", "due_in_hours", "assignee"],
  send_email: ["to", "subject", "body"],
  store_log: ["level", "message"],
};

function make(tag, set = {}, ...children) {
  const element = Object.assign(document.createElement(tag), set);
  element.append(...children);
  return element;
}

at("attribute-names").append(...[...attributes.keys()].map((name) => make("option", { value: name })));

function groupOf(node) {
  const key = ["all", "any", "not"].find((name) => name in node);
  return key ? [key, key === "not" ? [node.not] : node[key]] : null;
}

function drawNode(node) {
  const group = groupOf(node);
  return group ? drawGroup(...group) : drawCondition(node);
}

function drawGroup(key, nodes) {
  const choice = make("select", { className: "form-select form-select-sm w-auto d-inline-block" });
  for (const [value, label] of [["all", "all of these"], ["any", "any of these"], ["not", "not this"]]) choice.append(new Option(label, value));
  choice.value = key;
  const held = make("div", {}, ...nodes.map(drawNode));
  const add = make("button", { type: "button", className: "btn btn-sm me-1", textContent: "+ condition", onclick: () => { held.append(drawCondition({})); changed(); } });
  const nest = make("button", { type: "button", className: "btn btn-sm", textContent: "+ group", onclick: () => { held.append(drawGroup("any", [{}])); changed(); } });
  const box = make("div", { className: "node-group" }, choice, remover(), held, add, nest);
  box.read = () => {
    const read = [...held.children].map((child) => child.read());
    return choice.value === "not" ? { not: read.length === 1 ? read[0] : { all: read } } : { [choice.value]: read };
  };
  return box;
}

function drawCondition(node) {
  const field = make("input", { className: "form-control form-control-sm", value: node.field || "odometer_km", ariaLabel: "attribute" });
  field.setAttribute("list", "attribute-names");
  const operator = make("select", { className: "form-select form-select-sm", ariaLabel: "operator" });
  for (const name of operators) operator.append(new Option(name.replaceAll("_", " "), name));
  operator.value = node.operator || "gt";
  const value = make("input", { className: "form-control form-control-sm", value: Array.isArray(node.value) ? node.value.join(", ") : node.value ?? "", ariaLabel: "value" });
  const unit = make("span", { className: "text-secondary small" });
  const follow = () => {
    unit.textContent = attributes.get(field.value)?.unit || attributes.get(field.value)?.kind || "";
    value.hidden = WITHOUT_VALUE.includes(operator.value);
  };
  field.addEventListener("input", follow);
  operator.addEventListener("change", follow);
  follow();
  const column = (width, child) => make("div", { className: width }, child);
  const row = make("div", { className: "row g-1 align-items-center my-1" }, column("col-sm-4", field), column("col-sm-3", operator), column("col-sm-3", value), column("col-1", unit), column("col-1", remover()));
  row.read = () => {
    const read = { field: field.value, operator: operator.value };
    if (!WITHOUT_VALUE.includes(operator.value)) read.value = valueOf(value.value, attributes.get(field.value)?.kind, LISTS.includes(operator.value));
    return read;
  };
  return row;
}

function valueOf(text, kind, isList) {
  if (isList) return text.split(",").map((part) => valueOf(part.trim(), kind, false));
  if (kind === "number" && text.trim() !== "" && !Number.isNaN(Number(text))) return Number(text);
  if (kind === "boolean" && ["true", "false"].includes(text)) return text === "true";
  return text;
}

function remover() {
  return make("button", { type: "button", className: "btn btn-sm btn-ghost-danger ms-2", textContent: "×", ariaLabel: "remove", onclick: (event) => { event.target.closest(".node-group, .row, .action").remove(); changed(); } });
}

function drawAction(action) {
  const card = make("div", { className: "action border rounded p-2 mb-2" }, make("strong", { textContent: action.type.replaceAll("_", " ") }), remover());
  const inputs = FIELDS[action.type].map((name) => {
    const input = make(name === "body" || name === "description" ? "textarea" : "input", { className: "form-control form-control-sm", value: action[name] ?? "", ariaLabel: name });
    card.append(make("label", { className: "form-label small mt-1 mb-0", textContent: name.replaceAll("_", " ") }), input);
    return [name, input];
  });
  card.read = () => {
    const filled = inputs.filter(([, input]) => input.value.trim() !== "").map(([name, input]) => [name, name === "due_in_hours" ? Number(input.value) : input.value]);
    return { type: action.type, ...Object.fromEntries(filled) };
  };
  return card;
}

const words = (id) => at(id).value.split(/[\s,]+/).filter(Boolean);
const numbers = (id) => words(id).map(Number);

function read() {
  const tree = document.querySelector("[data-pattern]").firstElementChild;
  const pattern = tree ? tree.read() : { all: [] };
  const alone = pattern.all?.length === 1 ? pattern.all[0] : pattern;
  const named = { fleets: [...at("fleets").selectedOptions].map((one) => one.value), vehicles: words("vehicles"), customers: numbers("customers"), tasks: numbers("tasks") };
  return {
    name: at("name").value,
    enabled: at("enabled").checked,
    skip_current: at("skip").checked,
    scope: at("everything").checked ? { everything: true } : named,
    pattern: alone,
    actions: [...document.querySelector("[data-actions]").children].map((card) => card.read()),
  };
}

let waiting;
function changed() {
  clearTimeout(waiting);
  waiting = setTimeout(validate, 300);
}

async function validate() {
  const { name, ...rest } = read();
  const answer = await fetch("/api/v1/rules/validate", { method: "POST", headers, body: JSON.stringify({ ...rest, name: name || "?" }) });
  const told = await answer.json();
  problem(answer.ok ? null : told);
  if (answer.ok) document.querySelector("[data-sentence]").textContent = told.sentence;
}

function problem(told) {
  const place = document.querySelector("[data-problem]");
  place.hidden = !told;
  place.textContent = told ? Object.entries(told.errors || { "": [told.detail] }).map(([path, texts]) => `${path}: ${texts.join(" ")}`).join(" · ") : "";
}

async function save() {
  const id = root.dataset.rule;
  const answer = await fetch(id ? `/api/v1/rules/${id}` : "/api/v1/rules", { method: id ? "PATCH" : "POST", headers, body: JSON.stringify(read()) });
  const told = await answer.json();
  if (answer.ok) location.assign(`/rules/${told.id}`);
  else problem(told);
}

at("name").value = draft.name;
at("enabled").checked = draft.enabled;
at("skip").checked = draft.skip_current;
at("everything").checked = Boolean(draft.scope.everything);
for (const option of at("fleets").options) option.selected = (draft.scope.fleets || []).includes(option.value);
for (const name of ["vehicles", "customers", "tasks"]) at(name).value = (draft.scope[name] || []).join(", ");
document.querySelector("[data-pattern]").append(groupOf(draft.pattern) ? drawNode(draft.pattern) : drawGroup("all", [draft.pattern]));
document.querySelector("[data-actions]").append(...draft.actions.map(drawAction));
for (const button of document.querySelectorAll("[data-add]")) button.addEventListener("click", () => { document.querySelector("[data-actions]").append(drawAction({ type: button.dataset.add })); changed(); });
root.addEventListener("input", changed);
root.addEventListener("change", changed);
document.querySelector("[data-save]")?.addEventListener("click", save);
