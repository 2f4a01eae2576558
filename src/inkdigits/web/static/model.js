// What the reader is: figures, confusion matrix, calibration, mistakes, recipe.
import * as backend from "./backend.js";
import { bytesOf, paintGlyph } from "./details.js";
import { draw, make } from "./dom.js";
import { T, percent } from "./strings.js";

const MISTAKES = 12;
const exact = (share) => `${(100 * share).toFixed(2)}\u00a0%`;

/** Fill the view; what is known depends on whether there is a report. */
export async function showModel(place) {
  const model = await backend.model();
  const { report } = model;
  const parts = [heading(model), figures(model, report)];
  if (report) parts.push(make("div", { className: "halves" }, confusion(report, model.labels), reliability(report)));
  else parts.push(make("p", { className: "card quiet", textContent: T.model_no_report }));
  if (report?.mistakes.some(({ glyph }) => glyph)) parts.push(mistakes(report, model.labels));
  parts.push(recipe(model));
  place.replaceChildren(...parts);
}

const heading = (model) =>
  make(
    "div",
    { className: "heading" },
    make("h2", { textContent: T.model_title }),
    make("p", { className: "quiet", textContent: `${T.version(model.version)} · ${model.licence} · ${model.artifact.slice(0, 16)}` }),
  );

function figures(model, report) {
  const all = [];
  if (report) {
    const [low, high] = report.accuracy_interval;
    const wrong = report.images - report.right;
    all.push([T.model_accuracy, exact(report.accuracy), T.model_interval(exact(low), exact(high), wrong, report.images.toLocaleString("en"))]);
    all.push([T.model_calibration, exact(report.calibration.expected_error), T.model_calibration_of]);
    all.push([T.model_accepted, exact(report.accepted), T.model_accepted_of]);
  }
  const { validation, recipe: of } = model;
  if (validation.images) all.push([T.model_validation, exact(validation.accuracy), T.model_validation_of(validation.images.toLocaleString("en"))]);
  all.push([T.model_parameters, model.parameters.toLocaleString("en"), T.model_parameters_of(of.name, model.dataset)]);
  const cards = all.map(([name, value, about]) =>
    make("div", { className: "card figure" }, make("span", { className: "quiet", textContent: name }), make("b", { textContent: value }), make("span", { className: "quiet", textContent: about })),
  );
  return make("div", { className: "grid" }, ...cards);
}

const titled = (title, about, ...inside) =>
  make("section", { className: "card stacked" }, make("h2", { textContent: title }), about ? make("p", { className: "quiet", textContent: about }) : null, ...inside);

function confusion(report, labels) {
  const head = make("tr", {}, make("td"), ...labels.map((label) => make("th", { scope: "col", textContent: label })));
  const rows = report.confusion_matrix.map((counts, row) => {
    const cells = counts.map((count, column) =>
      make("td", { textContent: count || "", className: row === column ? "right-cell" : count ? "wrong-cell" : "" }),
    );
    return make("tr", {}, make("th", { scope: "row", textContent: labels[row] }), ...cells);
  });
  const table = make("table", { className: "matrix" }, make("thead", {}, head), make("tbody", {}, ...rows));
  return titled(T.model_confusion, T.model_confusion_about, table);
}

function reliability(report) {
  const side = 300;
  const svg = draw("svg", { class: "plot", viewBox: `-34 -8 ${side + 42} ${side + 36}`, role: "img", "aria-label": T.model_reliability });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const at = side * (1 - share);
    svg.append(draw("line", { x1: 0, x2: side, y1: at, y2: at }), draw("line", { y1: 0, y2: side, x1: at, x2: at }));
    const across = draw("text", { x: side * share, y: side + 18, "text-anchor": "middle" });
    const up = draw("text", { x: -8, y: at + 4, "text-anchor": "end" });
    across.textContent = up.textContent = `${100 * share}%`;
    svg.append(across, up);
  }
  svg.append(draw("line", { class: "ideal", x1: 0, y1: side, x2: side, y2: 0 }));
  for (const { count, confidence, accuracy } of bins(report)) {
    svg.append(draw("circle", { cx: side * confidence, cy: side * (1 - accuracy), r: Math.min(14, 2 + 1.4 * Math.log(count)) }));
  }
  return titled(T.model_reliability, T.model_reliability_about, svg);
}

const bins = (report) =>
  report.calibration.bins.map((bin) => ({ ...bin, count: bin.count ?? bin.images })).filter(({ count }) => count > 0);

function mistakes(report, labels) {
  const tiles = report.mistakes.slice(0, MISTAKES).map(({ glyph, label, predicted, confidence }) => {
    const text = T.model_mistake(labels[label], labels[predicted], percent(confidence));
    const canvas = make("canvas", { role: "img", "aria-label": text });
    paintGlyph(canvas, bytesOf(glyph));
    return make("figure", {}, canvas, make("figcaption", { textContent: text }));
  });
  return titled(T.model_mistakes, "", make("div", { className: "glyphs" }, ...tiles));
}

function recipe(model) {
  const facts = Object.entries({ [T.model_artifact]: model.artifact, ...model.recipe }).flatMap(([name, value]) => [
    make("dt", { textContent: name }),
    make("dd", { textContent: typeof value === "object" ? JSON.stringify(value) : String(value) }),
  ]);
  return make("details", { className: "card" }, make("summary", { textContent: T.model_recipe }), make("dl", { className: "facts" }, ...facts));
}
