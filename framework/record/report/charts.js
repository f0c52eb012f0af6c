// Plots by Chart.js in the colours of the style sheet. Each says its numbers in a table too.

const drawn = new Map();  // canvas → how to make its chart

const styleColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const seriesColour = (index) => styleColour(`--series-${(index % 8) + 1}`);

function draw(canvas) {
  Chart.getChart(canvas)?.destroy();
  Chart.defaults.color = styleColour("--quiet");
  Chart.defaults.borderColor = styleColour("--line");
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.animation = false;
  Chart.defaults.maintainAspectRatio = false;
  new Chart(canvas, drawn.get(canvas)());
}

// Colours are drawn, not styled: they change with the scheme only when drawn again.
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [...drawn.keys()].forEach(draw));

function clearCharts(parent) {
  for (const canvas of parent.querySelectorAll("canvas")) {
    Chart.getChart(canvas)?.destroy();
    drawn.delete(canvas);
  }
  parent.replaceChildren();
}

function addChart(parent, { title, note, description, numbers, configuration, className = "chart" }) {
  const canvas = element("canvas", { role: "img", "aria-label": description });
  parent.append(element("figure", { class: className },
    element("figcaption", {}, title, note ? element("small", {}, note) : null),
    element("div", { class: "canvas" }, canvas), numbers));
  drawn.set(canvas, configuration);
  draw(canvas);
}

function extremes({ points }) {
  const known = points.filter(({ y }) => isNumber(y));
  const by = (better) => known.reduce((best, point) => (better(point.y, best.y) ? point : best), known[0]);
  return { first: known[0], last: known.at(-1), lowest: by((a, b) => a < b), highest: by((a, b) => a > b) };
}

function numbersOf(title, series) {
  const rows = series.map((one) => ({ label: one.label, ...extremes(one) }));
  const column = (name) => ({
    name,
    number: true,
    value: (row) => row[name]?.y,
    show: (value, row) => (isNumber(value) ? `${significant(value)} at ${whole(row[name].x)}` : kNone),
  });
  return element("details", {}, element("summary", {}, "Numbers"), table({
    caption: `${title}: values and the iterations they stand at`,
    columns: [{ name: "series", value: (row) => row.label }, ...["first", "last", "lowest", "highest"].map(column)],
    rows,
  }));
}

// Series that end more than 20 times apart are read on a logarithmic axis only.
function isWide(known) {
  const last = known.map((one) => extremes(one).last.y);
  return Math.max(...last) > 20 * Math.min(...last) && known.every((one) => extremes(one).lowest.y > 0);
}

// Series of one group share a colour and a place in the legend.
function legendOf(known, groups) {
  const labels = { boxWidth: 18, boxHeight: 2 };
  if (groups.length === known.length) return { position: "bottom", display: known.length > 1, labels };
  labels.generateLabels = () => groups.map((text, i) => ({
    text, fillStyle: seriesColour(i), strokeStyle: seriesColour(i), fontColor: styleColour("--quiet"),
  }));
  return { position: "bottom", labels, onClick: () => {} };
}

// series: [{label, group?, points: [{x: iteration, y: number or null}]}]
function lineChart(parent, { title, note, series }) {
  const known = series.filter(({ points }) => points.some(({ y }) => isNumber(y)));
  if (known.length === 0) return;
  const groups = distinct(known.map(({ label, group }) => group ?? label));
  const configuration = () => ({
    type: "line",
    data: {
      datasets: known.map(({ label, group, points }) => ({
        label,
        data: points,
        borderColor: seriesColour(groups.indexOf(group ?? label)),
        backgroundColor: seriesColour(groups.indexOf(group ?? label)),
        borderWidth: 1.5,
        borderDash: groups.indexOf(group ?? label) < 8 ? [] : [6, 3],
        pointRadius: points.length > 60 ? 0 : 2.5,
        spanGaps: true,
      })),
    },
    options: {
      parsing: false,
      interaction: { mode: "nearest", axis: "x", intersect: false },
      scales: {
        x: { type: "linear", title: { display: true, text: "iteration" }, ticks: { maxRotation: 0, callback: whole } },
        y: { type: isWide(known) ? "logarithmic" : "linear", ticks: { callback: significant } },
      },
      plugins: {
        legend: legendOf(known, groups),
        tooltip: { callbacks: { title: ([item]) => `iteration ${whole(item.parsed.x)}` } },
      },
    },
  });
  const ends = known.map((one) => `${one.label} ${significant(extremes(one).last.y)}`).join(", ");
  addChart(parent, {
    note: [note, isWide(known) ? "logarithmic" : null].filter(Boolean).join(", "),
    title, configuration, numbers: numbersOf(title, known),
    description: `${title} over iterations; at the end: ${ends}`,
  });
}
