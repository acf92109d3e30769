// Files dropped anywhere on the page, or chosen, go to the API one after the other, each with its progress.
const zone = document.querySelector("[data-drop]");
const transfers = document.querySelector("[data-transfers]");
const chooser = document.getElementById("files");
const value = (id) => document.getElementById(id).value;

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  zone.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) zone.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  sendAll([...event.dataTransfer.files]);
});
chooser.addEventListener("change", () => sendAll([...chooser.files]));

async function sendAll(files) {
  const sent = [];
  for (const file of files) sent.push(await send(file));
  chooser.value = "";
  const done = sent.filter(Boolean);
  if (files.length === 1 && done.length === 1) location.assign(`/files/${done[0].id}`);
  else if (done.length) setTimeout(() => location.reload(), 800);
}

function send(file) {
  const line = document.createElement("div");
  const bar = document.createElement("progress");
  const told = document.createElement("div");
  told.textContent = file.name;
  bar.max = file.size || 1;
  bar.value = 0;
  line.append(told, bar);
  transfers.append(line);
  const form = new FormData();
  form.append("file", file);
  form.append("kind", value("kind"));
  form.append("apply", document.getElementById("review").checked ? "false" : "true");
  if (value("fleet")) form.append("fleet_id", value("fleet"));
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/v1/files");
    request.setRequestHeader("X-CSRFToken", document.body.dataset.csrf);
    request.upload.addEventListener("progress", (event) => { bar.value = event.loaded; });
    request.addEventListener("loadend", () => {
      const answer = parsed(request.responseText);
      const taken = request.status === 202;
      bar.value = taken ? bar.max : 0;
      told.textContent = taken ? `${file.name} ✓` : `${file.name}: ${answer.detail || "The server cannot be reached; drop the file again."}`;
      told.className = taken ? "text-success" : "text-danger";
      resolve(taken ? answer : null);
    });
    request.send(form);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
