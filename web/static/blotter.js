"use strict";
// What a blotter of inquiries knows, and how it shows each: nothing here touches a page.
const ROWS_SHOWN = 50, INQUIRIES_KEPT = 2000, VERSIONS_KEPT = 16;
const OPEN = new Set(["NEW", "ENRICHED", "QUOTED", "COUNTERED", "ACCEPTED"]);
const COLUMNS = ["ID", "Time", "Age", "Ends in", "Client", "Side", "Instrument", "Book", "Quantity", "Price", "Bid", "Ask",
  "Mid", "Skew", "Competition", "Status", "Outcome", "Cover", "Trader", "By", "Reason", "Answered in", "Position"];
const ACTIONS = ["quote", "requote", "accept", "pass", "withdraw", "take-over"];

class Blotter {
  constructor() {
    this.inquiries = new Map();
    this.positions = new Map();
    this.earlier = new Map();  // versions before the last one, of each inquiry, as far as they were heard
  }

  // Takes a frame of the socket -> ids of the inquiries that look different now. A lower version changes nothing.
  take(frame) {
    if (frame.type === "SNAPSHOT") {
      const changed = frame.inquiries.filter((one) => this.#hear(one)).map((one) => one.inquiry_id);
      for (const one of frame.positions) this.#move(one);
      this.#forget();
      return changed;
    }
    if (frame.type === "INQUIRY") {
      const changed = this.#hear(frame.inquiry) ? [frame.inquiry.inquiry_id] : [];
      this.#forget();
      return changed;
    }
    if (frame.type === "POSITION" && this.#move(frame.position)) {
      const { book_id, instrument_id } = frame.position;
      return [...this.inquiries.values()]
        .filter((one) => one.book_id === book_id && one.instrument_id === instrument_id).map((one) => one.inquiry_id);
    }
    return [];
  }

  #hear(inquiry) {
    const known = this.inquiries.get(inquiry.inquiry_id);
    if (known && known.version >= inquiry.version) return false;
    if (known) this.earlier.set(inquiry.inquiry_id, [known, ...this.versions(inquiry.inquiry_id)].slice(0, VERSIONS_KEPT));
    this.inquiries.set(inquiry.inquiry_id, inquiry);
    return true;
  }

  #move(position) {
    const key = `${position.book_id}|${position.instrument_id}`, known = this.positions.get(key);
    if (known && known.version >= position.version) return false;
    this.positions.set(key, position);
    return true;
  }

  #forget() {
    if (this.inquiries.size <= INQUIRIES_KEPT) return;
    for (const [id, one] of this.inquiries) {
      if (this.inquiries.size <= INQUIRIES_KEPT / 2) return;
      if (!OPEN.has(one.status)) { this.inquiries.delete(id); this.earlier.delete(id); }
    }
  }

  // What was heard of an inquiry before its last version, the newest first.
  versions(id) {
    return this.earlier.get(id) ?? [];
  }

  // The newest first, of those that are wanted: "live", "done", "over" or "all", and a text that is somewhere in them;
  // `filters` are texts by the names of columns.
  wanted(which = "all", text = "", filters = {}, now = 0) {
    const sought = text.trim().toUpperCase();
    const asked = COLUMNS.map((name, place) => [place, (filters[name] ?? "").trim()]).filter(([, filter]) => filter);
    const passes = (one) => {
      const cells = asked.length ? this.cells(one, now) : [];
      return asked.every(([place, filter]) => matches(cells[place][0], filter));
    };
    return [...this.inquiries.values()]
      .filter((one) => isWanted(one, which) && (!sought || textOf(one).includes(sought)) && passes(one))
      .sort((one, other) => newerFirst(one, other));
  }

  shown(...asked) {
    return this.wanted(...asked).slice(0, ROWS_SHOWN);
  }

  // All that is wanted as a file of comma-separated values, RFC 4180; the time of receipt in full.
  csv(...asked) {
    const now = asked[3] ?? 0, time = COLUMNS.indexOf("Time");
    const lines = this.wanted(...asked).map((one) => this.cells(one, now).map(([text], place) => place === time ? one.received_at : text));
    return [COLUMNS, ...lines].map((line) => `${line.map(csvOf).join(",")}\r\n`).join("");
  }

  // The cells of one, as [text, kind]; `now` is the server's time in milliseconds. An earlier version has no clock.
  cells(inquiry, now, isEarlier = false) {
    const position = isEarlier ? undefined : this.positions.get(`${inquiry.book_id}|${inquiry.instrument_id}`);
    const units = position ? position.position_qty : inquiry.position_qty;
    const received = Date.parse(inquiry.received_at), end = endOf(inquiry), isOpen = !isEarlier && OPEN.has(inquiry.status);
    const answered = inquiry.quoted_at ? `${Date.parse(inquiry.quoted_at) - received} ms` : "";
    return [
      [isEarlier ? `v${inquiry.version}` : inquiry.inquiry_id, "name"], [inquiry.received_at.slice(11, 23)],
      [isOpen ? seconds(now - received) : ""], [isOpen && end ? seconds(end - now) : ""],
      [inquiry.client_id], [inquiry.client_side, inquiry.client_side === "buy" ? "bid" : inquiry.client_side === "sell" ? "ask" : ""],
      [inquiry.instrument_id], [inquiry.book_id], [inquiry.qty], [inquiry.trade_price ?? inquiry.requested_price],
      [inquiry.bid_price, "bid"], [inquiry.ask_price, "ask"], [inquiry.ref_mid], [inquiry.skew], [inquiry.competition],
      [inquiry.status, "status"], [inquiry.outcome], [inquiry.cover_price], [inquiry.trader],
      [inquiry.is_auto ? "auto" : "person"], [inquiry.reason_code], [answered], [units, signOf(units)],
    ].map(([text, kind = ""]) => [text === null || text === undefined ? "" : String(text), kind]);
  }
}

