// Curves of what a run recorded. Names are paths with dots: "loss.total" is the series "total" of the chart "loss".

// Chart → [{label, name}]. A name that has others below it ("dice" beside "dice.LV") is their mean.
function chartsOf(names) {
  const groups = new Map();
  for (const name of names) {
    const hasOthersBelow = names.some((other) => other.startsWith(`${name}.`));
    const end = name.lastIndexOf(".");
    const chart = hasOthersBelow || end < 0 ? name : name.slice(0, end);
    const label = hasOthersBelow ? "mean" : name.slice(end + 1);
    groups.set(chart, [...(groups.get(chart) ?? []), { label, name }]);
  }
  return groups;
}

const pointsOf = (curves, name, factor = 1) => curves.steps.map((step, i) => {
  const value = curves.values[name][i];
  return { x: step, y: isNumber(value) ? factor * value : null };
});

// Scores are shown in the units of the tables.
const scoreOf = (chart) => kMetrics[chart] ?? { name: chart, unit: null, factor: 1 };
const scoreTitle = (chart) => `Validation ${withUnit(scoreOf(chart).name, scoreOf(chart).unit)}`;

const headOf = (chart) => chart.split(".")[0];

// The row of a validation holds scores and numbers of the method's state.
const isScore = (chart) => headOf(chart) in kMetrics;

const isLoss = (chart) => chart === "loss" || chart.startsWith("loss.");

function addCurves(parent, curves, { wanted = () => true, note = null, title = null, factor = () => 1 }) {
  for (const [chart, lines] of chartsOf(Object.keys(curves.values))) {
    if (!wanted(chart)) continue;
    const series = lines.map(({ label, name }) => ({ label, points: pointsOf(curves, name, factor(chart)) }));
    lineChart(parent, { title: title ? title(chart) : lines.length === 1 ? lines[0].name : chart, note, series });
  }
}

function thinned(curves) {
  return curves.every > 1 ? `one row of ${curves.every}, and the last` : null;
}

function showTraining(parent, run) {
  clearCharts(parent);
  if (!run.metrics) {
    parent.append(element("p", { class: "note" }, "No rows yet: metrics.jsonl is missing."));
    return;
  }
  const { stages, training, validation } = run.metrics;
  const spans = stages.map(({ name, first, last }) => `${name} ${whole(first)}–${whole(last)}`);
  parent.append(element("p", { class: "note" }, `Stages and their iterations: ${spans.join(", ") || "none yet"}.`));
  const charts = element("div", { class: "charts" });
  parent.append(charts);
  addCurves(charts, training, { wanted: isLoss, note: thinned(training), title: () => "Losses of the global batch" });
  if (validation) {
    addCurves(charts, validation, {
      wanted: isScore,
      note: `${validation.split} split${validation.split === "test" ? ": selection on test" : ""}`,
      title: scoreTitle,
      factor: (chart) => scoreOf(chart).factor,
    });
  }
}

// Everything else, under the first part of its names: numbers of steps, then those of validations.
function showRecorded(parent, run) {
  clearCharts(parent);
  const { training, validation } = run.metrics ?? {};
  const chartsIn = (curves) => [...chartsOf(Object.keys(curves?.values ?? {})).keys()];
  const recorded = [
    ...chartsIn(training).filter((chart) => !isLoss(chart)), ...chartsIn(validation).filter((chart) => !isScore(chart)),
  ];
  const heads = distinct(recorded.map(headOf));
  for (const head of heads) {
    const charts = element("div", { class: "charts" });
    parent.append(element("h3", {}, head), charts);
    const wanted = (chart) => headOf(chart) === head;
    if (training) addCurves(charts, training, { wanted, note: thinned(training) });
    if (validation) addCurves(charts, validation, { wanted: (chart) => wanted(chart) && !isScore(chart), note: "at validations" });
  }
  if (heads.length === 0) parent.append(element("p", { class: "note" }, "Nothing beside the losses."));
}

// The first series of each run's validation and its total loss, side by side.
function showComparison(section) {
  const charts = section.querySelector(".charts");
  const line = (kind, name, factor) => data.runs
    .filter((run) => run.metrics?.[kind]?.values[name])
    .map((run) => ({ label: run.label, group: run.arm, points: pointsOf(run.metrics[kind], name, factor) }));
  const validated = data.runs.find((run) => run.metrics?.validation);
  const score = validated && Object.keys(validated.metrics.validation.values)[0];
  if (score) {
    lineChart(charts, {
      title: scoreTitle(score), note: "mean over classes", series: line("validation", score, scoreOf(score).factor),
    });
  }
  lineChart(charts, { title: "Total loss", note: "not comparable between methods", series: line("training", "loss.total") });
  section.hidden = charts.childElementCount === 0;
}
