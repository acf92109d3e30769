// The badge of alerts on every page: asks anew every few seconds while the page is seen, tells screen readers and
// the title of the tab where the number changed. What changes an alert on this page sends "alerts:changed".

const EVERY_MS = 5000;
const told = document.getElementById("alert-told");
const bell = () => document.getElementById("alert-bell");
let count = Number(bell()?.dataset.count || 0);

function entitle() {
  const plain = document.title.replace(/^\(\d+\+?\) /, "");
  document.title = count ? `(${count > 999 ? "999+" : count}) ${plain}` : plain;
}

function hear() {
  const now = Number(bell()?.dataset.count || 0);
  if (now > count && told) told.textContent = bell().dataset.told;
  count = now;
  entitle();
}

// What looks at alerts on this page asks at the same time; "alerts:look" does not bubble to anything else.
function look() {
  if (document.hidden) return;
  for (const one of document.querySelectorAll("#alert-bell, [data-alert-watch]")) window.htmx.trigger(one, "alerts:look");
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "alert-bell" || event.target.id === "alert-bell") hear();
});
document.addEventListener("visibilitychange", look);
setInterval(look, EVERY_MS);
entitle();
