"use strict";

// Elements, numbers as text, and tables that sort.

const kSvg = "http://www.w3.org/2000/svg";

function withContent(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function element(name, attributes = {}, ...children) {
  return withContent(document.createElement(name), attributes, children);
}

function svgElement(name, attributes = {}, ...children) {
  return withContent(document.createElementNS(kSvg, name), attributes, children);
}

const kNone = "–";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const fixed = (value, digits) => (isNumber(value) ? value.toFixed(digits) : kNone);
const whole = (value) => (isNumber(value) ? new Intl.NumberFormat("en").format(value) : kNone);
const compactFormat = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const significant = (value) => {
  if (!isNumber(value)) return kNone;
  return value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : compactFormat.format(value);
};

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

// A column: {name, unit?, value: row => number or text, show?: value => text, number?: bool}. What has no value stands
// last, however the table is sorted.
function sortedRows(rows, column, descending) {
  const has = (row) => column.value(row) !== null && column.value(row) !== undefined;
  const present = rows.filter(has).sort((a, b) => compare(column.value(a), column.value(b)) * (descending ? -1 : 1));
  return [...present, ...rows.filter((row) => !has(row))];
}

function cell(row, column, isFirst) {
  const value = column.value(row);
  const content = column.show ? column.show(value, row) : (value ?? kNone);
  const attributes = { class: column.number ? "number" : "text", scope: isFirst ? "row" : null };
  return element(isFirst ? "th" : "td", attributes, content);
}

function table({ caption, columns, rows, sortBy = null, descending = false }) {
  const body = element("tbody");
  const heads = columns.map((column) => {
    const unit = column.unit ? element("small", {}, ` [${column.unit}]`) : null;
    const button = element("button", { type: "button", click: () => toggle(column) }, column.name, unit);
    return element("th", { scope: "col", class: column.number ? "number" : null, "aria-sort": "none" }, button);
  });
  let sorted = columns.find((column) => column.name === sortBy) ?? null;

  function fill() {
    const ordered = sorted ? sortedRows(rows, sorted, descending) : rows;
    body.replaceChildren(
      ...ordered.map((row) => element("tr", {}, ...columns.map((column, i) => cell(row, column, i === 0)))));
    heads.forEach((head, i) => {
      const direction = descending ? "descending" : "ascending";
      head.setAttribute("aria-sort", columns[i] === sorted ? direction : "none");
    });
  }
  function toggle(column) {
    descending = column === sorted ? !descending : false;
    sorted = column;
    fill();
  }
  fill();
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption), element("thead", {}, element("tr", {}, ...heads)), body));
}

// choose(value) is called at once and at each change.
function selection(label, options, choose) {
  const list = element("select", { change: () => choose(list.value) },
    ...options.map(([value, text]) => element("option", { value }, text)));
  choose(list.value);
  return element("label", {}, label, list);
}
