// Pictures that are dropped, pasted, chosen or taken: a list, a viewer with zoom, their regions.
import * as backend from "./backend.js";
import { bytesOf } from "./details.js";
import { byId, fail, make } from "./dom.js";
import { Regions } from "./regions.js";
import { showBoxes } from "./reading.js";
import { T, percent } from "./strings.js";

const AT_ONCE = 2;
const [LEAST_ZOOM, MOST_ZOOM, ZOOM_STEP] = [0.05, 12, 1.3];

export class Pictures {
  /** `show(item)` shows a reading in the panel, `choose(index)` one of its digits. */
  constructor(show, choose) {
    this.items = [];
    this.current = null;
    this.zoom = 0; // 0: as large as fits
    this.show = show;
    this.choose = choose;
    this.regions = new Regions(byId("picture-boxes"), () => this.current, () => this.#readAgain());
    this.#listen();
  }

  /** The view was opened: an example is there if nothing else is. */
  async opened() {
    if (!this.items.length) {
      const response = await fetch("static/example.jpg");
      await this.add([new File([await response.blob()], T.example, { type: "image/jpeg" })]);
    }
    this.select(this.current ?? this.items[0]);
  }

  /** Read files, two at a time, in the order in which they came. */
  async add(files) {
    const items = files.map((file) => ({ name: file.name, file, page: 0, glyphs: [], reading: null, waiting: true }));
    if (!items.length) return;
    if (this.items.length === 1 && this.items[0].name === T.example) this.items = [];
    this.items.push(...items);
    [this.current] = items;
    this.#table();
    await this.#readAll(items);
  }

  async #readAll(items) {
    const bar = byId("progress");
    [bar.hidden, bar.max, bar.value] = [false, items.length, 0];
    const queue = [...items];
    const work = async () => {
      for (let item = queue.shift(); item; item = queue.shift()) {
        await this.#read(item);
        bar.value += 1;
        if (!item.paged) await this.#addPages(item);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    bar.hidden = true;
  }

  async #read(item) {
    const { regions } = this.regions;
    const mine = (item.asked = (item.asked ?? 0) + 1);
    if (item.page === 0) item.bitmap ??= await createImageBitmap(item.file).catch(() => null);
    const options = { ...hints(), page: item.page };
    const found = await this.#ask(item, regions, options).catch((problem) => ({ reading: null, glyphs: [], problem }));
    if (item.asked !== mine) return; // it has been asked about again, with other options
    Object.assign(item, { readings: null, problem: null, waiting: false, ...found });
    this.#table();
    if (item === this.current) this.select(item);
  }

  async #ask(item, regions, options) {
    if (regions) return joined(await backend.readRegions(item.file, regions, { ...options, grid: undefined }));
    const answer = await backend.read(item.file, { ...options, picture: !item.bitmap });
    if (answer.picture) item.bitmap = await createImageBitmap(new Blob([bytesOf(answer.picture.split(",")[1])]));
    return answer;
  }

