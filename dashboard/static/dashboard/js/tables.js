// Tables: ticking rows, dropdowns that close, addresses that follow the filters, rows of pairs that grow.

function boxes(form) { return [...form.querySelectorAll("[data-tick]")]; }

function recount(form) {
  const all = boxes(form);
  const ticked = all.filter((box) => box.checked).length;
  const whole = form.querySelector("[data-all]");
  const shown = form.querySelector("[data-ticked]");
  const total = form.querySelector(".foot-count strong")?.textContent;
  if (shown) shown.textContent = whole?.checked ? total : String(ticked);
  const head = form.querySelector("[data-tick-all]");
  if (head) {
    head.checked = ticked > 0 && ticked === all.length;
    head.indeterminate = ticked > 0 && ticked < all.length;
  }
}

let lastBox = null;

document.addEventListener("click", (event) => {
  const box = event.target.closest("[data-tick]");
  if (!box) return;
  const form = box.closest("form");
  if (event.shiftKey && lastBox && lastBox.form === form) {
    const all = boxes(form);
    const [from, to] = [all.indexOf(lastBox), all.indexOf(box)].sort((a, b) => a - b);
    all.slice(from, to + 1).forEach((one) => { one.checked = box.checked; });
  }
  lastBox = box;
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-bulk]");
  if (!form) return;
  if (event.target.matches("[data-tick-all]")) boxes(form).forEach((box) => { box.checked = event.target.checked; });
  if (event.target.matches("[data-all]") && event.target.checked) boxes(form).forEach((box) => { box.checked = true; });
  recount(form);
});

document.addEventListener("reset", (event) => {
  if (event.target.matches("[data-bulk]")) requestAnimationFrame(() => recount(event.target));
});

// ------------------------------------------------------------ dropdowns

document.addEventListener("click", (event) => {
  for (const drop of document.querySelectorAll("[data-drop][open]")) {
    if (!drop.contains(event.target) && !event.target.closest(".picks")) drop.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const drop = event.target.closest("[data-drop][open]");
  if (drop) { drop.open = false; drop.querySelector("summary").focus(); }
});

// ------------------------------------------------------------ the address is what is filtered

function follow() {
  const query = new URLSearchParams(location.search);
  ["page", "after"].forEach((name) => query.delete(name));
  const tail = query.size ? `?${query}` : "";
  document.querySelectorAll("[data-export]").forEach((link) => { link.href = link.dataset.export + tail; });
  document.querySelectorAll("[data-here]").forEach((input) => { input.value = location.pathname + location.search; });
}

// Empty filters need not stand in the address.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "filters") return;
  for (const [name, value] of Object.entries(event.detail.parameters)) if (value === "") delete event.detail.parameters[name];
});
document.addEventListener("htmx:pushedIntoHistory", follow);
document.addEventListener("htmx:afterSettle", follow);

// A chip that was taken away empties its filter.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "listing") return;
  const query = new URLSearchParams(location.search);
  const form = document.getElementById("filters");
  const asked = event.detail.requestConfig?.path?.split("?")[1];
  const told = asked ? new URLSearchParams(asked) : query;
  if (!form || event.detail.requestConfig?.elt === form) return;
  for (const field of form.querySelectorAll("[name]")) {
    const value = told.get(field.name) || "";
    if (field.type === "radio") field.checked = value ? field.value === value : field.defaultChecked;
    else if (field !== document.activeElement && field.type !== "hidden") field.value = value;
  }
});

// ------------------------------------------------------------ pairs: the last one filled in makes another

document.addEventListener("input", (event) => {
  const pair = event.target.closest("[data-pairs] .pair:last-child");
  if (!pair || !event.target.value) return;
  const next = pair.cloneNode(true);
  next.querySelectorAll("input").forEach((input) => { input.value = ""; });
  pair.after(next);
});
