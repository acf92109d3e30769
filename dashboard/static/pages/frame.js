// What every page can: the search key, toasts that go, ticked rows, chosen columns, forms that send on change.
const search = document.getElementById("search");

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && search) {
    event.preventDefault();
    search.focus();
  }
  if (event.key === "Escape" && event.target === search) {
    search.value = "";
    document.getElementById("found").replaceChildren();
  }
});

document.addEventListener("click", (event) => {
  if (!event.target.closest(".search")) document.getElementById("found")?.replaceChildren();
  const row = event.target.closest("[data-href]");
  if (row && !event.target.closest("a, button, input, label, select")) location.assign(row.dataset.href);
});

document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-tick-all]");
  if (all) document.querySelectorAll("[data-tick]").forEach((box) => { box.checked = all.checked; });
  if (all || event.target.closest("[data-tick]")) countTicked();
  if (event.target.closest("[data-send-on-change]")) event.target.form.requestSubmit();
});

function countTicked() {
  const ticked = document.querySelectorAll("[data-tick]:checked").length;
  document.querySelectorAll("[data-ticked-count]").forEach((place) => { place.textContent = ticked; });
  document.querySelectorAll("[data-when-ticked]").forEach((place) => { place.hidden = ticked === 0; });
}

document.addEventListener("htmx:afterSwap", countTicked);
setTimeout(() => document.querySelectorAll(".toasts .alert:not(.alert-danger)").forEach((toast) => toast.remove()), 6000);
