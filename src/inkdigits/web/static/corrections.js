// Corrections: what people say of digits, on the page and in the view to look through them.
import { corrections } from "./backend.js";
import { bytesOf, paintGlyph } from "./details.js";
import { byId, fail, icon, make, save, toast } from "./dom.js";
import { isLarge, onDrag } from "./drag.js";
import { nameOf, piecesOf } from "./reading.js";
import { T } from "./strings.js";

const MARGIN = 0.25; // around a digit's box in its crop, of its longer side
const PAGE = 60;
const [EXPORTED, IMPORTED] = [500, 50]; // at once
const said = (label) => (label === null ? T.not_a_digit : String(label));

/** Asks what digits are, and keeps the answers. */
export class Corrector {
  /** `shown()` is the item in the panel, `changed(index)` is called when its reading was. */
  constructor(shown, changed) {
    Object.assign(this, { shown, changed, chosen: 0, box: null });
    for (const id of ["pad-boxes", "picture-boxes"]) {
      onDrag(byId(id), () => this.isAdding, (box) => this.#sketch(byId(id), box), (box) => this.#marked(byId(id), box));
    }
    byId("add").addEventListener("click", () => this.#setAdding(!this.isAdding));
  }

  get isAdding() {
    return byId("add").getAttribute("aria-pressed") === "true";
  }

  /** Show the questions if the server takes answers. */
  enable(model) {
    const digits = model.labels.length === 10 && model.labels.every((label, index) => label === String(index));
    if (!model.corrections || !digits) return;
    this.enabled = true;
    this.offer(this.chosen);
  }

  /** Ask about a digit of what is shown. */
  offer(index) {
    this.chosen = index;
    const item = this.shown();
    const digit = item?.reading?.digits[index];
    byId("correct").hidden = !this.enabled || !digit;
    byId("missed").hidden = !this.enabled || !item?.reading;
    if (digit) byId("choices").replaceChildren(...this.#choices(digit));
  }

  #choices(digit) {
    const right = button(T.correct_right(nameOf(digit)), () => this.#answer(digit.label), "wide strong");
    const none = button(T.correct_none, () => this.#answer(null), "wide");
    return [...(digit.corrected ? [] : [right]), ...labels((label) => this.#answer(label)), none];
  }

  async #answer(label) {
    const item = this.shown();
    const index = this.chosen;
    const digit = item.reading.digits[index];
    const { label: read_as, confidence } = digit.corrected ?? digit;
    const stored = await this.#store(item, {
      label,
      read_as,
      confidence,
      artifact: item.artifact,
      glyph: item.glyphs[index],
      crop: crop(item.bitmap, withMargin(digit.box)),
    });
    if (!stored) return;
    const piece = piecesOf(item.reading).findIndex((one) => one.digit === digit);
    const after = label === null ? [] : [{ sign: String(label), digit: { ...digit, ...sureOf(label), corrected: digit.corrected ?? digit } }];
    this.#rewrite(item, piece, 1, after, item.glyphs.toSpliced(index, 1, ...(after.length ? [item.glyphs[index]] : [])));
  }

  async #add(label) {
    const item = this.shown();
    const { box } = this;
    const stored = await this.#store(item, { label, read_as: null, confidence: null, artifact: item.artifact, crop: crop(item.bitmap, box) });
    if (!stored) return;
    const digit = { ...sureOf(label), confidence: 1, box: box.map(Math.round), notes: [], coverage: 1, corrected: { label: null, confidence: null } };
    const pieces = piecesOf(item.reading);
    const place = placeFor(box, pieces);
    const index = pieces.slice(0, place).filter((piece) => piece.digit).length;
    this.#rewrite(item, place, 0, [{ sign: String(label), digit }], item.glyphs.toSpliced(index, 0, stored.glyph));
    this.#setAdding(false);
  }

  async #store(item, correction) {
    const { reading, glyphs } = item;
    try {
      const stored = await corrections.store(correction);
      toast(T.thanks(said(stored.label)), T.undo_it, () => {
        Object.assign(item, { reading, glyphs });
        this.changed(this.chosen);
        corrections.remove(stored.key).then(() => toast(T.undone), fail);
      });
      return stored;
    } catch (error) {
      fail(error);
      return null;
    }
  }

  /** Put pieces in the place of others in an item's reading. */
  #rewrite(item, place, count, pieces, glyphs) {
    const all = piecesOf(item.reading).toSpliced(place, count, ...pieces);
    const digits = all.flatMap((piece) => piece.digit ?? []);
    const accepted = digits.length > 0 && digits.every((digit) => digit.accepted);
    const confidence = digits.length ? digits.reduce((product, digit) => product * digit.confidence, 1) : null;
    const text = all.map((piece) => piece.sign).join("");
    item.reading = { ...item.reading, text, digits, accepted, confidence, numbers: [] };
    item.glyphs = glyphs;
    this.changed(this.chosen);
  }

