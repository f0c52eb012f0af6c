// The runs: settings, names, scores in one list, and the reasons to doubt a number.

const data = JSON.parse(document.getElementById("data").textContent);

// The lines of config.toml: {key: "method.name", value, origin}.
function settingsOf(run) {
  const settings = [];
  let section = "";
  for (const line of (run.config ?? "").split("\n")) {
    const head = line.match(/^\[(.+)\]$/);
    if (head) section = `${head[1]}.`;
    const entry = line.match(/^([^\s=]+|"[^"]*") = (.*?)(?: {2}# ([^"]*))?$/);
    if (entry) settings.push({ key: section + entry[1], value: entry[2], origin: entry[3] ?? null });
  }
  return settings;
}

// Returns the summary of a run or, before it is done, the facts in its configuration.
function factsOf(run) {
  if (run.summary) return run.summary;
  const settings = new Map(settingsOf(run).map(({ key, value }) => [key, value.replace(/^"(.*)"$/, "$1")]));
  return {
    method: settings.get("method.name") ?? "unknown",
    backbone: settings.get("backbone.name") ?? "unknown",
    dataset: settings.get("dataset.name") ?? "unknown",
    labelled: settings.get("labelled") ?? null,
    seed: settings.get("seed") ?? null,
  };
}

for (const run of data.runs) run.facts = factsOf(run);

const distinct = (values) => [...new Set(values)];
const differs = (name) => distinct(data.runs.map((run) => String(run.facts[name]))).length > 1;

// Runs of one arm differ in their seed only; an arm is named by what tells it from the others.
for (const run of data.runs) {
  const { method, dataset, backbone, labelled } = run.facts;
  run.arm = method;
  if (differs("dataset")) run.arm += ` on ${dataset}`;
  if (differs("labelled")) run.arm += `, ${labelled} labelled`;
  if (differs("backbone")) run.arm += `, ${backbone}`;
  run.label = data.runs.length === 1 ? run.arm : `${run.arm}, seed ${run.facts.seed}`;
}
for (const run of data.runs) {
  if (data.runs.some((other) => other !== run && other.label === run.label)) run.label = run.name;
}
data.runs.sort((a, b) => compare(a.arm, b.arm) || compare(a.facts.seed ?? "", b.facts.seed ?? ""));
data.runs.forEach((run, i) => { run.key = String(i); });

const arms = distinct(data.runs.map((run) => run.arm));
const scores = data.runs.flatMap((run) => (run.scores?.rows ?? []).map((row) => ({ ...row, run })));
const classes = distinct(scores.map((row) => row.class));
const scored = data.runs.filter((run) => run.scores);
const unit = distinct(scored.map((run) => run.scores.unit)).join(" or ") || "voxel";

// Key in rows and summaries → how it is shown.
const kMetrics = Object.fromEntries(data.metrics.map(({ key, title, unit: kind, ...more }) =>
  [key, { name: title, unit: kind === "distance" ? unit : kind, ...more }]));

const withUnit = (name, of) => (of ? `${name} [${of}]` : name);

const termsOf = ({ scores: s }) =>
  `${s.definition}, ${s.unit}, tolerance ${s.tolerance} ${s.unit}, ${s.empty_policy}, ${s.split} split`;

function warnings() {
  const texts = [];
  const onTest = data.runs.filter(
    (run) => run.scores?.selected_on_test || run.metrics?.validation?.split === "test");
  if (onTest.length > 0) {
    texts.push(`Weights were selected on the test split, so their test scores flatter: ${
      onTest.map((run) => run.label).join("; ")}.`);
  }
  const terms = distinct(scored.map(termsOf));
  if (terms.length > 1) texts.push(`Scores must not be compared, their terms differ: ${terms.join(" | ")}.`);
  const prepared = data.runs.filter((run) => run.summary?.label_based_preparation);
  if (prepared.length > 0) texts.push("The data set was prepared with a look at its labels (cropped to them).");
  for (const run of data.runs) {
    if (run.status !== "done") texts.push(`${run.label} is not done (${run.status}); what there is of it is shown.`);
  }
  return texts;
}
