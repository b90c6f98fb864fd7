// Small behaviours on top of plain links and forms. Everything is delegated from the document and switched on by data
// attributes, so that it also holds for parts swapped in later. Without this file every page still works.

const TOAST_MS = 8000;
const EDITABLE = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";

const openDialog = () => document.querySelector("dialog:modal");
const isTyping = (element) => Boolean(element?.matches?.(EDITABLE));

// ---- dialogs -------------------------------------------------------------------------------------------------------

const openers = new WeakMap();

function showDialog(dialog, opener) {
  if (dialog.open) return;
  if (dialog.matches(":popover-open")) dialog.hidePopover();
  openers.set(dialog, opener ?? document.activeElement);
  dialog.showModal();
}

function focusHeading(container) {
  const heading = container.querySelector("[data-focus], h1, h2, h3");
  if (!heading) return;
  if (!heading.matches("a[href], button, input, select, textarea")) heading.tabIndex = -1;
  heading.focus();
}

function onDialogClose(event) {
  const dialog = event.target;
  if (!(dialog instanceof HTMLDialogElement)) return;
  const opener = openers.get(dialog);
  openers.delete(dialog);
  if (dialog.id === "drawer") dialog.replaceChildren();
  const target = opener?.isConnected ? opener : opener?.id && document.getElementById(opener.id);
  target?.focus?.({ preventScroll: true });
}

document.addEventListener("close", onDialogClose, true);

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.open);
    if (dialog?.showModal) {
      event.preventDefault();
      showDialog(dialog, opener);
    }
    return;
  }
  const closer = event.target.closest("[data-close]");
  const dialog = closer?.closest("dialog") ?? (event.target.matches("dialog:modal") ? event.target : null);
  if (!dialog?.open) return;
  if (!closer) {
    const box = dialog.getBoundingClientRect();
    const inside =
      event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (inside) return;
  }
  event.preventDefault();
  dialog.close();
});

// A server closes the drawer after a save with the header HX-Trigger: vr:close.
document.addEventListener("vr:close", () => openDialog()?.close());

// ---- keyboard ------------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !isTyping(event.target) && document.body.dataset.shortcuts !== "off" && !openDialog()) {
    const dialog = document.getElementById("search-dialog");
    if (!dialog) return;
    event.preventDefault();
    showDialog(dialog, document.activeElement);
    dialog.querySelector("input")?.select();
  }
  // A search field takes the first Esc for itself, to empty it; here one is enough.
  if (event.key === "Escape" && event.target.matches("input[type=search]")) {
    const dialog = event.target.closest("dialog:modal");
    if (dialog) {
      event.preventDefault();
      dialog.close();
    }
  }
  if (event.key === "ArrowDown" || event.key === "ArrowUp") moveInResults(event);
});

function moveInResults(event) {
  const dialog = event.target.closest("dialog");
  const list = dialog?.querySelector("[data-arrow-keys]");
  if (!list) return;
  const field = dialog.querySelector("input");
  const stops = [field, ...list.querySelectorAll("a[href]")];
  const at = stops.indexOf(document.activeElement);
  const next = stops[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (at < 0 || !next) return;
  event.preventDefault();
  next.focus();
}

// ---- forms ---------------------------------------------------------------------------------------------------------

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form) form.dataset.dirty = "";
});

document.addEventListener("change", (event) => {
  event.target.form?.matches("[data-autosubmit]") && event.target.form.requestSubmit();
});

const busyButtons = new WeakMap();

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.matches("[data-no-busy]")) return;
  const button = event.submitter ?? form.querySelector("button[type=submit], button:not([type])");
  if (!button) return;
  // The browser and htmx read the form after this event, and a disabled button's own value would be left out.
  setTimeout(() => setBusy(form, button), 0);
});

function setBusy(form, button) {
  if (busyButtons.has(form)) return;
  const verb = button.dataset.busy ?? form.dataset.busy ?? "Working…";
  busyButtons.set(form, { button, children: [...button.childNodes], focused: document.activeElement === button });
  if (!button.matches(".btn-icon")) button.replaceChildren(verb);
  button.disabled = true;
  form.setAttribute("aria-busy", "true");
}

function clearBusy(form) {
  const busy = busyButtons.get(form);
  if (!busy) return;
  busyButtons.delete(form);
  busy.button.replaceChildren(...busy.children);
  busy.button.disabled = false;
  form.removeAttribute("aria-busy");
  if (busy.focused && document.activeElement === document.body) busy.button.focus();
}

// A page taken from the back-forward cache comes with its buttons as they were when it was left.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("form[aria-busy]").forEach(clearBusy);
});

function focusErrors(root) {
  const summary = root.querySelector("[data-error-summary]");
  summary?.focus();
  return Boolean(summary);
}

// ---- folding cards -------------------------------------------------------------------------------------------------

// The server draws a card as it was left. What changed since is kept here for parts that are swapped in meanwhile.
const folds = new Map();

function restoreFolds(root) {
  for (const details of root.querySelectorAll("details[data-fold]")) {
    if (folds.has(details.dataset.fold)) details.open = folds.get(details.dataset.fold);
  }
}

// By the click, not by the toggle event: a card that is swapped in open fires that too.
document.addEventListener("click", (event) => {
  const details = event.target.closest("summary")?.parentElement;
  if (!details?.matches("details[data-fold]")) return;
  const open = !details.open;
  folds.set(details.dataset.fold, open);
  const { foldHref, token } = document.body.dataset;
  if (!foldHref) return;
  const body = new URLSearchParams({ name: details.dataset.fold, open: open ? "1" : "0", csrfmiddlewaretoken: token });
  // A fold that could not be remembered is no reason to disturb anybody.
  fetch(foldHref, { method: "POST", body, keepalive: true }).catch(() => {});
});

