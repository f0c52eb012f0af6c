// Scores of cases: key figures, distributions by class and method, and the table of all cases.

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function deviation(values) {
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

// Linear between neighbours; `ordered` ascends.
function quantile(ordered, part) {
  const place = part * (ordered.length - 1), low = Math.floor(place), high = Math.ceil(place);
  return ordered[low] + (place - low) * (ordered[high] - ordered[low]);
}

function statisticsOf(rows, metric) {
  const { factor, mean_of_absolute: absolute } = kMetrics[metric];
  const values = rows.map((row) => row[metric]).filter(isNumber)
    .map((value) => factor * (absolute ? Math.abs(value) : value)).sort((a, b) => a - b);
  const count = (flag) => rows.filter((row) => row[flag]).length;
  const result = {
    values, n: values.length,
    missed: count("missed"), false_positive: count("false_positive"), both_empty: count("both_empty"),
  };
  if (values.length === 0) return result;
  const [q1, median, q3] = [0.25, 0.5, 0.75].map((part) => quantile(values, part));
  const reach = 1.5 * (q3 - q1);
  return {
    ...result, q1, median, q3, mean: mean(values), deviation: values.length > 1 ? deviation(values) : null,
    low: values.find((value) => value >= q1 - reach), high: values.findLast((value) => value <= q3 + reach),
  };
}

const emptyText = (row) =>
  (row.missed ? "missed" : row.false_positive ? "false positive" : row.both_empty ? "both empty" : "");

// One {arm, class, …statistics} for each class and arm.
function distributions(metric) {
  return classes.flatMap((name) => arms.map((arm) => ({
    arm, class: name,
    ...statisticsOf(scores.filter((row) => row.class === name && row.run.arm === arm), metric),
  })));
}

// Boxes and whiskers are floating bars, the median and the cases are points.
function boxDatasets(all, width) {
  return arms.flatMap((arm, a) => {
    const colour = seriesColour(a);
    const boxes = all.filter((one) => one.arm === arm && one.n > 0).map((one) => ({
      ...one, x: classes.indexOf(one.class) + ((a + 0.5) / arms.length - 0.5) * 0.8,
    }));
    const bars = (label, thickness, low, high, more) => ({
      type: "bar", label, grouped: false, barThickness: thickness,
      data: boxes.map((one) => ({ x: one.x, y: [one[low], one[high]] })), ...more,
    });
    return [
      { type: "scatter", label: arm, order: 1, pointRadius: 2.5, backgroundColor: `${colour}a0`, borderWidth: 0,
        // Side by side in a fixed pattern, so that equal values can be told apart.
        data: boxes.flatMap((one) => one.values.map(
          (y, i) => ({ x: one.x + (((i * 0.618) % 1) - 0.5) * 0.3 / arms.length, y }))) },
      { type: "scatter", label: "median", order: 0, pointStyle: "line", pointRadius: width / 2, borderWidth: 3,
        borderColor: styleColour("--ink"), data: boxes.map((one) => ({ x: one.x, y: one.median })) },
      bars("quartiles", width, "q1", "q3", { order: 2, backgroundColor: `${colour}40`, borderColor: colour,
        borderWidth: 1.5, borderSkipped: false }),
      bars("whiskers", 1.5, "low", "high", { order: 3, backgroundColor: colour }),
    ];
  });
}

function showDistribution(parent, metric) {
  clearCharts(parent);
  const { name, unit: of, digits, mean_of_absolute: absolute } = kMetrics[metric];
  const axis = withUnit(name, of);
  const notes = [arms.length < data.runs.length ? "cases of all seeds together" : null, absolute ? "absolute values" : null];
  const all = distributions(metric);
  const columns = ["mean", "deviation", "median", "q1", "q3"].map((key) => ({
    name: { deviation: "± sd", q1: "1st quartile", q3: "3rd quartile" }[key] ?? key,
    number: true, value: (row) => row[key], show: (value) => fixed(value, digits),
  }));
  const counts = ["n", "missed", "false_positive", "both_empty"].map((key) => ({
    name: key.replace("_", " "), number: true, value: (row) => row[key],
  }));
  addChart(parent, {
    className: "distribution",
    title: withUnit(`${name} of cases by class${arms.length > 1 ? " and method" : ""}`, of),
    note: notes.filter(Boolean).join(", ") || null,
    description: `${name} by class: ${all.filter((one) => one.n > 0).map(
      (one) => `${one.class}, ${one.arm}: median ${fixed(one.median, digits)} ${of ?? ""}, n ${one.n}`).join("; ")}`,
    numbers: null,
    configuration: () => ({
      type: "scatter",
      data: { datasets: boxDatasets(all, Math.max(6, Math.min(44, parent.clientWidth * 0.45 / (classes.length * arms.length)))) },
      options: {
        scales: {
          x: { type: "linear", offset: false, min: -0.5, max: classes.length - 0.5, grid: { display: false },
            ticks: { stepSize: 1, autoSkip: false, maxRotation: 0, callback: (value) => classes[value] ?? "" },
            afterBuildTicks: (axis) => { axis.ticks = classes.map((_, value) => ({ value })); } },
          y: { beginAtZero: false, title: { display: true, text: axis } },
        },
        plugins: {
          legend: { display: arms.length > 1, position: "bottom", labels: { usePointStyle: true, filter: (item) => arms.includes(item.text) },
            onClick: () => {} },
          tooltip: { filter: (item) => item.dataset.type === "scatter", callbacks: {
            label: (item) => `${item.dataset.label}: ${fixed(item.parsed.y, digits)} ${of ?? ""}` } },
        },
      },
    }),
  });
  parent.append(table({
    caption: `${axis} over cases`,
    columns: [{ name: "class", value: (row) => row.class }, { name: "method", value: (row) => row.arm }, ...columns, ...counts],
    rows: all,
  }));
}

function caseColumns() {
  const many = data.runs.length > 1;
  const metric = (key) => ({
    name: kMetrics[key].name, unit: kMetrics[key].unit, number: true, value: (row) => row[key],
    show: (value) => (isNumber(value) ? fixed(kMetrics[key].factor * value, kMetrics[key].digits) : kNone),
  });
  const count = (name, key) => ({ name, unit: "voxel", number: true, value: (row) => row[key], show: whole });
  return [
    { name: "case", value: (row) => row.case },
    many ? { name: "run", value: (row) => row.run.label } : null,
    { name: "patient", value: (row) => row.patient },
    scores.some((row) => row.centre) ? { name: "centre", value: (row) => row.centre } : null,
    { name: "class", value: (row) => row.class },
    ...Object.keys(kMetrics).map(metric),
    count("reference", "reference_voxels"), count("prediction", "prediction_voxels"),
    { name: "empty", value: (row) => emptyText(row) || null, show: (value) => value ?? "" },
  ].filter(Boolean);
}

function showCases(parent, wantedClass, wantedRun) {
  const rows = scores.filter((row) => (wantedClass === "" || row.class === wantedClass) &&
    (wantedRun === "" || row.run.key === wantedRun));
  parent.replaceChildren(table({
    caption: `${whole(rows.length)} rows, a case and class each; the lowest Dice first`,
    columns: caseColumns(), rows, sortBy: "Dice",
  }));
}

function showScores(section) {
  if (scores.length === 0) {
    section.append(element("p", { class: "note" }, "Nothing is measured yet: cases.csv comes at the end of a run."));
    return;
  }
  const plot = element("div"), list = element("div");
  section.append(element("p", { class: "controls" }));
  section.lastChild.after(plot);
  section.querySelector(".controls").append(
    selection("Metric", Object.entries(kMetrics).map(([key, { name }]) => [key, name]), (key) => showDistribution(plot, key)));
  let wantedClass = "", wantedRun = "";
  const update = () => showCases(list, wantedClass, wantedRun);
  const filters = element("p", { class: "controls" },
    selection("Class", [["", "all"], ...classes.map((name) => [name, name])], (name) => { wantedClass = name; update(); }),
    scored.length > 1
      ? selection("Run", [["", "all"], ...scored.map((run) => [run.key, run.label])], (name) => { wantedRun = name; update(); })
      : null);
  section.append(element("h3", {}, "Cases"), filters, list);
}
