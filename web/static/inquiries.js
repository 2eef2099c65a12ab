"use strict";
// The page of inquiries: hears of every change, shows the newest, and sends what the dealer decides. A row that is
// clicked is the one of the ticket, and shows its earlier versions below; once more, and they are gone.
const COUNTDOWN_MS = 250, CLOCK_MS = 10_000, RETRY_MS = 1000;
const byId = (id) => document.getElementById(id);
const lines = new Map();
let blotter = new Blotter(), chosen = null, opened = null, offset = 0, roundTrip = 0, isDue = false, isOpen = false;
const now = () => Date.now() + offset;

function draw() {
  isDue = false;
  const wanted = blotter.wanted(...asked());
  const shown = wanted.slice(0, ROWS_SHOWN).flatMap((one) => [[one.inquiry_id, one, false],
    ...(one.inquiry_id === opened ? blotter.versions(opened) : []).map((each) => [`${opened}|v${each.version}`, each, true])]);
  byId("count").textContent = `${Math.min(wanted.length, ROWS_SHOWN)} of ${wanted.length}`;
  const names = new Set(shown.map(([name]) => name));
  for (const [name, line] of lines) if (!names.has(name)) { line.remove(); lines.delete(name); }
  let before = null;
  for (const [name, inquiry, isEarlier] of shown) {
    const line = lines.get(name) || newLine(name, isEarlier);
    fill(line, inquiry, isEarlier);
    const place = before === null ? byId("inquiries").firstChild : before.nextSibling;
    if (place !== line) byId("inquiries").insertBefore(line, place);
    before = line;
  }
  drawTicket();
}

// What is asked for, as the blotter takes it.
function asked() {
  const filters = Object.fromEntries([...byId("filters").children].map((cell, place) => [COLUMNS[place], cell.firstChild.value]));
  return [byId("which").value, byId("sought").value, filters, now()];
}

function newLine(name, isEarlier) {
  const line = document.createElement("tr");
  line.append(...COLUMNS.map(() => document.createElement("td")));
  line.setAttribute("aria-level", isEarlier ? 2 : 1);
  if (!isEarlier) {
    line.tabIndex = 0;
    line.onclick = () => pick(name);
    line.onkeydown = (event) => { if (press(line, name, event.key)) event.preventDefault(); };
  }
  lines.set(name, line);
  return line;
}

// What a key does on a row -> whether it does anything.
function press(line, id, key) {
  const isOpened = opened === id;
  if (key === "Enter" || key === " " || (key === "ArrowRight" && !isOpened) || (key === "ArrowLeft" && isOpened)) {
    pick(id);
    return true;
  }
  if (key !== "ArrowDown" && key !== "ArrowUp") return false;
  let next = line;
  do next = key === "ArrowDown" ? next.nextSibling : next.previousSibling; while (next && next.tabIndex !== 0);
  if (next) next.focus();
  return true;
}

function pick(id) {
  opened = opened === id ? null : id;
  if (chosen === id) later(); else choose(id);
}

function fill(line, inquiry, isEarlier) {
  const tint = isEarlier ? "earlier" : `${tintOf(inquiry)}${inquiry.inquiry_id === chosen ? " chosen" : ""}`;
  if (line.className !== tint) line.className = tint;
  if (!isEarlier) {
    const state = String(inquiry.inquiry_id === opened);
    if (line.getAttribute("aria-expanded") !== state) line.setAttribute("aria-expanded", state);
  }
  blotter.cells(inquiry, now(), isEarlier).forEach(([text, kind], place) => {
    const cell = line.children[place];
    if (cell.textContent !== text) cell.textContent = text;
    if (cell.className !== kind) cell.className = kind;
  });
}

function choose(id) {
  const inquiry = blotter.inquiries.get(id);
  chosen = id;
  byId("bid").value = inquiry.bid_price ?? "";
  byId("ask").value = inquiry.ask_price ?? "";
  byId("qty").value = "";
  byId("said").textContent = "";
  later();
}

