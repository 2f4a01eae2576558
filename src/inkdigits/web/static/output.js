// What was read, as text, CSV, JSON or a picture with boxes.
import { nameOf, stateOf } from "./reading.js";

const COLOURS = { accepted: "#1a7f37", unsure: "#b35c00", rejected: "#c0392b", corrected: "#3d4fd8", mark: "#2f6fdb" };
const COLUMNS = ["path", "region", "text", "confidence", "accepted", "candidates", "notes", "error_code"];

/** Rows of (name, region, reading or null, problem or null), one for each reading of the items. */
export function rowsOf(items) {
  return items.flatMap((item) => {
    if (item.readings) return Object.entries(item.readings).map(([region, reading]) => ({ name: item.name, region, reading }));
    return [{ name: item.name, region: "", reading: item.reading, problem: item.problem }];
  });
}

export const asText = (items) => rowsOf(items).map(({ reading }) => reading?.text ?? "").join("\n");

export function asJson(items) {
  const rows = rowsOf(items).map(({ name, region, reading, problem }) => ({
    path: name,
    ...(region ? { region } : {}),
    ...(reading ?? { text: "", error: { code: problem?.code, message: problem?.message } }),
  }));
  return `${JSON.stringify(rows, null, 2)}\n`;
}

export function asCsv(items) {
  const lines = rowsOf(items).map(({ name, region, reading, problem }) => [
    name,
    region,
    reading?.text ?? "",
    reading?.confidence?.toFixed(6) ?? "",
    reading ? reading.accepted : "",
    (reading?.digits ?? []).map((digit) => digit.candidates.join("|")).join(" "),
    (reading?.notes ?? []).join("; "),
    problem?.code ?? "",
  ]);
  return [COLUMNS, ...lines].map((line) => line.map(quoted).join(",")).join("\n") + "\n";
}

function quoted(value) {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The picture of an item with boxes and labels, as a PNG. */
export function annotated(item) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [item.bitmap.width, item.bitmap.height];
  const context = canvas.getContext("2d");
  context.drawImage(item.bitmap, 0, 0);
  context.lineWidth = Math.max(1.5, Math.max(canvas.width, canvas.height) / 400);
  const boxes = [
    ...item.reading.digits.map((digit) => [digit.box, nameOf(digit), COLOURS[stateOf(digit)]]),
    ...item.reading.marks.map((mark) => [mark.box, mark.text, COLOURS.mark]),
  ];
  for (const [[x, y, width, height], text, colour] of boxes) {
    context.strokeStyle = context.fillStyle = colour;
    context.strokeRect(x, y, width, height);
    context.font = `${Math.max(11, height / 3)}px sans-serif`;
    context.fillText(text, x, Math.max(11, y - 4));
  }
  return new Promise((resolve) => canvas.toBlob(resolve));
}
