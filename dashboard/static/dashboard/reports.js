// Reports: links between them keep the time and the fleet, the inputs follow presets, and a link can be copied.
const KEPT = ["range", "from", "to", "fleet_id"];

function follow() {
  const here = new URLSearchParams(location.search);
  const kept = new URLSearchParams(KEPT.flatMap((name) => (here.get(name) ? [[name, here.get(name)]] : [])));
  for (const link of document.querySelectorAll("[data-report-link]")) link.href = `${link.pathname}?${kept}`;
  const told = document.getElementById("listing")?.dataset;
  const form = document.getElementById("filters");
  if (!told || !form || form.range?.value === "custom") return;
  form.from.value = told.from;
  form.to.value = told.to;
}

// A preset says it all: its times need not stand in the address.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "filters" || event.detail.parameters.range === "custom") return;
  delete event.detail.parameters.from;
  delete event.detail.parameters.to;
});

// Choosing “from … to …” changes nothing yet: the times are those that are shown.
document.addEventListener("change", (event) => {
  if (event.target.matches("#filters [name=range][value=custom]")) {
    event.stopPropagation();
    event.target.form.from.focus();
  }
}, { capture: true });

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-share]");
  if (!button) return;
  const address = new URL(document.getElementById("listing").dataset.link, location.href).href;
  try {
    await navigator.clipboard.writeText(address);
  } catch {
    // No clipboard without HTTPS: then the address bar holds it.
    history.replaceState(history.state, "", address);
  }
  say(button.dataset.shared);
});

function say(text) {
  const note = document.createElement("div");
  note.className = "note";
  note.textContent = text;
  document.getElementById("toasts")?.append(note);
  setTimeout(() => note.remove(), 5000);
}

document.addEventListener("htmx:pushedIntoHistory", follow);
document.addEventListener("htmx:afterSettle", follow);
follow();
