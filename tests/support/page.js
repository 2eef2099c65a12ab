"use strict";
// A page without a browser: its ids, its scripts, and as much of a document as they touch.
const { readFileSync } = require("fs"), { basename, dirname, join } = require("path"), vm = require("vm");

class Element {
  constructor(tag) {
    Object.assign(this, { tag, children: [], attributes: {}, dataset: {}, className: "", value: "", parent: null, tabIndex: -1, text: "" });
  }
  get textContent() { return this.text + this.children.map((child) => child.textContent).join(""); }
  set textContent(text) { this.children = []; this.text = text; }
  get firstChild() { return this.children[0] ?? null; }
  get nextSibling() { return this.sibling(1); }
  get previousSibling() { return this.sibling(-1); }
  sibling(step) { return this.parent ? this.parent.children[this.parent.children.indexOf(this) + step] ?? null : null; }
  append(...elements) { for (const each of elements) this.insertBefore(each, null); }
  insertBefore(element, before) {
    element.remove();
    this.children.splice(before === null ? this.children.length : this.children.indexOf(before), 0, element);
    element.parent = this;
  }
  replaceChildren(...elements) { this.children = []; this.append(...elements); }
  remove() {
    if (this.parent) this.parent.children = this.parent.children.filter((each) => each !== this);
    this.parent = null;
  }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  getAttribute(name) { return this.attributes[name] ?? null; }
  focus() { Element.focused = this; }
  click() { if (this.onclick) this.onclick({}); }
  press(key) { this.onkeydown({ key, preventDefault() {} }); }
}

// -> the page as a user has it: `byId`, what the socket sends, the next frame, the files that were saved.
function opened(path) {
  const html = readFileSync(path, "utf8"), later = [], files = [], sockets = [];
  const ids = new Map([...html.matchAll(/<(\w+)[^>]* id="([^"]+)"/g)].map(([, tag, id]) => [id, new Element(tag)]));
  const byId = (id) => ids.get(id);
  const saved = (element) => Object.assign(element, { click: () => files.push({ name: element.download, text: element.href }) });
  const world = {
    document: { getElementById: byId, createElement: (tag) => tag === "a" ? saved(new Element(tag)) : new Element(tag) },
    location: { protocol: "http:", host: "desk" },
    WebSocket: class { constructor() { sockets.push(this); } },
    Blob: class { constructor(parts) { this.text = parts.join(""); } },
    URL: { createObjectURL: (blob) => blob.text, revokeObjectURL() {} },
    fetch: () => Promise.reject(new Error("there is no server")),
    requestAnimationFrame: (draw) => later.push(draw), setInterval() {}, setTimeout() {},
  };
  vm.createContext(world);
  for (const [, name] of html.matchAll(/<script src="([^"]+)"/g)) vm.runInContext(readFileSync(join(dirname(path), basename(name)), "utf8"), world);
  byId("which").value = "all";
  const draw = () => { while (later.length) later.shift()(); };
  const hear = (frames) => { for (const frame of frames) sockets[0].onmessage({ data: JSON.stringify(frame) }); draw(); };
  const rows = () => byId("inquiries").children.map((line) => line.children.map((cell) => cell.textContent));
  return { byId, draw, hear, rows, files, lines: () => byId("inquiries").children, focused: () => Element.focused };
}

module.exports = { opened };
