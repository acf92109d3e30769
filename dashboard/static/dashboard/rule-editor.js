// The editor of a rule: what is typed is checked as it is typed, said as a sentence, and saved through the API.
import { h, icon, later } from "./dom.js";
import { ActionCards } from "./rule-actions.js";
import { isComplete, isGroup, places, read, write } from "./rule-model.js";
import { PatternTree } from "./rule-pattern.js";
import { ScopePickers } from "./rule-scope.js";
import { shapeOf } from "./rule-values.js";

const form = document.querySelector("[data-rule-editor]");
const data = JSON.parse(document.getElementById("rule-editor-data").textContent);
const { words, rule } = data;
const part = (name) => form.querySelector(`[data-part="${name}"]`);
const [sentence, now, trouble, saved, button] = ["sentence", "now", "trouble", "saved", "save"].map(part);
const draftKey = `rule draft ${location.pathname}${location.search}`;
let attempted = false;
let asked = 0;
let isConflict = false;

const start = draft() ?? rule;
for (const name of ["name", "description"]) part(name).value = start[name] ?? "";
for (const name of ["enabled", "skip_current"]) part(name).checked = start[name];

const changed = () => { keepDraft(); check(); };
const subjects = new Map(data.fields.map((field) => [field.name, field]));
document.getElementById("rule-fields").append(...data.fields.map((field) => h("option", { value: field.name, label: field.about })));
document.getElementById("rule-people").append(...data.people.map(([email, name]) => h("option", { value: email, label: name })));
const tree = new PatternTree(part("pattern"), read(start.pattern), { subjects, operators: data.operators, words, changed });
const cards = new ActionCards(part("actions"), start.actions, { kinds: data.action_kinds, placeholders: data.placeholders, words, changed });
const scope = new ScopePickers(part("scope"), start.scope, { fleets: data.fleets, labels: data.labels, words, changed });

const body = () => ({
  name: part("name").value.trim(),
  description: part("description").value,
  enabled: part("enabled").checked,
  skip_current: part("skip_current").checked,
  scope: scope.value(),
  pattern: write(tree.root),
  actions: cards.values(),
});

// A rule begins anew where one of these changes: then it fires at once for what is true already.
const meaning = () => JSON.stringify([part("enabled").checked, scope.value(), write(tree.root)]);
const stored = rule.id && start === rule ? meaning() : "";

// Half a condition is not asked about; half an action does not keep the sentence from being said.
const check = later(250, async () => {
  const turn = ++asked;
  if (!isComplete(tree.root, (operator) => shapeOf(operator) !== "none")) return say("");
  const { name, actions, ...others } = body();
  const given = { ...others, ...(name && { name }), ...(cards.isComplete() && { actions }) };
  const answer = await send("POST", "/api/v1/rules/validate", given);
  if (turn !== asked) return undefined;
  const isElsewhere = !Object.keys(answer.told.errors ?? {}).some((path) => path.startsWith("pattern"));
  if (answer.status === 200) say(answer.told.sentence, outlook(answer.told.now));
  else if (answer.status === 422 && isElsewhere) await sayPattern(turn, others.pattern);
  else say("");
  return tell(answer);
});

async function sayPattern(turn, pattern) {
  const answer = await send("POST", "/api/v1/rules/validate", { pattern });
  if (turn === asked) say(answer.told.sentence ?? "");
}

// Nothing is said yet: there is nothing to check.
function isBlank() {
  return [...places(tree.root)].every(([, node]) => isGroup(node) || !node.field);
}

// What it would do at once, before it is switched on.
function outlook(found) {
  if (!found.watched) return words.now.nothing;
  const isAnew = part("enabled").checked && meaning() !== stored;
  const fires = isAnew ? (part("skip_current").checked ? "skip" : "fire") : "off";
  const told = [words.now[found.true ? fires : "none"]];
  if (found.looked_at < found.watched) told.push(words.now.part);
  return told.join(" ").replace(/%(\w+)/g, (_whole, name) => found[name].toLocaleString());
}

function say(text, at_once = "") {
  now.textContent = at_once;
  const shown = text || (isBlank() ? words.no_sentence : words.unfinished);
  if (sentence.textContent !== shown) sentence.textContent = shown;
  sentence.classList.toggle("is-unfinished", !text);
}

function tell(answer) {
  const errors = answer.status === 422 || answer.status === 403 ? answer.told.errors ?? {} : {};
  const isRefused = answer.status >= 400 && !Object.keys(errors).length && answer.told.detail;
  tree.tell(errors, attempted);
  cards.tell(errors, attempted);
  scope.tell(errors);
  const nameless = attempted && !part("name").value.trim();
  part("name").classList.toggle("is-invalid", Boolean(errors.name) || nameless);
  part("name-error").textContent = nameless ? words.needs_name : errors.name?.join(" ") ?? "";
  // What is typed on is checked on, but does not take back that somebody else was first.
  if (isConflict) return;
  const count = Object.keys(errors).length + (nameless && !errors.name ? 1 : 0);
  trouble.textContent = isRefused ? answer.told.detail : attempted && count ? words.to_mend.replace("%n", count) : "";
  trouble.hidden = !trouble.textContent;
}

async function save(event) {
  event.preventDefault();
  attempted = true;
  isConflict = false;
  asked += 1;
  button.disabled = true;
  saved.hidden = true;
  const answer = await keep(body());
  button.disabled = false;
  tell(answer);
  if (answer.status === 412) return conflict();
  if (answer.status >= 300) return form.querySelector(".is-invalid, .is-faulty input")?.focus();
  sessionStorage.removeItem(draftKey);
  location.assign(`/rules/${answer.told.id}?saved=1`);
  return undefined;
}

// Without a name nothing is stored, but everything else is checked, so that all is told at once.
function keep({ name, ...others }) {
  if (!name) return send("POST", "/api/v1/rules/validate", others).then((answer) => ({ ...answer, status: 422 }));
  const given = { name, ...others };
  return rule.id ? send("PUT", `/api/v1/rules/${rule.id}`, given, data.etag) : send("POST", "/api/v1/rules", given);
}

function conflict() {
  isConflict = true;
  trouble.replaceChildren(words.conflict, " ", h("a", { href: location.pathname, onclick: () => sessionStorage.removeItem(draftKey) }, words.load_theirs));
  trouble.hidden = false;
}

async function send(method, address, given, etag) {
  const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": form.dataset.csrf };
  if (etag) headers["If-Match"] = etag;
  try {
    const answer = await fetch(address, { method, headers, body: JSON.stringify(given) });
    return { status: answer.status, told: await answer.json().catch(() => ({ detail: words.no_answer })) };
  } catch {
    return { status: 599, told: { detail: words.no_answer } };
  }
}

// What was typed survives leaving the page.
function draft() {
  const kept = JSON.parse(sessionStorage.getItem(draftKey) ?? "null");
  if (!kept || kept.version !== (rule.version ?? 0)) return null;
  saved.replaceChildren(icon("tabler-history", "me-2"), words.restored, " ", h("a", { href: location.href, onclick: forget }, words.discard));
  saved.hidden = false;
  return kept.body;
}

function forget(event) {
  event.preventDefault();
  sessionStorage.removeItem(draftKey);
  location.reload();
}

function keepDraft() {
  sessionStorage.setItem(draftKey, JSON.stringify({ version: rule.version ?? 0, body: body() }));
}

if (new URLSearchParams(location.search).has("saved")) history.replaceState(null, "", location.pathname);
form.addEventListener("submit", save);
form.addEventListener("input", (event) => { if (event.target.matches("[data-part]")) changed(); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit();
});
check();
