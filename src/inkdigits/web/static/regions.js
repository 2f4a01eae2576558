// Named regions of a picture, marked with the mouse and kept as a --regions file.
import { isLarge, onDrag } from "./drag.js";
import { byId, draw, fail, make, save } from "./dom.js";
import { unitOf } from "./reading.js";
import { T } from "./strings.js";

export class Regions {
  /** `item()` is the picture in the viewer, `read()` reads all pictures again. */
  constructor(svg, item, read) {
    Object.assign(this, { svg, item, read, boxes: {}, of: "picture", drag: null });
    byId("region-mode").addEventListener("click", () => this.#toggle());
    byId("regions-read").addEventListener("click", () => read());
    byId("regions-save").addEventListener("click", () => this.#save());
    byId("regions-load").addEventListener("click", () => byId("regions-file").click());
    byId("regions-file").addEventListener("change", (event) => this.#load(event.target).catch(fail));
    byId("regions-drop").addEventListener("click", () => this.#set({}, "picture", true));
    const moved = (box) => {
      this.drag = box;
      this.show();
    };
    onDrag(svg, () => this.isOn, moved, (box) => this.#end(box));
    this.#list();
  }

  /** What the API takes; null where there are none. */
  get regions() {
    return Object.keys(this.boxes).length ? { of: this.of, regions: this.boxes } : null;
  }

  get isOn() {
    return byId("region-mode").getAttribute("aria-pressed") === "true";
  }

  /** Draw the regions over the boxes. */
  show() {
    const { bitmap } = this.item() ?? {};
    this.svg.querySelectorAll(".region").forEach((old) => old.remove());
    if (!bitmap || this.of !== "picture") return;
    const all = this.drag ? { ...this.boxes, "": this.drag } : this.boxes;
    for (const [name, [x, y, width, height]] of Object.entries(all)) {
      const [left, top] = [x * bitmap.width, y * bitmap.height];
      const unit = unitOf(this.svg);
      const label = draw("text", { x: left, y: top - 4 * unit, "font-size": 13 * unit });
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

  #end(box) {
    this.drag = null;
    if (!isLarge(box)) return this.show();
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
