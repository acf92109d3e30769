// The editor of a rule: what is typed is checked as it is typed, said as a sentence, and saved through the API.
import { h, icon, later } from "./dom.js";
import { ActionCards } from "./rule-actions.js";
import { places, read, isGroup, write } from "./rule-model.js";
import { PatternTree } from "./rule-pattern.js";
import { ScopePickers } from "./rule-scope.js";

const form = document.querySelector("[data-rule-editor]");
const data = JSON.parse(document.getElementById("rule-editor-data").textContent);
const { words, rule } = data;
const part = (name) => form.querySelector(`[data-part="${name}"]`);
const [sentence, trouble, saved, button] = ["sentence", "trouble", "saved", "save"].map(part);
const draftKey = `rule draft ${location.pathname}${location.search}`;
let attempted = false;
let asked = 0;

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

const check = later(250, async () => {
  const turn = ++asked;
  const { name, ...others } = body();
  const answer = await send("POST", "/api/v1/rules/validate", name ? { name, ...others } : others);
  if (turn !== asked) return;
  if (answer.status === 200) say(answer.told.sentence);
  else if (answer.status === 422 && !Object.keys(answer.told.errors ?? {}).some((path) => path.startsWith("pattern"))) await sayPattern(turn, others.pattern);
  else say("");
  tell(answer);
});

async function sayPattern(turn, pattern) {
  const answer = await send("POST", "/api/v1/rules/validate", { pattern });
  if (turn === asked) say(answer.told.sentence ?? "");
}

function say(text) {
  const isBlank = [...places(tree.root)].every(([, node]) => isGroup(node) || !node.field);
  const shown = text || (isBlank ? words.no_sentence : words.unfinished);
  if (sentence.textContent !== shown) sentence.textContent = shown;
  sentence.classList.toggle("is-unfinished", !text);
}

function tell(answer) {
  const errors = answer.status === 422 || answer.status === 403 ? answer.told.errors ?? {} : {};
  const isRefused = answer.status >= 400 && !Object.keys(errors).length;
  tree.tell(errors, attempted);
  cards.tell(errors, attempted);
  scope.tell(errors);
  const nameless = attempted && !part("name").value.trim();
  part("name").classList.toggle("is-invalid", Boolean(errors.name) || nameless);
  part("name-error").textContent = errors.name?.join(" ") ?? (nameless ? words.needs_name : "");
  const count = Object.keys(errors).length;
  trouble.textContent = isRefused ? answer.told.detail : attempted && count ? words.to_mend.replace("%n", count) : "";
  trouble.hidden = !trouble.textContent;
}

async function save(event) {
  event.preventDefault();
  attempted = true;
  asked += 1;
  button.disabled = true;
  saved.hidden = true;
  const answer = await send(rule.id ? "PUT" : "POST", rule.id ? `/api/v1/rules/${rule.id}` : "/api/v1/rules", body(), rule.id && data.etag);
  button.disabled = false;
  tell(answer);
  if (answer.status === 412) return conflict();
  if (answer.status >= 300) return form.querySelector(".is-invalid, .is-faulty input")?.focus();
  sessionStorage.removeItem(draftKey);
  location.assign(`/rules/${answer.told.id}?saved=1`);
  return undefined;
}

function conflict() {
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

form.addEventListener("submit", save);
form.addEventListener("input", (event) => { if (event.target.matches("[data-part]")) changed(); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit();
});
check();
