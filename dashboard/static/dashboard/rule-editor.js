// The editor of a rule: what is typed is checked as it is typed, said as a sentence, tried, and saved through the API.
import { h, icon, later } from "./dom.js";
import { ActionCards } from "./rule-actions.js";
import { Kept, send as ask } from "./rule-keep.js";
import { isComplete, isEmpty, read, write } from "./rule-model.js";
import { PatternTree } from "./rule-pattern.js";
import { ScopePickers } from "./rule-scope.js";
import { Settings } from "./rule-settings.js";
import { shapeOf } from "./rule-values.js";

const form = document.querySelector("[data-rule-editor]");
const data = JSON.parse(document.getElementById("rule-editor-data").textContent);
const { words, rule } = data;
const part = (name) => form.querySelector(`[data-part="${name}"]`);
const [sentence, now, trouble, saved, button] = ["sentence", "now", "trouble", "saved", "save"].map(part);
const kept = new Kept(rule.version ?? 0);
let attempted = false;
let asked = 0;
let saidEnd = "";
let isConflict = false;

// ------------------------------------------------------------ the parts of the page

const start = kept.read() ?? rule;
if (start !== rule) tellRestored();
for (const name of ["name", "description"]) part(name).value = start[name] ?? "";
for (const name of ["enabled", "skip_current"]) part(name).checked = start[name];

const changed = () => { kept.write(body()); check(); };
const around = {
  subjects: new Map(data.fields.map((field) => [field.name, field])), operators: data.operators, measures: data.measures, zone: data.zone, words, changed,
  map: { attributes: mapAttributes(), positions: data.positions }, kinds: data.action_kinds, placeholders: data.placeholders, recipients: data.recipients, rules: data.rules,
};
fillLists();
const tree = new PatternTree(part("pattern"), read(start.pattern), around);
const settings = new Settings(part("settings"), start, { ...around, tree: () => tree.root });
const cards = new ActionCards(part("actions"), start.actions, around);
const scope = new ScopePickers(part("scope"), start.scope, { fleets: data.fleets, labels: data.labels, words, changed });

function fillLists() {
  const option = (field) => h("option", { value: field.name, label: field.about });
  document.getElementById("rule-fields").append(...data.fields.map(option));
  for (const kind of Object.keys(data.operators)) {
    form.append(h("datalist", { id: `rule-fields-${kind}` }, data.fields.filter((field) => field.kind === kind).map(option)));
  }
  document.getElementById("rule-people").append(...data.recipients.concat(data.people).map(([value, name]) => h("option", { value, label: name })));
  document.getElementById("rule-zones").append(...Intl.supportedValuesOf("timeZone").map((name) => h("option", { value: name })));
}

function mapAttributes() {
  const { library, worker, world, online, units, words: told } = form.dataset;
  return { library, worker, world, units, words: told, ...(online && { online }) };
}

function body() {
  return {
    name: part("name").value.trim(),
    description: part("description").value,
    enabled: part("enabled").checked,
    skip_current: part("skip_current").checked,
    scope: scope.value(),
    pattern: write(tree.root),
    ...settings.value(),
    actions: cards.values(),
  };
}

// A rule begins anew where one of these changes: then it fires at once for what is true already.
const meaning = () => JSON.stringify([part("enabled").checked, scope.value(), write(tree.root), settings.value()]);
const stored = rule.id && start === rule ? meaning() : "";

// ------------------------------------------------------------ checked while it is typed

