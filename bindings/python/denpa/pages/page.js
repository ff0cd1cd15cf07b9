"use strict";
// What the pages have in common. Text reaches the page as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";

function bytes(text) {
  const raw = atob(text), found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return found;
}

// The numbers of _pages.packed(array, "f4"), on a machine of either byte order.
function floats(text) {
  const view = new DataView(bytes(text).buffer), found = new Float32Array(view.byteLength / 4);
  for (let i = 0; i < found.length; i++) found[i] = view.getFloat32(4 * i, true);
  return found;
}

// The numbers of _pages.packed(array, "f8").
function doubles(text) {
  const view = new DataView(bytes(text).buffer), found = new Float64Array(view.byteLength / 8);
  for (let i = 0; i < found.length; i++) found[i] = view.getFloat64(8 * i, true);
  return found;
}

function element(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function shape(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function number(value, digits = 4) {
  if (value === null || Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(digits - 1) : String(+value.toPrecision(digits));
  return text.replace("-", "−").replace("e−", "e-").replace("e+", "e");
}

function cut(text, length) {
  return text.length > length ? text.slice(0, length - 1) + "…" : text;
}

// Colours of the page, which follow the scheme.
const scheme = window.matchMedia("(prefers-color-scheme: dark)"), colors = new Map();
scheme.addEventListener("change", () => colors.clear());
function paint(name) {
  if (!colors.has(name)) {
    colors.set(name, getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim());
  }
  return colors.get(name);
}

function mixed(from, to, part) {
  const read = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const a = read(from), b = read(to);
  return a.map((value, i) => Math.round(value + (b[i] - value) * part));
}

// A signed value from −1 to 1 as a colour: that of the panel is 0.
function signed(value) {
  if (!Number.isFinite(value)) return [255, 0, 255];
  return mixed(paint("panel"), paint(value < 0 ? "minus" : "plus"), Math.min(Math.abs(value), 1));
}

function legend(text) {
  return element("p", { class: "soft" }, text);
}