  #setAdding(on) {
    byId("add").setAttribute("aria-pressed", String(on));
    byId("add-how").hidden = !on;
    byId("added").hidden = true;
    for (const id of ["pad-boxes", "picture-boxes"]) {
      byId(id).classList.toggle("marking", on);
      byId(id).querySelector(".sketch")?.remove();
      if (on && byId(id).checkVisibility()) byId(id).scrollIntoView({ block: "nearest" });
    }
  }

  #sketch(svg, box) {
    const { width, height } = svg.viewBox.baseVal;
    const frame = svg.querySelector(".sketch") ?? svg.appendChild(document.createElementNS(svg.namespaceURI, "g"));
    const rect = frame.firstChild ?? frame.appendChild(document.createElementNS(svg.namespaceURI, "rect"));
    frame.setAttribute("class", "region sketch");
    const places = { x: box[0] * width, y: box[1] * height, width: box[2] * width, height: box[3] * height };
    for (const [name, value] of Object.entries(places)) rect.setAttribute(name, value);
  }

  #marked(svg, box) {
    if (!isLarge(box)) return;
    const { width, height } = svg.viewBox.baseVal;
    this.box = [box[0] * width, box[1] * height, box[2] * width, box[3] * height];
    const canvas = cropped(this.shown().bitmap, this.box);
    const shown = byId("added-crop");
    [shown.width, shown.height] = [canvas.width, canvas.height];
    shown.getContext("2d").drawImage(canvas, 0, 0);
    byId("added-choices").replaceChildren(...labels((label) => this.#add(label)));
    byId("added").hidden = false;
    byId("added-choices").querySelector("button").focus();
  }
}

const labels = (act) => Array.from({ length: 10 }, (_, label) => button(String(label), () => act(label)));
const sureOf = (label) => ({ label, accepted: true, candidates: [label], confidence: 1, probabilities: Array.from({ length: 10 }, (_, one) => Number(one === label)) });

function button(text, act, className = "") {
  const made = make("button", { type: "button", className, textContent: text });
  made.addEventListener("click", act);
  return made;
}

/** Where in the pieces a new box belongs: in the line at its height, before what is right of it. */
function placeFor(box, pieces) {
  const middle = box[1] + box[3] / 2;
  const far = (piece) => Math.abs(piece.digit.box[1] + piece.digit.box[3] / 2 - middle);
  const digits = pieces.filter((piece) => piece.digit);
  if (!digits.length) return 0;
  const nearest = digits.reduce((best, piece) => (far(piece) < far(best) ? piece : best));
  const lineOf = (at) => pieces.slice(0, at).filter(({ sign }) => sign === "\n").length;
  const line = lineOf(pieces.indexOf(nearest));
  const isIn = (piece, at) => piece.digit && lineOf(at) === line;
  const next = pieces.findIndex((piece, at) => isIn(piece, at) && piece.digit.box[0] > box[0]);
  return next >= 0 ? next : pieces.findLastIndex(isIn) + 1;
}

