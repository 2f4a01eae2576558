// The API for people who write programs: every operation of the OpenAPI document, to try.
import * as backend from "./backend.js";
import { make } from "./dom.js";
import { T } from "./strings.js";

/** Fill the view from the server's own document. */
export async function showApi(place) {
  const document = await backend.openapi();
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => show(method.toUpperCase(), path, operation)),
  );
  const link = make("a", { href: "/openapi.json", textContent: T.api_document });
  const heading = make("div", { className: "heading" }, make("h2", { textContent: T.api_title }), make("p", { className: "quiet", textContent: `${T.api_about} ` }, link));
  place.replaceChildren(heading, ...operations);
}

function show(method, path, operation) {
  const summary = make(
    "summary",
    {},
    make("span", { className: "method", textContent: method }),
    make("code", { textContent: path }),
    make("span", { className: "quiet", textContent: operation.summary }),
  );
  const card = make("details", { className: "card operation" }, summary);
  card.addEventListener("toggle", () => card.querySelector("form") ?? card.append(form(method, path, operation)), { once: true });
  return card;
}

function form(method, path, operation) {
  const fields = operation.parameters.map((parameter) => [parameter, field(parameter)]);
  const kinds = Object.keys(operation.requestBody?.content ?? {});
  const file = kinds.includes("image/*") ? make("input", { type: "file", accept: "image/*", "aria-label": T.api_file }) : null;
  const text = !file && kinds.includes("application/json") ? make("textarea", { value: example(operation), "aria-label": T.api_json, spellcheck: false }) : null;
  const output = make("pre", { tabIndex: 0, role: "region", "aria-label": T.api_answer, hidden: true });
  const labels = fields.map(([{ name, schema }, input]) => make("label", {}, `${name} ${schema.default === undefined ? "" : `(${T.api_default(schema.default)})`}`, input));
  const send = make("button", { className: "worded strong", textContent: T.api_try });
  const whole = make("form", {}, make("div", { className: "fields" }, ...labels), file, text, make("div", { className: "row" }, send), output);
  whole.addEventListener("submit", async (event) => {
    event.preventDefault();
    output.hidden = false;
    const picture = file?.files[0] ?? (await drawnSeven());
    const given = file ? { body: picture, type: picture.type } : text ? { body: text.value, type: "application/json" } : {};
    try {
      const answer = await backend.call(method, address(path, fields), given);
      output.textContent = answer instanceof Blob ? await answer.text() : JSON.stringify(answer, null, 2);
    } catch (problem) {
      output.textContent = `${problem.status} ${problem.code}: ${problem.message}`;
    }
  });
  return whole;
}

function field({ schema, required }) {
  if (schema.type !== "boolean") return make("input", { type: "text", inputMode: schema.type === "integer" ? "numeric" : "text", required });
  return make("select", {}, ...["", "true", "false"].map((value) => make("option", { value, textContent: value || "–" })));
}

function address(path, fields) {
  const query = new URLSearchParams();
  let whole = path;
  for (const [parameter, { value }] of fields) {
    if (parameter.in === "path") whole = whole.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value) query.set(parameter.name, value);
  }
  return query.size ? `${whole}?${query}` : whole;
}

/** What is sent by default for each member of a body: a drawn seven. */
const EXAMPLES = {
  corrections: () => [],
  crop: () => sheet().toDataURL(),
  glyph: rows,
  images: () => [rows()],
  label: () => 7,
  picture: () => sheet().toDataURL(),
  regions: () => ({ regions: { whole: [0, 0, 1, 1] } }),
};

function example(operation) {
  const { required } = operation.requestBody.content["application/json"].schema;
  return JSON.stringify(Object.fromEntries(required.map((name) => [name, EXAMPLES[name]()])));
}

function rows() {
  return Array.from({ length: 28 }, (_, row) => Array.from({ length: 28 }, (_, column) => ink(row, column)));
}

/** The seven as a picture, dark on white. */
function sheet() {
  const canvas = make("canvas", { width: 28, height: 28 });
  const context = canvas.getContext("2d");
  const image = context.createImageData(28, 28);
  rows().flat().forEach((strength, place) => image.data.set([255 - strength, 255 - strength, 255 - strength, 255], 4 * place));
  context.putImageData(image, 0, 0);
  return canvas;
}

function drawnSeven() {
  return new Promise((resolve) => sheet().toBlob(resolve));
}

function ink(row, column) {
  const onTop = row >= 5 && row <= 7 && column >= 7 && column <= 20;
  const onLeg = row > 7 && row <= 23 && Math.abs(column - (20 - (row - 7) * 0.45)) <= 1.3;
  return onTop || onLeg ? 255 : 0;
}
