// An upload's page follows the server's events: bar, pace and counts as they change, the rest when its status does.
let source = null;

function follow() {
  const page = document.querySelector("[data-upload-page]");
  if (!page?.hasAttribute("data-live") || source) return;
  source = new EventSource(page.dataset.events);
  source.addEventListener("message", (event) => show(JSON.parse(event.data)));
}

function show(state) {
  const page = document.querySelector("[data-upload-page]");
  const part = (name) => page.querySelector(`[data-live-part="${name}"]`);
  put(part("status"), state.status);
  put(part("told"), state.told);
  put(part("pace"), state.pace);
  const bar = part("bar");
  if (state.percent === null) bar.removeAttribute("value");
  else bar.value = state.percent;
  for (const [name, told] of Object.entries(state.counts)) {
    const count = page.querySelector(`[data-count="${name}"]`);
    put(count, told);
    count?.parentElement.classList.toggle("is-none", told === "0");
  }
  if (state.resting) stop();
  if (state.status !== page.dataset.status) refresh(page, state.status);
}

function put(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function stop() {
  source?.close();
  source = null;
}

// Steps, columns, faults and rows come from the server once the status is another one.
function refresh(page, status) {
  page.dataset.status = status;
  window.htmx.ajax("GET", location.pathname + location.search, { target: "#upload", swap: "outerHTML" });
}

// A field that is chosen for one column leaves the column that had it.
document.addEventListener("change", (event) => {
  const chosen = event.target.closest("#review select[data-header]");
  if (!chosen?.value || chosen.value === "-") return;
  for (const other of document.querySelectorAll("#review select[data-header]")) {
    if (other === chosen || other.value !== chosen.value) continue;
    const [own] = other.querySelector("optgroup:last-child").children;
    other.value = own.value;
    other.closest("tr").classList.add("is-moved");
  }
});

function seek() {
  const row = new URLSearchParams(location.search).get("row");
  if (row) document.getElementById(`row-${row}`)?.scrollIntoView({ block: "center" });
}

document.addEventListener("htmx:afterSettle", follow);
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
// A stream that is opened while the page loads would keep it loading.
if (document.readyState === "complete") follow();
else addEventListener("load", () => setTimeout(follow));
seek();