// Before anything is painted, so that a folded card does not flash open when it is swapped.
document.addEventListener("htmx:afterSwap", () => restoreFolds(document));
document.addEventListener("htmx:oobAfterSwap", () => restoreFolds(document));

// ---- toasts --------------------------------------------------------------------------------------------------------

function startToast(toast) {
  if (toast.dataset.started) return;
  toast.dataset.started = "";
  let left = TOAST_MS;
  let since = 0;
  let timer = 0;
  const run = () => {
    if (timer || toast.matches(":hover, :focus-within")) return;
    since = performance.now();
    timer = setTimeout(() => toast.remove(), left);
  };
  const pause = () => {
    if (!timer) return;
    clearTimeout(timer);
    timer = 0;
    left -= performance.now() - since;
  };
  toast.addEventListener("pointerenter", pause);
  toast.addEventListener("focusin", pause);
  toast.addEventListener("pointerleave", run);
  toast.addEventListener("focusout", () => setTimeout(run, 0));
  run();
}

function startToasts() {
  const toasts = [...document.querySelectorAll("#toasts [data-toast]")];
  toasts.slice(0, -1).forEach((older) => older.dataset.started !== undefined && older.remove());
  toasts.forEach((toast) => toast.isConnected && startToast(toast));
}

document.addEventListener("click", (event) => {
  const toast = event.target.closest("[data-dismiss]")?.closest("[data-toast]");
  if (!toast) return;
  if (toast.contains(document.activeElement)) document.getElementById("main")?.focus({ preventScroll: true });
  toast.remove();
});

// ---- htmx ----------------------------------------------------------------------------------------------------------

// A part that refreshes itself waits while somebody types in it, has unsaved text in it, or has a dialog open over it.
function isInUse(element) {
  if (document.hidden || openDialog()) return true;
  const active = document.activeElement;
  if (element.contains(active) && isTyping(active)) return true;
  return Boolean(element.querySelector("form[data-dirty]"));
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches("[data-poll]") && isInUse(event.target)) event.preventDefault();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const { requestConfig, target } = event.detail;
  if (requestConfig?.elt?.matches("[data-poll]") && isInUse(requestConfig.elt)) event.detail.shouldSwap = false;
  if (event.detail.shouldSwap) target?.querySelectorAll("[data-retry-banner]").forEach((banner) => banner.remove());
});

document.addEventListener("htmx:afterRequest", (event) => {
  // An answer without a swap (204: nothing new) also says that the server is back.
  if (event.detail.successful) event.detail.target?.querySelectorAll?.(":scope > [data-retry-banner]").forEach((banner) => banner.remove());
  const form = event.detail.elt;
  if (!form?.matches?.("form")) return; // a part of a form that asks for something has not saved it
  clearBusy(form);
  if (event.detail.successful && event.detail.requestConfig?.verb === "post") delete form.dataset.dirty;
});

document.addEventListener("htmx:afterSwap", (event) => {
  const { target, requestConfig } = event.detail;
  if (target?.id === "drawer" && target.childElementCount) {
    showDialog(target, requestConfig?.elt);
    focusHeading(target);
  }
});

document.addEventListener("htmx:afterSettle", (event) => {
  const { elt, requestConfig, xhr } = event.detail;
  const root = elt?.isConnected ? elt : document;
  startToasts();
  const news = root.matches?.("[data-announce]") ? root : root.querySelector("[data-announce]");
  if (news) document.getElementById("live").textContent = news.dataset.announce;
  if (xhr?.status === 422 && focusErrors(document)) return;
  const next = requestConfig?.elt?.dataset.focusAfter;
  if (next) document.querySelector(next)?.focus();
});

function showRetry(event) {
  const { elt, target, requestConfig, xhr } = event.detail;
  const template = document.getElementById("retry-banner");
  if (!template || !target || requestConfig?.elt?.matches("[data-quiet]")) return;
  const host = target.matches("input, select, textarea, tr, tbody, table, ul, ol, dl, svg")
    ? target.closest(".card, main, dialog") ?? document.getElementById("main")
    : target;
  if (host.querySelector(":scope > [data-retry-banner]")) return;
  const banner = template.content.firstElementChild.cloneNode(true);
  const status = xhr?.status ?? 0;
  const say = (title, text) => {
    banner.querySelector("[data-retry-title]").textContent = title;
    banner.querySelector("[data-retry-text]").textContent = text;
  };
  if (status === 401 || status === 403) say("You are signed out or may not do this.", "Reload the page to sign in again.");
  else if (status === 404 || status === 410) say("This is not there any more.", "Reload the page to see what is.");
  else if (status === 429) say("Too many requests.", "Wait a moment, then try again.");
  else if (requestConfig?.verb !== "get") say("This could not be saved.", "Nothing was lost: what you typed is still here.");
  else if (status === 0) say("The server cannot be reached.", "What you see is the last version that arrived.");
  const retry = banner.querySelector("[data-retry]");
  if ([401, 403, 404, 410].includes(status)) retry.textContent = "Reload";
  retry.addEventListener("click", () => {
    if ([401, 403, 404, 410].includes(status)) return location.reload();
    banner.remove();
    window.htmx.ajax(requestConfig.verb, requestConfig.path, { source: elt, target, values: requestConfig.formData });
  });
  host.prepend(banner);
  if (target.id === "drawer") showDialog(target, elt);
}

document.addEventListener("htmx:responseError", showRetry);
document.addEventListener("htmx:sendError", showRetry);
document.addEventListener("htmx:timeout", showRetry);

// ---- start ---------------------------------------------------------------------------------------------------------

startToasts();
focusErrors(document);
