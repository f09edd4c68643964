// The window by keyboard alone: Enter goes on, F-keys act, a reader's burst finds a person wherever the cursor stands.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const composing = (event) => event.isComposing || event.keyCode === 229;
  const digits = (text) => text.normalize("NFKC").replace(/[\s,，、¥￥元]/g, "").replace(/。/g, ".");

  // --- Exact amounts: ten-thousandths as BigInt, half up, as the server calculates ---------------------------------
  const tenThousandths = (typed) => {
    const found = /^(-?)(\d{1,11})(?:\.(\d{1,4}))?$/.exec(digits(typed));
    return found && (found[1] ? -1n : 1n) * (BigInt(found[2]) * 10000n + BigInt((found[3] || "").padEnd(4, "0")));
  };
  const yuan = (fen) => {
    const size = (fen < 0n ? -fen : fen).toString().padStart(3, "0");
    return (fen < 0n ? "-" : "") + size.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",") + "." + size.slice(-2);
  };
  const showAmount = () => {
    const form = $("#line"), out = $("#amount");
    if (!form) return;
    const quantity = tenThousandths(form.elements.quantity.value), price = tenThousandths(form.elements.price.value);
    if (quantity === null || price === null) { out.value = "—"; return; }
    const product = quantity * price, size = product < 0n ? -product : product, fen = (2n * size + 1000000n) / 2000000n;
    out.value = yuan(product < 0n ? -fen : fen);
  };
  const showChange = () => {
    const handed = $("#handed"), owed = $("[data-owed]");
    if (!handed || !owed) return;
    const fen = tenThousandths(handed.value);
    $("#change").value = fen === null ? "—" : yuan(fen / 100n - BigInt(owed.dataset.owed));
  };

  // --- Candidates of the item field ---------------------------------------------------------------------------------
  const options = () => [...document.querySelectorAll("#candidates [role=option]")];
  const marked = () => options().findIndex((item) => item.getAttribute("aria-selected") === "true");
  const mark = (place) => {
    const all = options();
    all.forEach((item, k) => item.setAttribute("aria-selected", String(k === place)));
    const field = $("#id_code");
    field.setAttribute("aria-expanded", String(all.length > 0));
    if (all[place]) { field.setAttribute("aria-activedescendant", all[place].id); all[place].scrollIntoView({ block: "nearest" }); }
  };
  const closeCandidates = () => { const list = $("#candidates"); if (list) { list.replaceChildren(); $("#id_code").setAttribute("aria-expanded", "false"); } };
  const choose = (item) => {
    const form = $("#line");
    form.elements.code.value = item.dataset.code;
    form.elements.name.value = $("#chosen").value = item.dataset.name;
    closeCandidates();
    const next = form.elements.quantity;
    next.focus(); next.select();
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };
  // Candidates are those of what stands in the field, or still on their way: Enter waits for them, and never takes older ones.
  const LONGEST_WAIT_MS = 3000;
  let waiting = 0;
  const typedItem = () => $("#id_code").value.trim().split(/\s+/).join(" ").slice(0, 50);
  const answered = () => { const item = $("#candidates li"); return item !== null && item.dataset.for === typedItem(); };
  const takeItem = () => {
    clearTimeout(waiting); waiting = 0;
    const at = marked();
    if (answered() && options().length) choose(options()[Math.max(at, 0)]); else goOn($("#id_code"));
  };
  document.addEventListener("htmx:after:swap", () => {
    if (options().length) mark(0);
    if (waiting && $("#id_code") && answered()) takeItem();
  });
  document.addEventListener("mousedown", (event) => {
    const item = event.target.closest("#candidates [role=option]");
    if (item) { event.preventDefault(); choose(item); }
  });

  // --- A reader in keyboard mode: many characters in a burst, ended by Enter or Tab ---------------------------------
  const BURST_MS = 60, SHORTEST = 12;
  let burst = { text: "", last: 0, field: null, before: "" };
  document.addEventListener("input", (event) => {
    const now = performance.now(), field = event.target;
    if (!("value" in field)) return;
    if (now - burst.last > BURST_MS || field !== burst.field) {
      const added = typeof event.data === "string" ? event.data : "";
      burst = { text: "", last: now, field, before: field.value.slice(0, field.value.length - added.length) };
    }
    if (typeof event.data === "string" && event.inputType !== "insertFromPaste") burst.text += event.data;
    burst.last = now;
    if (field.closest("#line")) { showAmount(); if (field.name === "code") { clearTimeout(waiting); waiting = 0; field.form.elements.name.value = $("#chosen").value = ""; } }
    if (field.id === "handed") showChange();
  });
  const readerSaid = (event) => {
    const find = $("#find");
    if (!find || !burst.field || performance.now() - burst.last > 3 * BURST_MS || burst.field === find.elements.q) return false;
    const text = burst.text.normalize("NFKC").toUpperCase().replace(/[^0-9A-Z/.:-]/g, "");
    if (text.length < SHORTEST) return false;
    if (burst.field.name === "id_number") return false; // the field that asks for it
    event.preventDefault(); event.stopImmediatePropagation();
    burst.field.value = burst.before; // never left in an amount
    burst = { text: "", last: 0, field: null, before: "" };
    find.elements.q.value = text;
    find.requestSubmit();
    return true;
  };

  // --- Keys ---------------------------------------------------------------------------------------------------------
  const reachable = (form) => [...form.elements].filter((field) => !field.disabled && field.type !== "hidden" && field.offsetParent !== null && field.tagName !== "OUTPUT" && field.tagName !== "FIELDSET");
  const goOn = (field) => {
    const all = reachable(field.form), next = all[all.indexOf(field) + 1];
    if (!next || next.type === "submit") { field.form.requestSubmit(next && next.type === "submit" ? next : undefined); return; }
    next.focus();
    if (next.select && next.type !== "date") next.select();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "Tab") { if (readerSaid(event)) return; }
    if (composing(event)) return;
    const field = event.target;
    if (field.id === "id_code" && options().length) {
      const at = marked(), count = options().length;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); mark((at + (event.key === "ArrowDown" ? 1 : count - 1)) % count); return; }
      if (event.key === "Escape") { closeCandidates(); return; }
    }
    if (field.id === "id_code" && event.key === "Enter" && typedItem() && !field.form.elements.name.value) {
      event.preventDefault();
      if (answered()) takeItem(); else if (!waiting) waiting = setTimeout(takeItem, LONGEST_WAIT_MS);
      return;
    }
    const row = field.closest && field.closest("tr[data-position]");
    if (row && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const other = event.key === "ArrowDown" ? row.nextElementSibling : row.previousElementSibling;
      if (other) { event.preventDefault(); other.focus(); }
      return;
    }
    const moves = field.form && field.form.hasAttribute("data-enter-moves") && field.tagName !== "BUTTON" && field.tagName !== "TEXTAREA";
    if (event.key === "Enter" && moves && !event.repeat) {
      event.preventDefault();
      // In an entry row the tick for own cost is passed over: it is the exception.
      if (field.form.id === "line" && field.name === "price") { closeCandidates(); field.form.requestSubmit(); } else goOn(field);
    }
  });
  document.addEventListener("focusout", (event) => { if (event.target.id === "id_code") setTimeout(closeCandidates, 150); });

  // --- Buttons of the foot ------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.opens) {
      const dialog = document.getElementById(button.dataset.opens);
      if (dialog && !dialog.open) { dialog.showModal(); ($("[autofocus]", dialog) || dialog).focus(); }
    }
    if ("closes" in button.dataset) button.closest("dialog").close();
    if ("recalculates" in button.dataset) $("#preview").dispatchEvent(new Event("recalculate"));
    if ("editsRow" in button.dataset) {
      const row = document.activeElement.closest("tr[data-position]") || $("tr[data-position]");
      if (row && document.activeElement === row) $("a.edit", row).click(); else if (row) row.focus();
    }
    if ("find" in button.dataset) { $("#find").elements.q.select(); $("#find").elements.q.focus(); }
  });

  // A line that was entered: the row is empty again, the day stays, the cursor is back at the beginning.
  document.addEventListener("line-entered", () => {
    const form = $("#line");
    if (form.elements.position.value) { location.assign(location.pathname); return; } // it was another line's place
    for (const name of ["code", "name", "price", "position"]) form.elements[name].value = "";
    form.elements.quantity.value = "1"; form.elements.signed.checked = false;
    $("#chosen").value = ""; $("#amount").value = "—";
    form.elements.code.focus();
  });
  showAmount();
})();
