// Named regions of a picture, marked with the mouse and kept as a --regions file.
import { byId, draw, fail, make, save } from "./dom.js";
import { T } from "./strings.js";

const LEAST = 0.01; // of the picture: smaller drags are clicks

export class Regions {
  /** `item()` is the picture in the viewer, `read()` reads all pictures again. */
  constructor(svg, item, read) {
    Object.assign(this, { svg, item, read, boxes: {}, of: "picture", drag: null, catching: null });
    byId("region-mode").addEventListener("click", () => this.#toggle());
    byId("regions-read").addEventListener("click", () => read());
    byId("regions-save").addEventListener("click", () => this.#save());
    byId("regions-load").addEventListener("click", () => byId("regions-file").click());
    byId("regions-file").addEventListener("change", (event) => this.#load(event.target).catch(fail));
    byId("regions-drop").addEventListener("click", () => this.#set({}, "picture", true));
    svg.addEventListener("pointerdown", (event) => this.#begin(event));
    svg.addEventListener("pointermove", (event) => this.#go(event));
    svg.addEventListener("pointerup", () => this.#end());
    this.#list();
  }

  /** What the API takes; null where there are none. */
  get regions() {
    return Object.keys(this.boxes).length ? { of: this.of, regions: this.boxes } : null;
  }

  get isOn() {
    return byId("region-mode").getAttribute("aria-pressed") === "true";
  }

  /** Let the next drag be caught for something else than a region: `caught([x, y, w, h])` in pixels. */
  catchNext(caught) {
    this.catching = caught;
    this.svg.classList.add("marking");
  }

  /** Draw the regions over the boxes. */
  show() {
    const { bitmap } = this.item() ?? {};
    this.svg.querySelectorAll(".region").forEach((old) => old.remove());
    if (!bitmap || this.of !== "picture") return;
    const all = this.drag ? { ...this.boxes, "": this.drag.box } : this.boxes;
    for (const [name, [x, y, width, height]] of Object.entries(all)) {
      const [left, top] = [x * bitmap.width, y * bitmap.height];
      const label = draw("text", { x: left, y: top - bitmap.height / 120, "font-size": Math.max(11, bitmap.height / 32) });
      label.textContent = name;
      this.svg.append(
        draw("g", { class: "region" }, draw("rect", { x: left, y: top, width: width * bitmap.width, height: height * bitmap.height }), label),
      );
    }
  }

  #toggle() {
    const on = !this.isOn;
    byId("region-mode").setAttribute("aria-pressed", String(on));
    byId("regions").hidden = !on;
    this.svg.classList.toggle("marking", on);
  }

  #place(event) {
    const frame = this.svg.getBoundingClientRect();
    return [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height].map((share) => Math.min(1, Math.max(0, share)));
  }

  #begin(event) {
    if (!(this.isOn || this.catching) || event.button > 0) return;
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    const from = this.#place(event);
    this.drag = { from, box: [...from, 0, 0] };
  }

  #go(event) {
    if (!this.drag) return;
    const [x, y] = this.#place(event);
    const [x0, y0] = this.drag.from;
    this.drag.box = [Math.min(x, x0), Math.min(y, y0), Math.abs(x - x0), Math.abs(y - y0)];
    this.show();
  }

  #end() {
    const box = this.drag?.box.map((share) => Math.round(share * 1e4) / 1e4);
    this.drag = null;
    if (!box || Math.min(box[2], box[3]) < LEAST) return this.show();
    if (this.catching) {
      const { width, height } = this.item().bitmap;
      const caught = this.catching;
      this.catching = null;
      this.svg.classList.toggle("marking", this.isOn);
      this.show();
      return caught([box[0] * width, box[1] * height, box[2] * width, box[3] * height].map(Math.round));
    }
    let number = 1;
    while (T.region(number) in this.boxes) number += 1;
    return this.#set({ ...this.boxes, [T.region(number)]: box }, "picture");
  }

  #set(boxes, of, readAgain = false) {
    Object.assign(this, { boxes, of });
    this.#list();
    this.show();
    if (readAgain) this.read();
  }

  #list() {
    const rows = Object.keys(this.boxes).map((name) => {
      const field = make("input", { type: "text", value: name, "aria-label": T.region_name });
      field.addEventListener("change", () => this.#rename(name, field.value.trim() || name));
      const remove = make("button", { type: "button", className: "worded", textContent: "×", "aria-label": T.region_remove(name) });
      remove.addEventListener("click", () => {
        const { [name]: _gone, ...others } = this.boxes;
        this.#set(others, this.of);
      });
      return make("li", {}, field, remove);
    });
    const note = this.of === "table" ? [make("li", { className: "quiet", textContent: T.region_of_table })] : [];
    byId("region-list").replaceChildren(...rows, ...note);
    for (const id of ["regions-read", "regions-save", "regions-drop"]) byId(id).disabled = !rows.length;
  }

  #rename(old, name) {
    const free = name in this.boxes ? old : name;
    this.#set(Object.fromEntries(Object.entries(this.boxes).map(([key, box]) => [key === old ? free : key, box])), this.of);
  }

  #save() {
    save("regions.json", new Blob([`${JSON.stringify(this.regions, null, 2)}\n`], { type: "application/json" }));
  }

  async #load(input) {
    const { of = "picture", regions } = JSON.parse(await input.files[0].text());
    input.value = "";
    this.#set(regions ?? {}, of, true);
  }
}
