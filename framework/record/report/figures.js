// Figures drawn as SVG at the width that they have, so that their text keeps its size on a phone.

// draw(width) returns {height, nodes}; it is called again when the width changes.
function svgFigure(parent, { title, note, description, draw: paint }) {
  const holder = element("div", { class: "drawing" });
  parent.append(element("figure", {}, element("figcaption", {}, title, note ? element("small", {}, note) : null), holder));
  let last = 0;
  const update = () => {
    const width = Math.floor(holder.clientWidth);
    if (width === last || width === 0) return;
    last = width;
    const { height, nodes } = paint(width);
    holder.replaceChildren(svgElement("svg", {
      viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": description,
    }, ...nodes));
  };
  update();
  new ResizeObserver(update).observe(holder);
}

const svgText = (x, y, text, more = {}) => svgElement("text", { x, y, ...more }, text);

// Round steps, about `count` of them, from low to high.
function ticksOf(low, high, count = 5) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw);
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) {
    ticks.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  }
  return ticks;
}

const tickText = (value) => String(Number(value.toPrecision(6)));

// Returns the scale of these values to pixels, with a margin of 5 % on both sides; `zero`: 0 is inside.
function scaleOf(values, from, to, zero = false) {
  const known = [...values.filter(isNumber), ...(zero ? [0] : [])];
  let low = Math.min(...known), high = Math.max(...known);
  const margin = 0.05 * (high - low) || Math.abs(high) * 0.05 || 1;
  low -= margin;
  high += margin;
  const place = (value) => from + ((value - low) / (high - low)) * (to - from);
  return { place, ticks: ticksOf(low, high, Math.max(2, Math.round(Math.abs(to - from) / 50))) };
}

// Labels at the left of a figure take what they need, at most a third; longer ones are cut.
function labelColumn(labels, width) {
  const letter = 7;
  const column = Math.min(width / 3, Math.max(...labels.map((label) => label.length)) * letter + 12);
  const letters = Math.floor((column - 12) / letter);
  return { column, shown: labels.map((label) => (label.length > letters ? `${label.slice(0, letters - 1)}…` : label)) };
}

function horizontalAxis(scale, top, bottom, title, width) {
  return [
    ...scale.ticks.flatMap((value) => [
      svgElement("line", { x1: scale.place(value), x2: scale.place(value), y1: top, y2: bottom, class: value === 0 ? "zero" : "grid" }),
      svgText(scale.place(value), bottom + 16, tickText(value), { "text-anchor": "middle" }),
    ]),
    svgText(width / 2, bottom + 34, title, { "text-anchor": "middle", class: "axis" }),
  ];
}

// One row a label with marks; `paint(one, y, scale)` returns the marks of a row.
function rowsFigure(parent, { title, note, description, labels, values, zero, axis, marks }) {
  svgFigure(parent, {
    title, note, description,
    draw: (width) => {
      const step = 26, top = 8, bottom = top + step * labels.length;
      const { column, shown } = labelColumn(labels, width);
      const scale = scaleOf(values, column + 8, width - 16, zero);
      const rows = shown.flatMap((label, i) => {
        const y = top + step * (i + 0.5);
        return [svgText(column, y + 4, label, { "text-anchor": "end" }), ...marks(i, y, scale)];
      });
      return { height: bottom + 42, nodes: [...horizontalAxis(scale, top, bottom, axis, width + column), ...rows] };
    },
  });
}

const titled = (node, text) => { node.append(svgElement("title", {}, text)); return node; };