  /** The further pages of a PDF or TIFF. */
  async #addPages(first) {
    first.paged = true;
    for (let page = 1; page < first.pages; page++) {
      const item = { name: T.page_of(first.name, page), file: first.file, page, paged: true, glyphs: [], reading: null, waiting: true };
      this.items.splice(this.items.indexOf(first) + page, 0, item);
      this.#table();
      await this.#read(item);
    }
  }

  #readAgain() {
    for (const item of this.items) item.waiting = true;
    return this.#readAll(this.items).catch(fail);
  }

  /** Show an item in the viewer and its reading in the panel. */
  select(item) {
    if (!item) return;
    this.current = item;
    byId("picture-name").textContent = item.name;
    const canvas = byId("picture");
    const { width, height } = item.bitmap ?? { width: 4, height: 3 };
    [canvas.width, canvas.height] = [width, height];
    if (item.bitmap) canvas.getContext("2d").drawImage(item.bitmap, 0, 0);
    this.#fit();
    this.#table();
    this.show(item);
  }

  showBoxes(chosen) {
    const { bitmap, reading } = this.current ?? {};
    if (!bitmap) return;
    showBoxes(byId("picture-boxes"), reading, [bitmap.width, bitmap.height], chosen, this.choose);
    this.regions.show();
  }

  #fit() {
    const { bitmap } = this.current ?? {};
    if (!bitmap) return;
    const frame = byId("window");
    const room = Math.min(frame.clientWidth / bitmap.width, Math.max(240, innerHeight * 0.55) / bitmap.height);
    const scale = this.zoom || Math.min(room, 3);
    byId("stage").style.width = `${bitmap.width * scale}px`;
    byId("stage").style.height = `${bitmap.height * scale}px`;
    this.scale = scale;
  }

  #zoomBy(factor) {
    this.zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, this.scale * factor));
    this.#fit();
  }

  #table() {
    const rows = this.items.map((item) => {
      const name = make("button", { type: "button", className: "link", textContent: item.name });
      name.addEventListener("click", () => this.select(item));
      const row = make("tr", {}, make("th", { scope: "row" }, name), ...cells(item));
      if (item === this.current) row.setAttribute("aria-current", "true");
      return row;
    });
    byId("results").tBodies[0].replaceChildren(...rows);
  }

  #listen() {
    const take = (files) => this.add([...files]).catch(fail);
    const drop = byId("drop");
    byId("pick").addEventListener("click", () => byId("files").click());
    byId("photograph").addEventListener("click", () => byId("camera").click());
    for (const id of ["files", "camera"]) {
      byId(id).addEventListener("change", (event) => {
        take(event.target.files);
        event.target.value = "";
      });
    }
    addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      drop.classList.add("over");
    });
    for (const end of ["dragleave", "drop"]) addEventListener(end, () => drop.classList.remove("over"));
    addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      location.hash = "pictures";
      take(event.dataTransfer.files);
    });
    addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
      if (!files.length) return;
      location.hash = "pictures";
      take(files.map((file) => new File([file], T.pasted, { type: file.type })));
    });
    byId("zoom-in").addEventListener("click", () => this.#zoomBy(ZOOM_STEP));
    byId("zoom-out").addEventListener("click", () => this.#zoomBy(1 / ZOOM_STEP));
    byId("zoom-fit").addEventListener("click", () => ((this.zoom = 0), this.#fit()));
    byId("window").addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.#zoomBy(event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP);
    }, { passive: false });
    new ResizeObserver(() => this.#fit()).observe(byId("window"));
    byId("kind").addEventListener("change", (event) => {
      byId("expect-label").hidden = event.target.value !== "expect";
      byId("grid-label").hidden = event.target.value !== "grid";
    });
    byId("hints").addEventListener("change", () => byId("hints").checkValidity() && this.#readAgain());
    byId("hints").addEventListener("submit", (event) => event.preventDefault());
  }
}

/** What the form says of the pictures, as options of the API. */
function hints() {
  const kind = byId("kind").value;
  return {
    single: kind === "single",
    expect: kind === "expect" ? byId("expect").value : undefined,
    grid: kind === "grid" ? byId("grid").value : undefined,
    digits_only: byId("digits-only").checked,
  };
}

/** The readings of regions as one, for the boxes and the panel. */
function joined({ readings, glyphs, artifact }) {
  const all = Object.values(readings);
  const sure = all.flatMap((reading) => reading.confidence ?? []);
  return {
    artifact,
    readings,
    glyphs: Object.values(glyphs).flat(),
    reading: {
      text: all.map((reading) => reading.text).join("\n"),
      digits: all.flatMap((reading) => reading.digits),
      marks: all.flatMap((reading) => reading.marks),
      numbers: all.flatMap((reading) => reading.numbers),
      notes: [],
      confidence: sure.length ? sure.reduce((product, one) => product * one, 1) : null,
      accepted: all.every((reading) => reading.accepted),
    },
  };
}

function cells(item) {
  const cell = (text, className = "") => make("td", { textContent: text, className });
  if (item.waiting) return [cell(T.busy, "quiet"), cell(""), cell("")];
  if (item.problem) return [cell(""), cell(""), cell(item.problem.message, "rejected")];
  const { reading, readings } = item;
  const text = readings ? Object.entries(readings).map(([name, one]) => `${name}: ${one.text}`).join("\n") : reading.text;
  const sure = reading.confidence === null ? "" : percent(reading.confidence);
  return [cell(text, "digits"), cell(sure, reading.accepted ? "accepted" : "rejected"), cell(reading.notes.join("; "))];
}
