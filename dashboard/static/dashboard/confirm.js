// Asks before what cannot be undone: <form data-confirm="Delete “x”?" data-confirm-do="Delete">, or the same on a button.
// The question names the thing; Escape and a click beside the dialog change nothing.

const dialog = document.createElement("dialog");
dialog.className = "confirm";
dialog.setAttribute("aria-labelledby", "confirm-question");
dialog.innerHTML = `
  <form method="dialog">
    <p class="confirm-question" id="confirm-question"></p>
    <div class="btn-list justify-content-end">
      <button class="btn" value="no"></button>
      <button class="btn btn-danger" value="yes" data-testid="confirm-dialog-btn"></button>
    </div>
  </form>`;
const question = dialog.querySelector(".confirm-question");
const [no, yes] = dialog.querySelectorAll("button");

let asked = null;

const questionOf = (form, submitter) => submitter?.dataset.confirm || form.dataset.confirm;

function ask(form, submitter) {
  asked = { form, submitter };
  question.textContent = questionOf(form, submitter);
  no.textContent = document.documentElement.dataset.wordCancel || "Cancel";
  yes.textContent = form.dataset.confirmDo || submitter?.textContent.trim() || "OK";
  if (!dialog.isConnected) document.body.append(dialog);
  dialog.showModal();
  no.focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!questionOf(form, event.submitter) || asked?.isConfirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(form, event.submitter);
}, { capture: true });

dialog.addEventListener("close", () => {
  const { form, submitter } = asked;
  asked = { isConfirmed: dialog.returnValue === "yes" };
  if (asked.isConfirmed) form.requestSubmit(submitter);
  asked = null;
  dialog.returnValue = "";
});

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close("no");
});
