"use strict";
// Polls the book, the ledger and candles, hears of every trade and price. Shows what it was told last and says when it hears nothing.
const BOOK_MS = 250, LEDGER_MS = 1000, MARKET_MS = 1000, TRADES_SHOWN = 15, CANDLES_SHOWN = 8, DEPTH = 10;
const byId = (id) => document.getElementById(id);
const recent = [];
let tradeCount = 0, heardAt = 0;

function row(cells) {
  const line = document.createElement("tr");
  for (const [text, kind] of cells) {
    const cell = document.createElement("td");
    cell.textContent = text;
    if (kind) cell.className = kind;
    line.append(cell);
  }
  return line;
}

async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  heardAt = Date.now();
  return answer.json();
}

async function showBook() {
  const symbol = byId("symbol").value;
  if (!symbol) return;
  const book = await get(`/api/v1/orderbook/${symbol}?depth=${DEPTH}`);
  const lines = [];
  for (let n = 0; n < Math.max(book.bids.length, book.asks.length); n++) {
    const [bid, bidQuantity] = book.bids[n] || ["", ""], [ask, askQuantity] = book.asks[n] || ["", ""];
    lines.push(row([[bidQuantity], [bid, "bid"], [ask, "ask"], [askQuantity]]));
  }
  byId("book").replaceChildren(...lines);
  byId("last").textContent = book.last === null ? "" : `last ${book.last}`;
}

async function showLedger() {
  const ledger = await get("/api/v1/ledger");
  const lines = Object.entries(ledger.assets).map(([asset, sums]) =>
    row([[asset], [sums.accounts], [sums.clearing], [sums.fees], [sums.house], [sums.deposits_less_withdrawals]]));
  byId("ledger").replaceChildren(...lines);
  const isExact = ledger.imbalance === "0";
  byId("imbalance").textContent = isExact ? "✓ exact, difference 0" : `✗ difference ${ledger.imbalance}`;
  byId("imbalance").className = isExact ? "bid" : "wrong";
}

async function showMarket() {
  const symbol = byId("symbol").value;
  if (!symbol) return;
  const { candles } = await get(`/api/v1/candles?symbol=${symbol}&interval=1m&limit=${CANDLES_SHOWN}`);
  byId("candles").replaceChildren(...candles.reverse().map((one) => row([
    [one.start.slice(11, 16)], [one.open], [one.high], [one.low], [one.close, one.close >= one.open ? "bid" : "ask"], [one.volume]])));
  const { intervals } = await get(`/api/v1/analytics/${symbol}`);
  const short = (value) => value === null ? "–" : Number(value).toPrecision(6);
  byId("indicators").replaceChildren(...intervals.map((one) => row([
    [one.interval], [short(one.tick_sma)], [short(one.ema)], [short(one.rsi)], [short(one.macd)], [short(one.atr)],
    [short(one.realized_volatility)]])));
}

function showPrice({ symbol, price, changePercent }) {
  if (symbol !== byId("symbol").value || price === null) return;
  byId("elsewhere").textContent = `${price} (${changePercent === null ? "–" : changePercent.toFixed(2)} % today)`;
}

function showTrade(trade) {
  tradeCount += 1;
  recent.unshift(trade);
  recent.length = Math.min(recent.length, TRADES_SHOWN);
  byId("trades").replaceChildren(...recent.map((one) =>
    row([[one.execution_timestamp.slice(11, 23)], [one.symbol], [one.price], [one.quantity]])));
  byId("trade-count").textContent = `${tradeCount} since you came`;
}

function listen(path, show) {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
  socket.onmessage = (message) => { heardAt = Date.now(); show(JSON.parse(message.data)); };
  socket.onclose = () => setTimeout(listen, 1000 + Math.random() * 1000, path, show);
}

async function showInstruments() {
  const { instruments } = await get("/api/v1/instruments");
  byId("symbol").replaceChildren(...instruments.map(({ symbol }) => new Option(symbol, symbol, false, symbol === "ETHUSDT")));
}

function every(milliseconds, work) {
  const again = () => work().catch(() => {}).finally(() => setTimeout(again, milliseconds));
  again();
}

setInterval(() => {
  const silence = (Date.now() - heardAt) / 1000;
  byId("status").textContent = silence < 3 ? "live" : `nothing heard for ${silence.toFixed(0)} s`;
  byId("status").className = silence < 3 ? "bid" : "wrong";
}, 500);

every(5000, async () => { if (!byId("symbol").options.length) await showInstruments(); });
every(BOOK_MS, showBook);
every(LEDGER_MS, showLedger);
every(MARKET_MS, showMarket);
listen("/trade_updates", showTrade);
listen("/price_updates", (frame) => showPrice(frame.data));
