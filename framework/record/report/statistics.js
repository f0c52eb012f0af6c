// What the numbers are worth: the lines of the table of the program (`semiseg table --json`) as figures.

const statistics = data.statistics ?? { lines: [], patients: [] };
const mainMetric = statistics.lines[0]?.metric;
const mainLines = statistics.lines.filter((line) => line.metric === mainMetric && !line.part);
const mainTitle = mainMetric ? withUnit(kMetrics[mainMetric].name, kMetrics[mainMetric].unit) : "";

const sectionOf = (line) => [line.dataset, line.split, line.definition, line.unit, line.tolerance, line.empty_policy, line.cases].join(", ");
const groupOf = (line) => [sectionOf(line), line.labelled, line.selected_on_test].join(", ");
const rowOf = (line) => [groupOf(line), line.method, line.backbone].join(", ");

// One line a row: values do not depend on the reference.
const rowsOnly = (lines) => lines.filter((line, i) => lines.findIndex((other) => rowOf(other) === rowOf(line)) === i);

function groupTitle(line) {
  const many = distinct(mainLines.map((one) => one.dataset)).length > 1;
  return `${many ? `${line.dataset}, ` : ""}${line.labelled} labelled${line.selected_on_test === "yes" ? ", selected on test" : ""}`;
}

const intervalText = (interval, digits = 2) =>
  (interval && isNumber(interval[0]) ? `${fixed(interval[0], digits)} to ${fixed(interval[1], digits)}` : kNone);

function forestPlot(parent, lines) {
  const compared = lines.filter((line) => line.against && isNumber(line.difference));
  if (compared.length === 0) return;
  const several = distinct(compared.map((line) => line.against)).length > 1;
  const labels = compared.map((line) => (several ? `${line.method} − ${line.against}` : line.method));
  const ends = compared.flatMap((line) => [line.difference, ...(line.two_way ?? []), ...(line.difference_t ?? [])]);
  rowsFigure(parent, {
    title: `Difference of ${mainTitle}, ${groupTitle(compared[0])}`,
    note: `${several ? "" : `against ${compared[0].against}; `}thin: 95 % over patients (t), thick: over runs and patients`,
    description: compared.map((line, i) => `${labels[i]} ${fixed(line.difference, 2)}, ${intervalText(line.two_way)}, ${line.verdict}`).join("; "),
    labels, values: ends, zero: true, axis: `difference of ${mainTitle}`,
    marks: (i, y, scale) => {
      const line = compared[i];
      const bar = (interval, name) => (interval && isNumber(interval[0])
        ? [svgElement("line", { x1: scale.place(interval[0]), x2: scale.place(interval[1]), y1: y, y2: y, class: name })] : []);
      const decided = line.verdict === "better" || line.verdict === "worse";
      return [
        ...bar(line.two_way, "thick"), ...bar(line.difference_t, "thin"),
        titled(svgElement("circle", { cx: scale.place(line.difference), cy: y, r: 5, class: decided ? "decided" : "open" }),
          `${labels[i]}: ${fixed(line.difference, 2)} (${intervalText(line.two_way)}), ${line.verdict}`),
      ];
    },
  });
}

function barFigure(parent, lines, key, { title, note, axis, digits }) {
  const known = lines.filter((line) => isNumber(line[key]));
  if (known.length === 0) return;
  rowsFigure(parent, {
    title: `${title}, ${groupTitle(known[0])}`, note, axis, zero: true,
    description: known.map((line) => `${line.method} ${fixed(line[key], digits)}`).join("; "),
    labels: known.map((line) => line.method), values: known.map((line) => line[key]),
    marks: (i, y, scale) => {
      const at = scale.place(known[i][key]), zero = scale.place(0);
      return [titled(svgElement("rect", { x: Math.min(at, zero), width: Math.abs(at - zero), y: y - 8, height: 16, class: "bar" }),
        `${known[i].method}: ${fixed(known[i][key], digits)}`)];
    },
  });
}

// Columns are patients, from the hardest to the easiest.
function heatMap(parent, lines) {
  const rows = lines.map((line) => ({ line, values: statistics.patients.find((one) => rowOf(one) === rowOf(line))?.values ?? {} }))
    .filter(({ values }) => Object.keys(values).length > 0);
  if (rows.length === 0) return;
  const names = distinct(rows.flatMap(({ values }) => Object.keys(values)));
  const average = (name) => mean(rows.map(({ values }) => values[name]).filter(isNumber));
  const better = kMetrics[mainMetric].higher_is_better ? 1 : -1;
  names.sort((a, b) => better * (average(a) - average(b)) || compare(a, b));
  const all = rows.flatMap(({ values }) => Object.values(values)).filter(isNumber);
  const low = Math.min(...all), high = Math.max(...all);
  svgFigure(parent, {
    title: `${mainTitle} of each patient, ${groupTitle(rows[0].line)}`,
    note: `mean over runs; hardest patients at the left, ${fixed(low, 1)} light to ${fixed(high, 1)} dark`,
    description: `Patients from ${names[0]} to ${names.at(-1)}; values from ${fixed(low, 1)} to ${fixed(high, 1)}`,
    draw: (width) => {
      const step = 26;
      const { column, shown } = labelColumn(rows.map(({ line }) => line.method), width);
      const cell = (width - column - 12) / names.length;
      const nodes = rows.flatMap(({ line, values }, i) => [
        svgText(column, step * i + 18, shown[i], { "text-anchor": "end" }),
        ...names.map((name, p) => titled(svgElement("rect", {
          x: column + 8 + cell * p, y: step * i + 1, width: Math.max(1, cell - 1), height: step - 2, class: isNumber(values[name]) ? "heat" : "absent",
          "fill-opacity": isNumber(values[name]) ? 0.08 + 0.92 * ((values[name] - low) / (high - low || 1)) : 1,
        }), `${line.method}, ${name}: ${fixed(values[name], 2)}`)),
      ]);
      const y = step * rows.length + 16;
      const ends = cell * names.length < 160 ? [] : [
        svgText(column + 8, y, names[0]), svgText(column + 8 + cell * names.length, y, names.at(-1), { "text-anchor": "end" })];
      return { height: y + 8, nodes: [...nodes, ...ends] };
    },
  });
}

