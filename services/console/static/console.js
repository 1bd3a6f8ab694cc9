// Keys, dialogs, selection, the live feed and the graph. Every page works without it, but for the feed and the graph.

const editable = (element) => element.matches("input:not([type=checkbox], [type=range]), textarea, select");
const rows = () => [...document.querySelectorAll("[data-row]")];

let current = -1;
let prefix = "";

function mark(index) {
  const all = rows();
  if (!all.length) return;
  all[current]?.classList.remove("current");
  current = Math.max(0, Math.min(index, all.length - 1));
  all[current].classList.add("current");
  all[current].querySelector("a")?.focus({ preventScroll: true });
  all[current].scrollIntoView({ block: "nearest" });
}

function open(id) {
  const dialog = document.getElementById(id);
  if (dialog && !dialog.open) dialog.showModal();
}

const places = { q: "/", l: "/live", r: "/rules" };

const keys = {
  "?": () => open("help"),
  "/": () => document.querySelector("[data-search]")?.focus(),
  j: () => mark(current + 1),
  k: () => mark(current - 1),
  x: () => rows()[current]?.querySelector("input[type=checkbox]")?.click(),
  o: () => rows()[current] && location.assign(rows()[current].dataset.href),
  e: () => document.querySelector("[data-next]")?.click(),
  g: () => { prefix = "g"; setTimeout(() => { prefix = ""; }, 1000); },
};

// In the queue one key claims the row; on the page of a case it presses the button.
function claimRow() {
  const row = rows()[current];
  const form = document.getElementById("bulk");
  const box = row?.querySelector("input[type=checkbox]");
  const button = form?.querySelector("button[value=CLAIM]");
  if (!box || !button) return;
  for (const other of form.querySelectorAll("[name=case]")) other.checked = other === box;
  form.requestSubmit(button);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const dialog = document.querySelector("dialog[open]");
  if (dialog) {
    if (dialog.dataset.reasons !== undefined && !editable(event.target) && /^[1-9]$/.test(event.key)) {
      dialog.querySelectorAll(".reasons button")[event.key - 1]?.click();
      event.preventDefault();
    }
    return;
  }
  if (editable(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (prefix === "g") {
    prefix = "";
    if (places[event.key]) location.assign(places[event.key]);
    return;
  }
  const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (button) button.click();
  else if (event.key === "c") claimRow();
  else if (keys[event.key]) keys[event.key]();
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) return open(opener.dataset.open);
  const closer = event.target.closest("[data-close]");
  if (closer) return closer.closest("dialog").close();
  const row = event.target.closest("[data-row]");
  if (row && !event.target.closest("a, button, input, label") && !String(getSelection())) location.assign(row.dataset.href);
});

// A form that is on its way is not sent twice.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));

function followSelection(form) {
  const bar = form.querySelector("[data-bulk]");
  if (!bar) return;
  const boxes = [...form.querySelectorAll("[name=case]")];
  const all = form.querySelector("[data-all]");
  form.addEventListener("change", (event) => {
    if (event.target === all) boxes.forEach((box) => { box.checked = all.checked; });
    const count = boxes.filter((box) => box.checked).length;
    bar.hidden = !count;
    bar.querySelector("[data-count]").textContent = count;
  });
}

function cell(row, text, ...classes) {
  const made = row.insertCell();
  made.classList.add(...classes);
  if (text instanceof Node) made.append(text); else made.textContent = text;
  return made;
}

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

function addAlert(feed, alert) {
  const row = feed.insertRow(0);
  row.dataset.row = "";
  row.dataset.href = `/cases/${alert.case}`;
  row.className = "fresh";
  const link = element("a", alert.account, "account");
  link.href = row.dataset.href;
  cell(row, element("span", alert.severity, `severity ${alert.severity}`));
  cell(row, link);
  cell(row, element("span", alert.reason, "reason"), "wide");
  cell(row, alert.amount, "number", "money");
  cell(row, alert.rule);
  cell(row, new Date(alert.at).toISOString().slice(11, 19), "number");
  if (current >= 0) current += 1;
  while (feed.rows.length > Number(feed.dataset.limit)) feed.deleteRow(-1);
}

function follow(feed) {
  const state = document.querySelector("[data-connection]");
  const source = new EventSource(feed.dataset.feed);
  source.addEventListener("open", () => { state.textContent = "live"; });
  source.addEventListener("error", () => {
    state.textContent = source.readyState === EventSource.CLOSED ? "ended: load the page again" : "connection lost, trying again…";
  });
  source.addEventListener("alert", (event) => addAlert(feed, JSON.parse(event.data)));
}

async function load(address, into) {
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" }, redirect: "error" });
    if (answer.ok) into.innerHTML = await answer.text();
    return answer.ok;
  } catch {
    return false; // the next round tries again
  }
}

async function showFragment(section) {
  if (!await load(section.dataset.fragment, section)) section.textContent = "It could not be loaded: try again.";
  section.removeAttribute("aria-busy");
}

// A fragment that is loaded again while something is running; at its end the whole page is.
async function poll(section) {
  await load(section.dataset.poll, section);
  if (section.querySelector("[data-running]")) setTimeout(poll, 1000, section);
  else location.reload();
}

// A chosen file goes into a text field, which is what is sent.
function followFile(input) {
  input.addEventListener("change", async () => {
    if (input.files.length) document.getElementById(input.dataset.into).value = await input.files[0].text();
  });
}

function refresh(section) {
  setInterval(() => { if (!document.hidden) load(section.dataset.figures, section); }, 2000);
}

async function showGraph(section) {
  const body = section.querySelector("[data-graph-body]");
  if (!await load(section.dataset.graph, body)) {
    body.textContent = "The graph could not be loaded.";
    return;
  }
  const picture = body.querySelector(".picture");
  if (picture) picture.scrollLeft = (picture.scrollWidth - picture.clientWidth) / 2; // the account is in the middle
  const slider = body.querySelector("[data-slider]");
  slider?.addEventListener("input", () => {
    const until = Number(slider.value);
    body.querySelector("[data-moment]").textContent = new Date(until).toISOString().slice(0, 19).replace("T", " ");
    body.querySelectorAll(".edge").forEach((edge) => edge.classList.toggle("later", Number(edge.dataset.first) > until));
  });
}

document.querySelectorAll("[data-rows]").forEach(followSelection);
document.querySelectorAll("[data-feed]").forEach(follow);
document.querySelectorAll("[data-figures]").forEach(refresh);
document.querySelectorAll("[data-fragment]").forEach(showFragment);
document.querySelectorAll("[data-graph]").forEach(showGraph);
document.querySelectorAll(".picture").forEach((picture) => { picture.scrollLeft = picture.scrollWidth; }); // the latest is at the right
document.querySelectorAll("[data-poll]").forEach(poll);
document.querySelectorAll("[data-into]").forEach(followFile);
document.querySelectorAll("[data-filter] select").forEach((select) => select.addEventListener("change", () => select.form.requestSubmit()));
