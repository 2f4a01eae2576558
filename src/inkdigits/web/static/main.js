// The page: views, the theme, what was read last, and what is done with it.
import * as backend from "./backend.js";
import { showApi } from "./api.js";
import { Corrector, showCorrections } from "./corrections.js";
import { showDetails } from "./details.js";
import { byId, fail, save, toast } from "./dom.js";
import { exampleFor } from "./example.js";
import { showModel } from "./model.js";
import { annotated, asCsv, asJson, asText } from "./output.js";
import { PAD_WIDTH, Pad } from "./pad.js";
import { Pictures } from "./pictures.js";
import { showBoxes, showStrip, showVerdict } from "./reading.js";
import { T, fillTexts } from "./strings.js";

const LIVE_MS = 90; // of drawing before it is read
const VIEWS = Array.from(document.querySelectorAll("nav a"), (link) => link.hash.slice(1));
const EMPTY = { text: "", digits: [], marks: [], numbers: [], notes: [] };

let view = "";
let drawing = null; // the item of the drawing area: name, bitmap, reading, glyphs
let chosen = 0;
let timer = 0;
let isReading = false; // a drawing
let wanted = null; // the drawing to read next, as the promise of a PNG
let clearings = 0; // how often the drawing area became empty
let labels = Array.from("0123456789");

const shown = () => (view === "pictures" ? pictures.current : drawing);

/** Show an item's reading in the panel, and its boxes where it was read. */
function show(item, index = 0) {
  const reading = item?.reading ?? null;
  chosen = Math.min(index, Math.max(0, (reading?.digits.length ?? 0) - 1));
  showVerdict(reading);
  showStrip(byId("strip"), reading ?? EMPTY, chosen, choose);
  showDetails(reading?.digits[chosen], item?.glyphs[chosen], labels);
  corrector.offer(chosen);
  showShownBoxes(item);
  byId("outputs").hidden = !reading;
}

function showShownBoxes(item) {
  if (view === "pictures") pictures.showBoxes(chosen);
  else showBoxes(byId("pad-boxes"), item?.reading, [PAD_WIDTH, pad.height], chosen);
}

function choose(index) {
  show(shown(), index);
  byId("strip").querySelectorAll("button")[index]?.focus();
}

/** Read what is drawn now; while a drawing is read, the newest waits, so a slow server isn't sent a queue. */
async function readDrawing() {
  clearTimeout(timer);
  timer = 0;
  byId("pad-hint").hidden = !pad.isEmpty;
  byId("undo").disabled = !pad.strokes.length;
  byId("redo").disabled = !pad.undone.length;
  wanted = pad.isEmpty ? null : pad.picture();
  if (!wanted) {
    clearings += 1;
    showDrawing(null);
  }
  if (isReading) return;
  isReading = true;
  while (wanted) await readWanted();
  isReading = false;
}

async function readWanted() {
  const [promised, before] = [wanted, clearings];
  wanted = null;
  try {
    const picture = await promised;
    const [answer, bitmap] = await Promise.all([backend.read(picture), createImageBitmap(picture)]);
    if (clearings === before) showDrawing({ name: T.drawing, bitmap, ...answer });
  } catch (error) {
    if (clearings === before && !wanted) fail(error);
  }
}

function showDrawing(item) {
  drawing = item;
  if (view === "draw") show(item, chosen);
}

function drawn(done) {
  byId("pad-hint").hidden = true;
  if (done) readDrawing();
  else if (!timer) timer = setTimeout(readDrawing, LIVE_MS);
}

function chooseTool(erasing) {
  pad.erasing = erasing;
  byId("pen").setAttribute("aria-pressed", String(!erasing));
  byId("eraser").setAttribute("aria-pressed", String(erasing));
}

function onKey(event) {
  if (view !== "draw" || event.target.matches("input, select, textarea, dialog *")) return;
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && key === "z") event.shiftKey ? pad.redo() : pad.undo();
  else if (command && key === "y") pad.redo();
  else if (key === "delete" || (key === "backspace" && event.target === pad.canvas)) pad.clear();
  else if (key === "enter" && event.target === pad.canvas) readDrawing();
  else return;
  event.preventDefault();
}

/** Its size is known only when it is seen; then the example can stand in its middle. */
function openDrawing() {
  if (!drawing && !pad.strokes.length) pad.set(exampleFor(PAD_WIDTH, pad.height));
  show(drawing);
}

async function open() {
  const wanted = location.hash.slice(1);
  const now = VIEWS.includes(wanted) ? wanted : "draw";
  if (now === view) return;
  view = now;
  for (const name of VIEWS) {
    byId(name).hidden = name !== view;
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${T[`nav_${view}`]} · inkdigits`;
  byId("title").textContent = T[`nav_${view}`];
  byId("reading-columns").hidden = !["draw", "pictures"].includes(view);
  try {
    if (view === "draw") openDrawing();
    if (view === "pictures") await pictures.opened();
    if (view === "corrections") await showCorrections(byId("corrections"), await backend.model());
    if (view === "model") await showModel(byId("model"));
    if (view === "api") await showApi(byId("api"));
  } catch (error) {
    fail(error);
  }
}

const MAKERS = {
  text: (items) => [asText(items), "text/plain", "txt"],
  csv: (items) => [asCsv(items), "text/csv", "csv"],
  json: (items) => [asJson(items), "application/json", "json"],
};

async function download(form) {
  const items = view === "pictures" ? pictures.items.filter((item) => !item.waiting) : [drawing];
  if (form === "png") return save("inkdigits.png", await annotated(shown()));
  const [text, type, ending] = MAKERS[form](items);
  return save(`inkdigits.${ending}`, new Blob([text], { type }));
}

async function copy() {
  await navigator.clipboard.writeText(shown().reading.text);
  toast(T.copied);
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  pad.show();
}

function switchTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  const other = now === "dark" ? "light" : "dark";
  localStorage.setItem("theme", other);
  setTheme(other);
}

fillTexts();
const pad = new Pad(byId("pad"), drawn);
const pictures = new Pictures((item) => view === "pictures" && show(item), choose);
const corrector = new Corrector(shown, (index) => show(shown(), index));
setTheme(localStorage.getItem("theme"));
byId("pad").setAttribute("aria-label", T.pad);
byId("pen").addEventListener("click", () => chooseTool(false));
byId("eraser").addEventListener("click", () => chooseTool(true));
byId("width").addEventListener("input", (event) => (pad.width = Number(event.target.value)));
byId("undo").addEventListener("click", () => pad.undo());
byId("redo").addEventListener("click", () => pad.redo());
byId("clear").addEventListener("click", () => pad.clear());
byId("theme").addEventListener("click", switchTheme);
byId("copy").addEventListener("click", () => copy().catch(fail));
byId("download").addEventListener("change", (event) => {
  download(event.target.value).catch(fail);
  event.target.value = "";
});
addEventListener("keydown", onKey);
addEventListener("hashchange", open);
open();
backend.model().then(
  (model) => {
    byId("version").textContent = T.version(model.version);
    ({ labels } = model);
    corrector.enable(model);
  },
  fail,
);