function withMargin([x, y, width, height]) {
  const margin = MARGIN * Math.max(width, height);
  return [x - margin, y - margin, width + 2 * margin, height + 2 * margin];
}

function cropped(bitmap, [x, y, width, height]) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height].map((side) => Math.max(8, Math.round(side)));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, -x, -y);
  return canvas;
}

const crop = (bitmap, box) => cropped(bitmap, box).toDataURL("image/png");

/** The view to look through the corrections. */
export async function showCorrections(place, model) {
  const heading = make("div", { className: "heading" }, make("h2", { textContent: T.corrections_title }), make("p", { className: "quiet", textContent: T.corrections_about }));
  if (!model.corrections) {
    place.replaceChildren(heading, make("p", { className: "card", textContent: T.corrections_off }));
    return;
  }
  const count = make("strong");
  const tiles = make("div", { className: "glyphs" });
  const more = button(T.more, () => show().catch(fail), "worded");
  let known = 0;
  async function show() {
    const answer = await corrections.page(known, PAGE);
    known += answer.corrections.length;
    count.textContent = answer.stored ? T.corrections_count(answer.stored, answer.misread) : T.corrections_none;
    tiles.append(...answer.corrections.map((one) => tile(one, () => showCorrections(place, model).catch(fail))));
    more.hidden = known >= answer.stored;
  }
  const file = make("input", { type: "file", accept: ".jsonl", hidden: true });
  file.addEventListener("change", () => takeIn(file.files[0]).then(() => showCorrections(place, model)).catch(fail));
  const tools = make(
    "div",
    { className: "bar" },
    count,
    make("span", { className: "spring" }),
    button(T.corrections_import, () => file.click(), "worded"),
    button(T.corrections_export, () => exportAll().catch(fail), "worded"),
    button(T.corrections_delete_all, () => removeAll(place, model).catch(fail), "worded"),
    file,
  );
  place.replaceChildren(heading, make("div", { className: "card stacked" }, tools, tiles, more), make("pre", { textContent: T.corrections_train, tabIndex: 0 }));
  await show();
}

function tile(one, changed) {
  const canvas = make("canvas", { role: "img", "aria-label": T.correction_label(said(one.label)) });
  paintGlyph(canvas, bytesOf(one.glyph));
  const was = one.label === one.read_as ? T.correction_right : one.read_as === null ? T.correction_added : T.correction_was(one.read_as);
  const remove = button("", async () => {
    try {
      const removed = await corrections.remove(one.key);
      toast(T.deleted, T.undo_it, () => corrections.takeIn([removed]).then(changed, fail));
      changed();
    } catch (error) {
      fail(error);
    }
  }, "plain");
  remove.setAttribute("aria-label", T.correction_delete(said(one.label)));
  remove.append(icon("close"));
  const caption = make("figcaption", {}, make("strong", { textContent: said(one.label) }), make("span", { textContent: was }));
  return make("figure", { className: one.label === one.read_as ? "tile" : "tile misread" }, canvas, caption, remove);
}

async function exportAll() {
  const lines = [];
  for (let answer = null; !answer || answer.corrections.length; ) {
    answer = await corrections.page(lines.length, EXPORTED);
    lines.push(...answer.corrections.map((one) => `${JSON.stringify(one)}\n`));
  }
  save("corrections.jsonl", new Blob(lines, { type: "application/jsonl" }));
}

async function takeIn(file) {
  const all = (await file.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line));
  let count = 0;
  for (let start = 0; start < all.length; start += IMPORTED) count += (await corrections.takeIn(all.slice(start, start + IMPORTED))).count;
  toast(T.corrections_imported(count));
}

async function removeAll(place, model) {
  if (!confirm(T.corrections_sure)) return;
  await corrections.removeAll();
  await showCorrections(place, model);
}
