// Puts the page together: what concerns all runs once, what concerns one run whenever it is chosen.

const byId = (id) => document.getElementById(id);

const meanText = (value, digits, factor) => (value ? fixed(value.mean === null ? null : factor * value.mean, digits) : kNone);

function figure(name, text, small) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, text, " ", element("small", {}, small)));
}

function showOneOverview(section, run) {
  const { method, backbone, dataset, labelled, seed } = run.facts;
  section.append(element("p", {},
    `${method} on ${dataset} with ${backbone}, ${labelled ?? kNone} labelled patients, seed ${seed ?? kNone}; ${run.status}.`));
  if (!run.summary) return;
  const { overall, cases } = run.summary;
  section.append(
    element("dl", { class: "figures" },
      ...Object.entries(kMetrics).map(([key, { name, unit: of, digits, factor }]) =>
        figure(name, meanText(overall[key], digits, factor), `${of ? `${of}, ` : ""}n = ${overall[key].count}`)),
      figure("missed", whole(overall.missed), `of ${overall.rows}`),
      figure("false positive", whole(overall.false_positive), `of ${overall.rows}`),
      figure("both empty", whole(overall.both_empty), `of ${overall.rows}`)),
    element("p", { class: "note" },
      `Means over ${cases} cases of the ${run.summary.split} split and ${run.summary.classes.length} classes; weights ` +
      `selected on: ${run.summary.selection_split}. ${whole(run.summary.iterations)} iterations, ` +
      `${fixed(run.summary.wall_seconds / 60, 1)} min in the last start.`));
}

const namesOf = (higher) => new Intl.ListFormat("en").format(
  Object.values(kMetrics).filter((one) => one.higher_is_better === higher).map(({ name }) => name));

function showOverview(section) {
  if (data.runs.length === 1) return showOneOverview(section, data.runs[0]);
  const overall = (run) => run.summary?.overall;
  const fact = (name, number) => ({ name, number, value: (run) => run.facts[name] });
  const metric = ([key, { name, unit: of, digits, factor }]) => ({
    name, unit: of, number: true, value: (run) => overall(run)?.[key].mean,
    show: (value, run) => meanText(overall(run)?.[key], digits, factor),
  });
  const count = (key) => ({ name: key.replace("_", " "), number: true, value: (run) => overall(run)?.[key] });
  section.append(table({
    caption: `Means over cases and classes; higher ${namesOf(true)}, lower ${namesOf(false)} are better`,
    columns: [
      fact("method"), fact("dataset"), fact("backbone"), fact("labelled", true), fact("seed", true),
      ...Object.entries(kMetrics).map(metric),
      { name: "cases", number: true, value: (run) => run.summary?.cases },
      count("missed"), count("false_positive"), count("both_empty"),
      { name: "selected on", value: (run) => run.summary?.selection_split },
      { name: "state", value: (run) => run.status },
      { name: "folder", value: (run) => run.name },
    ],
    rows: data.runs,
  }));
}

// "/somewhere/experiments/dataset/acdc.toml:2" → "dataset/acdc.toml:2"
const shortOrigin = (origin) => origin && origin.split("/").slice(-2).join("/").replace(/^experiments\//, "");

function showConfiguration(parent, run) {
  const rows = settingsOf(run);
  if (rows.length === 0) return parent.replaceChildren(element("p", { class: "note" }, "No config.toml."));
  const code = (value) => (value === null || value === undefined ? kNone : element("code", {}, value));
  const hasOrigins = rows.some((row) => row.origin);
  parent.replaceChildren(table({
    caption: `config.toml, ${rows.length} keys as they were resolved${hasOrigins ? " and the place that set each" : ""}`,
    columns: [
      { name: "key", value: (row) => row.key, show: code },
      { name: "value", value: (row) => row.value, show: code },
      hasOrigins ? { name: "set by", value: (row) => shortOrigin(row.origin), show: code } : null,
    ].filter(Boolean),
    rows,
  }));
}

function showProvenance(parent, run) {
  const text = (value) => {
    if (Array.isArray(value)) return value.join(" ");
    if (value && typeof value === "object") return Object.entries(value).map(([k, v]) => `${k}=${v}`).join(" ");
    return String(value);
  };
  const entries = Object.entries(run.provenance ?? {});
  parent.replaceChildren(element("dl", { class: "pairs" }, ...[["folder", run.folder], ...entries].flatMap(([name, value]) =>
    [element("dt", {}, name.replaceAll("_", " ")), element("dd", {}, element("code", {}, text(value) || kNone))])));
}

function showRun(key) {
  const run = data.runs[Number(key)];
  const parts = {
    training: showTraining, worst: showWorst, recorded: showRecorded,
    configuration: showConfiguration, provenance: showProvenance,
  };
  for (const [id, show] of Object.entries(parts)) show(byId(id).querySelector(".content"), run);
}

// Metrics that say what they mean stand before "missed, …", after those that the page defines itself.
function showDefinitions(list) {
  const next = [...list.querySelectorAll("dt")].find((term) => term.textContent.startsWith("missed")) ?? null;
  for (const { name, meaning, higher_is_better: higher } of Object.values(kMetrics)) {
    if (!meaning) continue;
    for (const node of [element("dt", {}, name), element("dd", {}, `${meaning}; ${higher ? "higher" : "lower"} is better.`)]) {
      list.insertBefore(node, next);
    }
  }
}

function showFrame() {
  byId("made").textContent = `Made ${data.made.replace("T", " ").replace("Z", " UTC")} from ` +
    (data.runs.length === 1 ? data.runs[0].folder : `${data.runs.length} runs`);
  byId("warnings").append(...warnings().map((text) => element("p", { class: "warning", role: "note" }, text)));
  byId("terms").textContent = scored.length === 0 ? "" : `Measured as ${distinct(scored.map(termsOf)).join("; ")} ` +
    "(definition, unit of distances, tolerance of the surface Dice, policy for empty classes, split).";
  showDefinitions(byId("definitions").querySelector("dl"));
  const policies = distinct(scored.map((run) => run.scores.empty_policy));
  const ofPolicy = {
    ignore: "A case without the class in both counts in no mean; other distances are left out and counted (policy ignore).",
    exclude: "They are left out of distances and counted (policy exclude).",
    reference: "Their distances count as 0, which flatters (policy reference).",
    definition: "They get what the definition gives them, which may be infinite or nothing (policy definition).",
  };
  byId("empty-policy").textContent = policies.map((policy) => ofPolicy[policy] ?? `Policy ${policy}.`).join(" ");
  byId("sections").append(element("ul", {}, ...[...document.querySelectorAll("section:not([hidden])")].map((section) =>
    element("li", {}, element("a", { href: `#${section.id}` }, section.querySelector("h2").textContent)))));
}

showOverview(byId("overview"));
showStatistics(byId("statistics"));
if (data.runs.length > 1) showComparison(byId("comparison"));
showScores(byId("scores"));
if (data.runs.length > 1) {
  byId("choice").append(selection("Details of run", data.runs.map((run) => [run.key, run.label]), showRun));
  byId("choice").hidden = false;
} else {
  showRun(data.runs[0].key);
}
showFrame();
