// Suggests names while somebody types @ in a field with data-mentions, the address that knows them. Without this file the
// name is typed in full; the server finds it either way.

const TYPED = /(?:^|[\s(,;:])@([\p{L}][\p{L}\p{N} .'’-]{0,40})$/u;
const WAIT_MS = 150;

let list = null; // the open list of suggestions
let field = null;
let timer = 0;
let asked = 0;

const typed = (area) => (area.selectionStart === area.selectionEnd ? TYPED.exec(area.value.slice(0, area.selectionStart))?.[1] : undefined);

function close() {
  clearTimeout(timer);
  asked += 1;
  list?.remove();
  list = null;
  field?.removeAttribute("aria-activedescendant");
  field?.removeAttribute("aria-controls");
}

// Beside the field: what is outside an open dialog is not read out.
function say(area, text) {
  let region = area.parentElement.querySelector("[data-mentions-said]");
  if (!region) {
    region = document.createElement("p");
    region.className = "visually-hidden";
    region.setAttribute("role", "status");
    region.setAttribute("data-mentions-said", "");
    area.parentElement.append(region);
  }
  region.textContent = text;
}

function select(option) {
  for (const each of list.children) each.setAttribute("aria-selected", String(each === option));
  field.setAttribute("aria-activedescendant", option.id);
}

function take(name) {
  const at = field.selectionStart - typed(field).length;
  field.setRangeText(`${name} `, at, field.selectionStart, "end");
  const area = field;
  close();
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function open(area, names) {
  close();
  if (!names.length) return;
  field = area;
  list = document.createElement("ul");
  list.className = "vr-suggest";
  list.id = "mention-suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "People to mention");
  names.forEach((name, number) => {
    const option = document.createElement("li");
    option.id = `mention-${number}`;
    option.setAttribute("role", "option");
    option.textContent = name;
    option.addEventListener("mousedown", (event) => {
      event.preventDefault();
      take(name);
    });
    list.append(option);
  });
  area.after(list);
  area.setAttribute("aria-controls", list.id);
  area.setAttribute("aria-autocomplete", "list");
  select(list.firstElementChild);
  say(area, `${names.length} ${names.length === 1 ? "person" : "people"}. Up and down to choose, Enter to take one.`);
}

async function suggest(area) {
  const text = typed(area);
  const number = ++asked;
  if (text === undefined) return close();
  try {
    const response = await fetch(`${area.dataset.mentions}?q=${encodeURIComponent(text)}`, { headers: { accept: "application/json" } });
    const { names } = response.ok ? await response.json() : { names: [] };
    if (number === asked && typed(area) === text) open(area, names);
  } catch {
    close(); // the name can be typed in full
  }
}

document.addEventListener("input", (event) => {
  const area = event.target;
  if (!area.matches?.("textarea[data-mentions]")) return;
  clearTimeout(timer);
  if (typed(area) === undefined) return close();
  timer = setTimeout(() => suggest(area), WAIT_MS);
});

document.addEventListener(
  "keydown",
  (event) => {
    if (!list || event.target !== field) return;
    const options = [...list.children];
    const now = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      select(options[(now + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length]);
    } else if (event.key === "Enter" || event.key === "Tab") {
      take(options[now].textContent);
    } else if (event.key === "Escape") {
      close();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);

document.addEventListener("focusout", (event) => event.target === field && close());
