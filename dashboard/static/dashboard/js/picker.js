// Inputs that suggest: <input data-pick="customers">. What is picked becomes the input's text; without this
// script one types it. <textarea data-pick="vehicles" data-pick-lines> adds a line per pick.

let open = null; // { input, list, at }
let asking = 0;

function lineOf(input) {
  if (!input.hasAttribute("data-pick-lines")) return input.value;
  const upto = input.value.slice(0, input.selectionStart);
  return upto.slice(Math.max(upto.lastIndexOf("\n"), upto.lastIndexOf(",")) + 1).trim();
}

async function suggest(input) {
  const text = lineOf(input);
  if (input.hasAttribute("data-pick-lines") && !text) return close();
  const turn = ++asking;
  const answer = await fetch(`/picks/${input.dataset.pick}?q=${encodeURIComponent(text.replace(/ \(#\d+\)$/, ""))}`, { headers: { "HX-Request": "true" } });
  if (!answer.ok || turn !== asking || document.activeElement !== input) return;
  show(input, await answer.text());
}

function show(input, html) {
  close();
  const list = document.createElement("ul");
  list.className = "picks";
  list.id = "picks";
  list.setAttribute("role", "listbox");
  list.innerHTML = html;
  const host = input.closest("dialog") || document.body;
  host.append(list);
  const at = input.getBoundingClientRect();
  const width = Math.max(at.width, 224);
  list.style.left = `${Math.min(at.left + scrollX, scrollX + innerWidth - width - 8)}px`;
  list.style.minWidth = `${at.width}px`;
  list.style.maxWidth = `${Math.max(width, 320)}px`;
  const below = innerHeight - at.bottom;
  list.style.top = below > 220 || at.top < 220 ? `${at.bottom + scrollY}px` : `${at.top + scrollY - list.offsetHeight - 8}px`;
  input.setAttribute("aria-expanded", "true");
  input.setAttribute("aria-controls", "picks");
  open = { input, list, at: -1 };
}

function close() {
  if (!open) return;
  open.list.remove();
  open.input.setAttribute("aria-expanded", "false");
  open.input.removeAttribute("aria-activedescendant");
  open = null;
}

function choose(option) {
  const { input } = open;
  const value = option.dataset.value;
  if (input.hasAttribute("data-pick-lines")) {
    const upto = input.value.slice(0, input.selectionStart);
    const from = upto.length - lineOf(input).length;
    input.setRangeText(`${value}\n`, from, input.selectionStart, "end");
  } else {
    input.value = value;
  }
  close();
  input.focus();
  asking += 1;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  input.dispatchEvent(new CustomEvent("picked", { bubbles: true, detail: { value } }));
}

function mark(step) {
  const options = [...open.list.querySelectorAll("[role=option]")];
  if (!options.length) return;
  open.at = (open.at + step + options.length) % options.length;
  options.forEach((option, index) => {
    option.id = `pick-${index}`;
    option.setAttribute("aria-selected", String(index === open.at));
  });
  options[open.at].scrollIntoView({ block: "nearest" });
  open.input.setAttribute("aria-activedescendant", `pick-${open.at}`);
}

let waiting;
document.addEventListener("input", (event) => {
  const input = event.target.closest("[data-pick]");
  if (!input) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => suggest(input), 150);
});
document.addEventListener("focusin", (event) => {
  const input = event.target.closest("[data-pick]");
  if (input && !input.hasAttribute("data-pick-lines")) suggest(input);
  else if (open && !open.list.contains(event.target)) close();
});
document.addEventListener("focusout", () => setTimeout(() => {
  if (open && document.activeElement !== open.input && !open.list.contains(document.activeElement)) close();
}, 120));
document.addEventListener("mousedown", (event) => {
  const option = event.target.closest(".picks [role=option]");
  if (option && open) { event.preventDefault(); choose(option); }
});
document.addEventListener("keydown", (event) => {
  if (!open || event.target !== open.input) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); mark(event.key === "ArrowDown" ? 1 : -1); }
  if (event.key === "Enter" && open.at >= 0) { event.preventDefault(); choose(open.list.querySelectorAll("[role=option]")[open.at]); }
  if (event.key === "Escape") { event.stopPropagation(); close(); }
  if (event.key === "Tab") close();
}, { capture: true });
addEventListener("resize", close);