const isWanted = (one, which) => which === "all" || (which === "live" && OPEN.has(one.status))
  || (which === "done" && one.outcome === "DONE") || (which === "over" && !OPEN.has(one.status) && one.outcome !== "DONE");
const textOf = (one) => [one.inquiry_id, one.client_id, one.instrument_id, one.book_id, one.status, one.outcome, one.trader]
  .join(" ").toUpperCase();
const newerFirst = (one, other) => Date.parse(other.received_at) - Date.parse(one.received_at)
  || other.inquiry_number - one.inquiry_number;

// Whether the text of a cell is what a filter asks for: a part of it, or behind a sign = all of it, ! not in it, > < >= <= a number.
function matches(text, filter) {
  const [, sign, rest] = /^(>=|<=|>|<|=|!)?\s*(.*)$/s.exec(filter), found = text.toUpperCase(), sought = rest.toUpperCase();
  if (sign === "=") return found === sought;
  if (sign === "!") return !found.includes(sought);
  if (sign === undefined) return found.includes(sought);
  const number = parseFloat(text), bound = Number(rest);
  if (rest === "" || Number.isNaN(bound)) return true;  // nobody has finished typing
  return { ">": number > bound, "<": number < bound, ">=": number >= bound, "<=": number <= bound }[sign];
}

// One value of such a file. What a spreadsheet would take for a formula is text; a number below zero is none.
function csvOf(text) {
  const safe = /^[=+\-@\t\r\n]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const signOf = (units) => !units || Number(units) === 0 ? "" : String(units).startsWith("-") ? "ask" : "bid";
const seconds = (milliseconds) => `${Math.max(0, milliseconds / 1000).toFixed(1)} s`;

// Until when what is open may be taken, or decided on; null where it is over.
function endOf(inquiry) {
  if (!OPEN.has(inquiry.status)) return null;
  const isFirm = inquiry.status === "QUOTED" || (inquiry.status === "COUNTERED" && inquiry.countered_by === "dealer");
  const clocks = [inquiry.expires_at];
  if (isFirm) clocks.push(inquiry.firm_until);
  if (inquiry.status === "NEW" || inquiry.status === "ENRICHED") clocks.push(inquiry.due_at);
  if (inquiry.status === "ACCEPTED") return inquiry.look_until ? Date.parse(inquiry.look_until) : null;
  return Math.min(...clocks.filter(Boolean).map((one) => Date.parse(one)));
}

// The tint of a row: what was done, and what was not.
function tintOf(inquiry) {
  if (inquiry.outcome === "DONE") return "done";
  return inquiry.outcome === null ? "" : "not-done";
}

// What the dealer may do with it now; nothing that would arrive after its end.
function actionsOf(inquiry, now, roundTrip = 0) {
  const end = endOf(inquiry), status = inquiry.status;
  if (end !== null && now >= end - roundTrip) return [];
  const isTheirCounter = status === "COUNTERED" && inquiry.countered_by === "client";
  const may = {
    "quote": status === "ENRICHED" || isTheirCounter,
    "requote": status === "QUOTED",
    "accept": isTheirCounter || (status === "ACCEPTED" && inquiry.look_until !== null)
      || (status === "ENRICHED" && inquiry.requested_price !== null && inquiry.price_type === "price"),
    "pass": ["ENRICHED", "QUOTED", "COUNTERED"].includes(status) || (status === "ACCEPTED" && inquiry.look_until !== null),
    "withdraw": status === "QUOTED",
    "take-over": inquiry.is_auto && ["ENRICHED", "QUOTED", "COUNTERED"].includes(status),
  };
  return ACTIONS.filter((name) => may[name]);
}

// The request of an action, on the version that was seen; `prices` are the dealer's, as text.
function requestOf(action, inquiry, prices = {}) {
  const body = { expected_version: inquiry.version };
  if (action === "accept") body.by = "dealer";
  if (action === "quote" || action === "requote") {
    const sides = inquiry.client_side === "buy" ? ["ask"] : inquiry.client_side === "sell" ? ["bid"] : ["bid", "ask"];
    for (const side of sides) body[side] = prices[side];
    if (prices.qty) body.qty = prices.qty;
  }
  return { path: `/api/v1/inquiries/${encodeURIComponent(inquiry.inquiry_id)}/${action}`, body };
}

if (typeof module !== "undefined") module.exports = { Blotter, COLUMNS, ROWS_SHOWN, VERSIONS_KEPT, actionsOf, csvOf, endOf, matches, requestOf, tintOf };
