// The cases that went worst, slice by slice, with the outlines of reference and prediction.

function outlines(paths, kind) {
  return paths.map((path, i) => (path === "" ? null
    : svgElement("path", { d: path, class: kind, stroke: data.class_colours[i % data.class_colours.length] })));
}

function scoreText(run, id) {
  const rows = (run.scores?.rows ?? []).filter((row) => row.case === id);
  if (rows.length === 0) return "";
  const each = rows.map((row) => `${row.class} ${emptyText(row) || fixed(100 * row.dice, 1)}`);
  return `mean Dice ${fixed(100 * mean(rows.map((row) => row.dice)), 1)} % — ${each.join(", ")}`;
}

function caseFigure(run, one) {
  const { width, height, slices } = one;
  const picture = svgElement("svg", {
    viewBox: `0 0 ${width * one.pixel_aspect} ${height}`, role: "img",
  });
  const place = element("output", {});
  function show(number) {
    const slice = slices[number];
    const image = svgElement("image", {
      href: `data:image/png;base64,${slice.image}`, width, height, preserveAspectRatio: "none",
    });
    picture.replaceChildren(svgElement("g", { transform: `scale(${one.pixel_aspect} 1)` }, image,
      ...outlines(slice.reference, "reference").filter(Boolean),
      ...outlines(slice.prediction, "prediction").filter(Boolean)));
    const text = `slice ${slice.index + 1} of ${one.depth}`;
    picture.setAttribute("aria-label", `${one.case}, ${text}: image with outlines of reference and prediction`);
    slider.setAttribute("aria-valuetext", text);
    place.textContent = text;
  }
  const slider = element("input", {
    type: "range", min: 0, max: slices.length - 1, step: 1, value: Math.floor(slices.length / 2),
    "aria-label": `Slice of ${one.case}`, input: () => show(Number(slider.value)),
  });
  show(Number(slider.value));
  return element("figure", { class: "case" },
    element("figcaption", {}, one.case, element("small", {}, scoreText(run, one.case))),
    picture, element("div", { class: "slider" }, slider, place));
}

function showWorst(parent, run) {
  parent.replaceChildren();
  if (!run.worst) {
    parent.append(element("p", { class: "note" },
      "No slices: a run keeps those of its worst cases in worst_cases.json when it is done."));
    return;
  }
  const figures = element("div", { class: "cases" }, ...run.worst.cases.map((one) => caseFigure(run, one)));
  const toggle = (kind, key) => element("label", {},
    element("input", {
      type: "checkbox", checked: true,
      change: (event) => figures.classList.toggle(`without-${kind}`, !event.target.checked),
    }), kind, element("span", { class: key }));
  const colours = run.worst.classes.slice(1).map((name, i) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = data.class_colours[i % data.class_colours.length];
    return element("span", {}, swatch, name);
  });
  parent.append(
    element("p", { class: "note" },
      `The lowest mean Dice of the ${run.scores?.split ?? ""} split, n = ${run.worst.cases.length}. Slices with ` +
      "foreground, cut to it; move through them with the slider or the arrow keys."),
    element("p", { class: "controls" }, toggle("reference", "key dashed"), toggle("prediction", "key"), ...colours),
    figures);
}
