// An upload's page: live progress by server-sent events, and the choice of what each column is.
const page = document.querySelector("[data-upload]");
const id = page.dataset.upload;
const headers = { "X-CSRFToken": document.body.dataset.csrf, "Content-Type": "application/json" };

if (page.dataset.resting === "0") listen();
document.querySelector(".row-chosen")?.scrollIntoView({ block: "center" });

function listen() {
  const started = Date.now();
  let first = null;
  const source = new EventSource(`/files/${id}/events`);
  source.addEventListener("message", (event) => {
    const state = JSON.parse(event.data);
    if (!state || state.is_resting) {
      source.close();
      location.reload();
      return;
    }
    first ??= state.done;
    show(state, (state.done - first) / ((Date.now() - started) / 1000));
  });
}

function show(state, speed) {
  for (const place of document.querySelectorAll("[data-live]")) place.textContent = told(state[place.dataset.live]);
  const bar = document.querySelector("[data-live-bar]");
  const reads = state.status === "READING";
  bar.max = state.rows_total || 1;
  if (reads) bar.removeAttribute("value");
  else bar.value = state.done;
  const left = speed > 0 ? Math.ceil((state.rows_total - state.done) / speed) : null;
  const words = reads ? `${told(state.rows_read)} rows read` : `${told(state.done)} of ${told(state.rows_total)} rows`;
  const pace = !reads && speed > 0 ? `, ${told(Math.round(speed))} rows/s, ${left} s left` : "";
  document.querySelector("[data-live-told]").textContent = words + pace;
}

function told(value) {
  return typeof value === "number" ? value.toLocaleString("en") : value;
}

for (const button of document.querySelectorAll("[data-post]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    await fetch(button.dataset.post, { method: "POST", headers });
    location.reload();
  });
}

const form = document.querySelector("[data-mapping]");
const kind = form?.querySelector("[name=kind]");
if (kind) {
  const fields = JSON.parse(form.dataset.fields);
  const fill = () => form.querySelectorAll("[data-header]").forEach((select) => fillSelect(select, fields[kind.value] || []));
  kind.addEventListener("change", fill);
  fill();
  form.addEventListener("submit", apply);
}

function fillSelect(select, names) {
  const header = select.dataset.header;
  const keep = `attributes.${header}`.slice(0, 111);
  const now = select.value || select.dataset.now;
  select.replaceChildren(...[["", "leave out"], [keep, "keep as attribute"], ...names.map((name) => [name, name])].map(([value, label]) => new Option(label, value)));
  select.value = [...select.options].some((option) => option.value === now) ? now : keep;
}

async function apply(event) {
  event.preventDefault();
  const mapping = {};
  for (const select of form.querySelectorAll("[data-header]")) mapping[select.dataset.header] = select.value || null;
  const answer = await fetch(`/api/v1/files/${id}/apply`, { method: "POST", headers, body: JSON.stringify({ kind: kind.value, mapping }) });
  if (answer.ok) location.reload();
  else form.querySelector("[data-problem]").textContent = (await answer.json()).detail;
}