// Rows of one section over the number of labelled patients.
function labelCurve(parent, lines) {
  const counts = distinct(lines.map((line) => line.labelled)).sort((a, b) => a - b);
  if (counts.length < 2) return;
  const methods = distinct(lines.map((line) => line.method));
  const ends = lines.flatMap((line) => [line.mean, ...(line.interval ?? [])]);
  svgFigure(parent, {
    title: `${mainTitle} over labelled patients`, note: "mean over patients with its 95 % interval",
    description: lines.map((line) => `${line.method} with ${line.labelled}: ${fixed(line.mean, 2)}, ${intervalText(line.interval)}`).join("; "),
    draw: (width) => {
      const left = 48, bottom = 220;
      const y = scaleOf(ends, bottom, 10);
      const x = (count, m) => left + 24 + (counts.indexOf(count) / (counts.length - 1)) * (width - left - 64) + 5 * (m - (methods.length - 1) / 2);
      const grid = y.ticks.flatMap((value) => [
        svgElement("line", { x1: left, x2: width - 8, y1: y.place(value), y2: y.place(value), class: "grid" }),
        svgText(left - 6, y.place(value) + 4, tickText(value), { "text-anchor": "end" })]);
      const marks = methods.flatMap((method, m) => {
        const own = lines.filter((line) => line.method === method && isNumber(line.mean)).sort((a, b) => a.labelled - b.labelled);
        const style = `stroke: var(--series-${(m % 8) + 1}); fill: var(--series-${(m % 8) + 1})`;
        return [
          svgElement("polyline", { points: own.map((line) => `${x(line.labelled, m)},${y.place(line.mean)}`).join(" "), class: "curve", style }),
          ...own.flatMap((line) => [
            ...(line.interval && isNumber(line.interval[0]) ? [svgElement("line", {
              x1: x(line.labelled, m), x2: x(line.labelled, m), y1: y.place(line.interval[0]), y2: y.place(line.interval[1]), style })] : []),
            titled(svgElement("circle", { cx: x(line.labelled, m), cy: y.place(line.mean), r: 4, style }),
              `${method}, ${line.labelled} labelled: ${fixed(line.mean, 2)} (${intervalText(line.interval)})`)]),
        ];
      });
      const legend = methods.map((method, m) => svgText(left + 4, bottom + 58 + 18 * m, `● ${method}`,
        { style: `fill: var(--series-${(m % 8) + 1})` }));
      const axis = counts.map((count) => svgText(x(count, (methods.length - 1) / 2), bottom + 16, count, { "text-anchor": "middle" }));
      return { height: bottom + 48 + 18 * methods.length, nodes: [...grid, ...axis, ...marks, ...legend,
        svgText((left + width) / 2, bottom + 34, "labelled patients", { "text-anchor": "middle", class: "axis" })] };
    },
  });
}

function showStatistics(section) {
  const known = rowsOnly(mainLines).filter((line) => isNumber(line.mean) && line.patients > 0);
  section.hidden = known.length === 0;
  if (section.hidden) return;
  const charts = element("div", { class: "charts" });
  for (const text of statistics.warnings) section.append(element("p", { class: "note" }, text));
  section.append(element("p", { class: "note" },
    "Patients are the sample. A method is better or worse when its Holm-adjusted signed-rank p is below 0.05 and the interval over " +
    "runs and patients excludes 0; filled points are decided so."), charts);
  for (const group of distinct(known.map(groupOf))) {
    const rows = known.filter((line) => groupOf(line) === group);
    forestPlot(charts, mainLines.filter((line) => groupOf(line) === group));
    barFigure(charts, rows, "p_first", { title: "Probability of rank 1", note: "over resampled patients", axis: "probability", digits: 2 });
    heatMap(charts, rows);
    barFigure(charts, rows, "selection_gap", {
      title: `Selected − last weights, ${mainTitle}`, note: "mean over runs, on the evaluated split", axis: `gap of ${mainTitle}`, digits: 2 });
  }
  for (const name of distinct(known.map(sectionOf))) labelCurve(charts, known.filter((line) => sectionOf(line) === name));
  section.append(table({
    caption: `${mainTitle}: mean over patients, 95 % interval, comparison`,
    columns: [
      { name: "labelled", number: true, value: (line) => line.labelled },
      { name: "method", value: (line) => line.method }, { name: "backbone", value: (line) => line.backbone },
      { name: "runs", number: true, value: (line) => line.runs }, { name: "patients", number: true, value: (line) => line.patients },
      ...[["mean", "mean"], ["std_seeds", "± seeds"], ["std_patients", "± patients"]].map(([key, title]) => (
        { name: title, number: true, value: (line) => line[key], show: (value) => fixed(value, 2) })),
      { name: "95 % interval", value: (line) => line.interval?.[0], show: (_, line) => intervalText(line.interval) },
      { name: "against", value: (line) => line.against },
      { name: "difference", number: true, value: (line) => line.difference, show: (value) => fixed(value, 2) },
      { name: "Holm p", number: true, value: (line) => line.holm_p, show: significant },
      { name: "verdict", value: (line) => line.verdict },
    ],
    rows: mainLines,
  }));
}