// Half a condition is not asked about; half an action does not keep the sentence from being said.
const check = later(250, async () => {
  const turn = ++asked;
  sayEnd();
  if (!isComplete(tree.root, shapeOf)) return say("");
  const { name, actions, clear, ...others } = body();
  const given = { ...others, ...(name && { name }), ...(cards.isComplete() && { actions }), ...(settings.isComplete() && { clear }) };
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

// The other sentence: when it ends. It is asked for where it is another than before.
async function sayEnd() {
  const { clear } = settings.value();
  const given = clear && settings.isComplete() ? JSON.stringify(clear) : "";
  if (given === saidEnd) return;
  saidEnd = given;
  const answer = given ? await send("POST", "/api/v1/rules/validate", { pattern: clear }) : { told: {} };
  if (given === saidEnd) settings.sayEnd(answer.told.sentence ?? "");
}

// What it would do at once, before it is switched on.
function outlook(found) {
  if (!found) return "";
  if (!found.watched) return words.now.nothing;
  const isAnew = part("enabled").checked && meaning() !== stored;
  const fires = isAnew ? (part("skip_current").checked ? "skip" : "fire") : "off";
  const told = [words.now[found.true ? fires : "none"]];
  if (found.looked_at < found.watched) told.push(words.now.part);
  return told.join(" ").replace(/%(\w+)/g, (_whole, name) => found[name].toLocaleString());
}

function say(text, at_once = "") {
  now.textContent = at_once;
  const shown = text || (isEmpty(tree.root) ? words.no_sentence : words.unfinished);
  if (sentence.textContent !== shown) sentence.textContent = shown;
  sentence.classList.toggle("is-unfinished", !text);
}

function tell(answer) {
  const errors = answer.status === 422 || answer.status === 403 ? answer.told.errors ?? {} : {};
  const isRefused = answer.status >= 400 && !Object.keys(errors).length && answer.told.detail;
  for (const one of [tree, settings, cards]) one.tell(errors, attempted);
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

// ------------------------------------------------------------ saved, or tried as it stands

async function save(event) {
  event.preventDefault();
  attempted = true;
  isConflict = false;
  asked += 1;
  button.disabled = true;
  saved.hidden = true;
  const answer = await store(body());
  button.disabled = false;
  tell(answer);
  if (answer.status === 412) return conflict();
  if (answer.status >= 300) return form.querySelector(".is-invalid, .is-faulty input")?.focus();
  kept.forget();
  location.assign(`/rules/${answer.told.id}?saved=1`);
  return undefined;
}

// Without a name nothing is stored, but everything else is checked, so that all is told at once.
function store({ name, ...others }) {
  if (!name) return send("POST", "/api/v1/rules/validate", others).then((answer) => ({ ...answer, status: 422 }));
  const given = { name, ...others };
  return rule.id ? send("PUT", `/api/v1/rules/${rule.id}`, given, data.etag) : send("POST", "/api/v1/rules", given);
}

const send = (method, address, given, etag) => ask(method, address, given, { csrf: form.dataset.csrf, etag, noAnswer: words.no_answer });

function conflict() {
  isConflict = true;
  trouble.replaceChildren(words.conflict, " ", h("a", { href: location.pathname, onclick: () => kept.forget() }, words.load_theirs));
  trouble.hidden = false;
}

// The page of the trial takes the draft as it stands, also where nothing of it is saved.
function tryIt(event) {
  kept.write(body());
  event.target.querySelector("[name=draft]").value = JSON.stringify(body());
}

// ------------------------------------------------------------ nothing typed is lost

function tellRestored() {
  const forget = (event) => { event.preventDefault(); isLeaving = true; kept.forget(); location.reload(); };
  saved.replaceChildren(icon("tabler-history"), h("div", {}, words.restored, " ", h("a", { href: location.href, onclick: forget }, words.discard)));
  saved.hidden = false;
}

// What stands in an input of chips and was not ended yet is taken with the rest.
let isLeaving = false;
window.addEventListener("pagehide", () => {
  if (!isLeaving && form.contains(document.activeElement)) document.activeElement.blur();
});

if (new URLSearchParams(location.search).has("saved")) history.replaceState(null, "", location.pathname);
form.addEventListener("submit", save);
form.addEventListener("input", (event) => { if (event.target.matches("[data-part]")) changed(); });
document.getElementById("rule-trial")?.addEventListener("submit", tryIt);
document.addEventListener("keydown", (event) => {
  if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  form.requestSubmit();
});
check();
