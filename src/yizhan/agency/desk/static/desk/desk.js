// What HTML alone cannot do: keys, confirmation, and forms that must not be sent twice. Works without any of it.
"use strict";

// F2 puts the cursor into the search field on every page. A composing input method keeps its keys.
document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229) return;
  const target = [...document.querySelectorAll("[data-key]")].find((found) => found.dataset.key === event.key);
  if (!target || event.repeat) return;
  event.preventDefault();
  if (target.matches("input, select, textarea")) { target.focus(); target.select && target.select(); } else target.click();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  const question = (event.submitter && event.submitter.dataset.confirm) || form.dataset.confirm;
  if (question && !window.confirm(question)) { event.preventDefault(); return; }
  if (form.dataset.sent) { event.preventDefault(); return; }
  if (form.method === "post" && !form.hasAttribute("hx-post")) {
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 4000);
  }
});

// A page kept by the browser for "Back" may be sent again.
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((f) => delete f.dataset.sent));

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  if (event.target.matches("[data-checks]")) {
    document.querySelectorAll(event.target.dataset.checks).forEach((box) => { box.checked = event.target.checked; });
  }
});
