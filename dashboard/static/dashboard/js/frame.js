// The frame: theme, side menu, search by "/", toasts, ages that grow, buttons that show that they work.

const root = document.documentElement;

document.addEventListener("click", (event) => {
  const hit = (selector) => event.target.closest(selector);
  if (hit("[data-theme-switch]")) window.fleetTheme.choose(root.dataset.bsTheme === "dark" ? "light" : "dark");
  if (hit("[data-theme-follow]")) window.fleetTheme.choose(null);
  if (hit("[data-side-open]")) openSide(!document.body.classList.contains("side-open"));
  if (hit("[data-side-close]")) openSide(false);
  hit("[data-toast-close]")?.closest("[data-toast]").remove();
});

function openSide(open) {
  document.body.classList.toggle("side-open", open);
  const button = document.querySelector("[data-side-open]");
  button?.setAttribute("aria-expanded", String(open));
  (open ? document.querySelector(".side-link") : button)?.focus();
}

// ------------------------------------------------------------ keyboard

const finder = document.getElementById("finder");
const found = document.getElementById("found");

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable], dialog");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    finder?.focus();
    finder?.select();
  }
  if (event.key === "Escape") {
    if (document.body.classList.contains("side-open")) openSide(false);
    if (event.target.closest(".finder")) { found.replaceChildren(); finder.blur(); }
  }
  if (event.target.closest(".finder") && ["ArrowDown", "ArrowUp"].includes(event.key)) moveInFound(event);
});

function moveInFound(event) {
  const hits = [...found.querySelectorAll(".hit")];
  if (!hits.length) return;
  event.preventDefault();
  const at = hits.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  (hits[at] || (at < 0 ? finder : hits[0])).focus();
}

// ------------------------------------------------------------ toasts

function tend(toast) {
  const isError = toast.classList.contains("note-error");
  let left = setTimeout(() => toast.remove(), isError ? 15000 : 6000);
  toast.addEventListener("mouseenter", () => clearTimeout(left));
  toast.addEventListener("mouseleave", () => { left = setTimeout(() => toast.remove(), 4000); });
}
document.querySelectorAll("[data-toast]").forEach(tend);

// ------------------------------------------------------------ times

const steps = [[60, 1, "s"], [3600, 60, "min"], [172800, 3600, "h"], [2592000, 86400, "d"]];

function age(seconds) {
  const step = steps.find(([below]) => Math.abs(seconds) < below);
  if (!step) return null;
  const [, size, unit] = step;
  const words = root.dataset;
  const span = (words[`span${unit[0].toUpperCase()}${unit.slice(1)}`] || `%n ${unit}`).replace("%n", Math.floor(Math.abs(seconds) / size));
  return (seconds >= 0 ? words.ago || "%s ago" : words.ahead || "in %s").replace("%s", span);
}

function grow() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const told = age(Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000));
    if (told && told !== time.textContent) time.textContent = told;
  }
}
setInterval(grow, 10000);

// ------------------------------------------------------------ forms show that they work

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method === "dialog") return;
  const button = event.submitter;
  if (button) requestAnimationFrame(() => button.setAttribute("aria-busy", "true"));
});
addEventListener("pageshow", () => document.querySelectorAll("[aria-busy=true]").forEach((one) => one.removeAttribute("aria-busy")));

// An address that is gone, or a server that does not answer, is told.
// What asks by itself every few seconds (data-quiet) asks again instead.
const isQuiet = (event) => event.detail.elt?.closest("[data-quiet]");
document.addEventListener("htmx:responseError", (event) => isQuiet(event) || say(root.dataset.wordFailed, event.detail.xhr.status));
document.addEventListener("htmx:sendError", (event) => isQuiet(event) || say(root.dataset.wordOffline));

function say(text, code = "") {
  const toast = document.createElement("div");
  toast.className = "note note-error";
  toast.textContent = `${text || "That did not work."} ${code}`.trim();
  document.getElementById("toasts")?.append(toast);
  tend(toast);
}

// The tab that is shown is marked, also when only its content was fetched.
document.addEventListener("htmx:afterSwap", (event) => {
  const tab = event.detail.requestConfig?.elt?.closest?.("[data-tab]");
  if (!tab) return;
  tab.parentElement.querySelectorAll("[data-tab]").forEach((one) => one.removeAttribute("aria-current"));
  tab.setAttribute("aria-current", "page");
});

// On a narrow screen the tabs scroll sideways: the one that is shown is seen.
const current = document.querySelector(".tab[aria-current]");
if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.offsetLeft - 16;
