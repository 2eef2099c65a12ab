"use strict";
// The page of inquiries: hears of every change, shows the newest, and sends what the dealer decides.
const COUNTDOWN_MS = 250, CLOCK_MS = 10_000, RETRY_MS = 1000;
const byId = (id) => document.getElementById(id);
const lines = new Map();
let blotter = new Blotter(), chosen = null, offset = 0, roundTrip = 0, isDue = false, isOpen = false;
const now = () => Date.now() + offset;

function draw() {
  isDue = false;
  const shown = blotter.shown(byId("which").value, byId("sought").value);
  const wanted = new Set(shown.map((one) => one.inquiry_id));
  for (const [id, line] of lines) if (!wanted.has(id)) { line.remove(); lines.delete(id); }
  let before = null;
  for (const inquiry of shown) {
    const line = lines.get(inquiry.inquiry_id) || newLine(inquiry.inquiry_id);
    fill(line, inquiry);
    const place = before === null ? byId("inquiries").firstChild : before.nextSibling;
    if (place !== line) byId("inquiries").insertBefore(line, place);
    before = line;
  }
  drawTicket();
}

function newLine(id) {
  const line = document.createElement("tr");
  line.append(...COLUMNS.map(() => document.createElement("td")));
  line.tabIndex = 0;
  line.onclick = () => choose(id);
  line.onkeydown = (event) => { if (event.key === "Enter") choose(id); };
  lines.set(id, line);
  return line;
}

function fill(line, inquiry) {
  const tint = `${tintOf(inquiry)}${inquiry.inquiry_id === chosen ? " chosen" : ""}`;
  if (line.className !== tint) line.className = tint;
  blotter.cells(inquiry, now()).forEach(([text, kind], place) => {
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
setInterval(later, COUNTDOWN_MS);
setInterval(() => readClock().catch(() => {}), CLOCK_MS);
readClock().catch(() => {});
listen();