function drawTicket() {
  const inquiry = chosen === null ? undefined : blotter.inquiries.get(chosen);
  if (!inquiry) return;
  byId("chosen").textContent = `${inquiry.inquiry_id}: ${inquiry.client_side} ${inquiry.qty} ${inquiry.instrument_id}, ${inquiry.status}`;
  const may = isOpen ? actionsOf(inquiry, now(), roundTrip) : [];
  for (const button of byId("actions").children) button.disabled = !may.includes(button.value);
}

async function act(action) {
  const inquiry = blotter.inquiries.get(chosen);
  const prices = Object.fromEntries(["bid", "ask", "qty"].map((name) => [name, byId(name).value.trim()]));
  const { path, body } = requestOf(action, inquiry, prices);
  byId("said").textContent = "sending…";
  try {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "Idempotency-Key": `${action}-${inquiry.inquiry_id}-${Date.now()}-${Math.random()}` } });
    const found = await answer.json();
    byId("said").textContent = answer.ok ? `${action}: ${found.status ?? "sent"}` : `${action}: ${found.code}`;
    if (found.inquiry || found.version) blotter.take({ type: "INQUIRY", inquiry: found.inquiry ?? found });
  } catch {
    byId("said").textContent = `${action}: unknown, look at the status`;
  }
  later();
}

// All that is wanted, those that the page has no room for, too.
function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([blotter.csv(...asked())], { type: "text/csv;charset=utf-8" }));
  link.download = `inquiries-${new Date(now()).toISOString().replaceAll(":", "")}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), CLOCK_MS);  // a browser may begin to read it later
}

function clearFilters() {
  for (const cell of byId("filters").children) cell.firstChild.value = "";
  byId("sought").value = "";
  byId("which").value = "all";
  later();
}

function later() {
  if (!isDue) { isDue = true; requestAnimationFrame(draw); }
}

// The server's clock, to half a round trip and the second of its header.
async function readClock() {
  const sent = Date.now(), answer = await fetch("/api/v1/inquiries/positions");
  roundTrip = Date.now() - sent;
  const said = Date.parse(answer.headers.get("Date"));
  const least = said - Date.now(), most = least + 1000 + roundTrip;
  if (!Number.isNaN(said)) offset = Math.min(Math.max(offset, least), most);
}

function listen() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/inquiries`);
  socket.onmessage = (message) => {
    const frame = JSON.parse(message.data);
    if (frame.type === "SNAPSHOT") { blotter = new Blotter(); isOpen = true; byId("status").textContent = "live"; byId("status").className = "bid"; }
    blotter.take(frame);
    later();
  };
  socket.onclose = () => {
    isOpen = false;
    byId("status").textContent = "not connected";
    byId("status").className = "wrong";
    setTimeout(listen, RETRY_MS + Math.random() * RETRY_MS);
  };
}

byId("columns").replaceChildren(...COLUMNS.map((name) => {
  const cell = document.createElement("th");
  cell.scope = "col";
  cell.textContent = name;
  return cell;
}));
byId("filters").replaceChildren(...COLUMNS.map((name) => {
  const cell = document.createElement("th"), filter = document.createElement("input");
  Object.assign(filter, { type: "search", title: "A part of it; = all of it, ! not in it, > < >= <= a number" });
  filter.setAttribute("aria-label", `Filter ${name}`);
  filter.oninput = later;
  cell.append(filter);
  return cell;
}));
byId("actions").replaceChildren(...ACTIONS.map((name) => {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", value: name, textContent: name, disabled: true });
  button.dataset.testid = name;
  button.onclick = () => act(name);
  return button;
}));
byId("ticket").onsubmit = (event) => event.preventDefault();
byId("which").onchange = later;
byId("sought").oninput = later;
byId("clear").onclick = clearFilters;
byId("csv").onclick = save;
setInterval(later, COUNTDOWN_MS);
setInterval(() => readClock().catch(() => {}), CLOCK_MS);
readClock().catch(() => {});
listen();
