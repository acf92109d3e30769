// The inbox of alerts. Rows become what they are now without moving: cells are changed in place, ticks and what is
// typed stay, and what was raised meanwhile waits behind a button instead of pushing the rows down.

const byId = (id) => document.getElementById(id);
const watch = () => document.querySelector("#listing [data-alert-watch]");

// ------------------------------------------------------------ rows that stay up to date

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target !== watch()) return;
  event.detail.parameters.shown = [...document.querySelectorAll("#listing tbody [data-alert]")].map((row) => row.dataset.alert).join(",");
  event.detail.parameters.newest = event.target.dataset.newest;
});

document.addEventListener("htmx:afterSwap", (event) => {
  const fresh = byId("alert-fresh");
  if (!fresh || !fresh.dataset.raised) return;
  const rows = [...fresh.querySelectorAll("[data-alert]")];
  fresh.replaceChildren();
  rows.forEach(renew);
  tellRaised(Number(fresh.dataset.raised));
  delete fresh.dataset.raised;
});

function renew(fresh) {
  const row = document.querySelector(`#listing form [data-alert="${fresh.dataset.alert}"]`);
  if (!row || row.dataset.mark === fresh.dataset.mark || row.cells.length !== fresh.cells.length) return;
  // Counting up is usual; only what ended or was seen to is pointed at.
  row.className = `${fresh.className}${row.dataset.state === fresh.dataset.state ? "" : " is-renewed"}`;
  Object.assign(row.dataset, { mark: fresh.dataset.mark, state: fresh.dataset.state });
  const now = [...fresh.cells];
  [...row.cells].forEach((cell, place) => {
    if (cell.matches(".tick") || cell.innerHTML === now[place].innerHTML || cell.contains(document.activeElement)) return;
    cell.replaceChildren(...now[place].childNodes);
    window.htmx.process(cell);
  });
  setTimeout(() => row.classList.remove("is-renewed"), 1500);
}

function tellRaised(count) {
  const button = byId("alert-raised");
  if (!button) return;
  button.hidden = !count;
  const words = count === 1 ? button.dataset.one : button.dataset.many.replace("%s", count);
  const text = button.querySelector("span");
  if (text.textContent !== words) text.textContent = words;
}

// ------------------------------------------------------------ notes

const form = document.querySelector("[data-notes-form]");
let row = "";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-notes]");
  if (!button || !form) return;
  if (row !== button.dataset.notesFor) form.reset();
  row = button.dataset.notesFor;
  form.action = button.dataset.notes;
  const cells = byId(row);
  form.querySelector("[data-notes-of]").textContent = [".alert-name", "[data-label] a.link-body"].map((one) => cells.querySelector(one)?.textContent).filter(Boolean).join(" · ");
  form.showPopover();
  place(button.getBoundingClientRect());
  form.querySelector("textarea").focus();
});

// Below the button, or above it where there is no room.
function place(at) {
  const { offsetWidth: width, offsetHeight: height } = form;
  const isBelow = at.bottom + height + 12 < innerHeight;
  form.style.left = `${Math.max(12, Math.min(at.right - width, innerWidth - width - 12))}px`;
  form.style.top = `${isBelow ? at.bottom + 6 : Math.max(12, at.top - height - 6)}px`;
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const target = byId(row);
  if (!target) return;
  const ticked = target.querySelector("[data-tick]")?.checked ? target.dataset.alert : "";
  window.htmx.ajax("POST", form.action, { target, swap: "outerHTML", values: { notes: form.elements.notes.value, selected: ticked } });
});

form?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

// What was typed is only forgotten when it has arrived.
document.addEventListener("htmx:afterRequest", (event) => {
  const { successful, requestConfig } = event.detail;
  form?.querySelectorAll("[aria-busy]").forEach((one) => one.removeAttribute("aria-busy"));
  if (!form || !successful || requestConfig?.verb !== "post" || !requestConfig.path || !form.action.endsWith(requestConfig.path.replace(location.origin, ""))) return;
  form.reset();
  form.hidePopover();
});
