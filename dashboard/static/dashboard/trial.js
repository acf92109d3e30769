// The page of a trial: a picked range needs no button, and the way back leads to the draft that was sent.
const form = document.getElementById("trial-form");

document.querySelector("[data-back]")?.addEventListener("click", (event) => {
  if (history.length < 2) return;
  event.preventDefault();
  history.back();
});

form?.addEventListener("htmx:beforeRequest", () => {
  document.getElementById("trial")?.setAttribute("aria-busy", "true");
});
