// Files dropped anywhere on the page, or chosen, go to the API one after the other, each with its bar.
import { h, icon } from "./dom.js";

const form = document.querySelector("[data-upload]");
const input = form.querySelector("input[type=file]");
const transfers = form.querySelector("[data-transfers]");
const veil = document.querySelector("[data-veil]");
const words = JSON.parse(form.dataset.words);
const most = Number(form.dataset.most);
let dragged = 0;
let queue = Promise.resolve();

const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
const veiled = (on) => veil.classList.toggle("is-shown", on);

document.addEventListener("dragenter", (event) => { if (holdsFiles(event)) veiled(++dragged > 0); });
document.addEventListener("dragleave", (event) => { if (holdsFiles(event)) veiled(--dragged > 0); });
document.addEventListener("dragover", (event) => { if (holdsFiles(event)) event.preventDefault(); });
document.addEventListener("drop", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  dragged = 0;
  veiled(false);
  take([...event.dataTransfer.files]);
});
input.addEventListener("change", () => {
  const files = [...input.files];
  input.value = "";
  take(files);
});
form.addEventListener("submit", (event) => event.preventDefault());

const remembered = localStorage.getItem("fleet of uploads");
const fleet = form.elements.fleet_id;
if (remembered !== null && [...fleet.options].some((option) => option.value === remembered)) fleet.value = remembered;
fleet.addEventListener("change", () => localStorage.setItem("fleet of uploads", fleet.value));

function take(files) {
  if (!files.length) return;
  const chosen = { kind: form.elements.kind.value, fleet_id: fleet.value, apply: form.elements.apply.checked ? "false" : "true" };
  const lines = files.map((file) => line(file));
  queue = queue.then(async () => {
    const sent = [];
    for (const [place, file] of files.entries()) sent.push(await send(file, lines[place], chosen));
    arrived(sent.filter(Boolean), files.length);
  });
}

function arrived(sent, count) {
  if (count === 1 && sent.length === 1) location.assign(`${form.dataset.page}/${sent[0].id}`);
  else if (sent.length && document.getElementById("listing")) window.htmx.ajax("GET", form.dataset.page, { target: "#listing", swap: "outerHTML" });
  else if (sent.length === count) location.reload();
}

function line(file) {
  const bar = h("progress", { class: "bar", max: 100, value: 0, "aria-label": file.name });
  const told = h("span", { class: "transfer-told" }, words.waits);
  const item = h("li", { class: "transfer" }, icon("tabler-file"), h("span", { class: "transfer-name" }, file.name), bar, told);
  transfers.append(item);
  return { item, bar, told };
}

function send(file, shown, chosen) {
  if (file.size > most) return fail(shown, words.too_large);
  if (fleet.required && !chosen.fleet_id) return fail(shown, words.needs_fleet);
  const body = new FormData();
  for (const [name, value] of Object.entries(chosen)) if (value) body.append(name, value);
  body.append("file", file, file.name);
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.dataset.upload);
    request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => progress(shown, event));
    request.addEventListener("load", () => {
      const answer = parsed(request.responseText);
      resolve(request.status === 202 ? done(shown, answer) : fail(shown, reason(answer)));
    });
    request.addEventListener("error", () => resolve(fail(shown, words.no_answer)));
    request.send(body);
  });
}

function progress({ bar, told }, event) {
  if (!event.lengthComputable) return;
  bar.value = (event.loaded / event.total) * 100;
  told.textContent = event.loaded < event.total ? `${Math.round(bar.value)} %` : words.stored;
}

function done({ item, bar, told }, answer) {
  bar.value = 100;
  item.classList.add("is-done");
  told.replaceChildren(h("a", { href: `${form.dataset.page}/${answer.id}` }, words.open));
  return answer;
}

function fail({ item, bar, told }, text) {
  bar.value = 0;
  item.classList.add("is-failed");
  told.textContent = text;
  return null;
}

const reason = (answer) => Object.values(answer.errors ?? {}).flat().join(" ") || answer.detail || words.no_answer;

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
