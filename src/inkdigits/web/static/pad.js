// The drawing area: strokes by mouse, pen or finger, with undo, redo and an eraser.

/** Units across the drawing area, whatever its size on the screen. */
export const PAD_WIDTH = 560;
const CLEARED = { cleared: true };

export class Pad {
  /** `changed(done)` is called after every piece of a stroke; `done` where nothing is under way. */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = [];
    this.undone = [];
    this.current = null;
    this.width = 13;
    this.erasing = false;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#go(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.#end(event));
    new ResizeObserver(() => this.show()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
  }

  get height() {
    return Math.round((PAD_WIDTH * this.canvas.clientHeight) / Math.max(1, this.canvas.clientWidth));
  }

  get isEmpty() {
    return !this.#visible().some((stroke) => !stroke.erase);
  }

  /** Replace all by strokes of (x, y) points. */
  set(strokes) {
    this.strokes = strokes.map((points) => ({ points: points.map(([x, y]) => [x, y, 1]), width: this.width, erase: false }));
    this.undone = [];
    this.#done();
  }

  undo() {
    if (!this.strokes.length) return;
    this.undone.push(this.strokes.pop());
    this.#done();
  }

  redo() {
    if (!this.undone.length) return;
    this.strokes.push(this.undone.pop());
    this.#done();
  }

  clear() {
    if (this.isEmpty) return;
    this.strokes.push(CLEARED);
    this.undone = [];
    this.#done();
  }

  /** The drawing as a PNG, black on white, whatever the colours on the screen. */
  picture() {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [PAD_WIDTH, this.height];
    this.#paint(copy, 1, "#000");
    const context = copy.getContext("2d");
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, copy.width, copy.height);
    return new Promise((resolve) => copy.toBlob(resolve));
  }

  show() {
    const { canvas } = this;
    const scale = (canvas.clientWidth * devicePixelRatio) / PAD_WIDTH;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * devicePixelRatio));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    this.#paint(canvas, scale, getComputedStyle(canvas).color);
  }

  #visible() {
    const all = this.current ? [...this.strokes, this.current] : this.strokes;
    return all.slice(all.lastIndexOf(CLEARED) + 1);
  }

  #paint(canvas, scale, colour) {
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = context.fillStyle = colour;
    for (const stroke of this.#visible()) paintStroke(context, stroke);
    context.globalCompositeOperation = "source-over";
  }

  #place(event) {
    const frame = this.canvas.getBoundingClientRect();
    const scale = PAD_WIDTH / frame.width;
    const pressure = event.pointerType === "pen" ? 0.4 + event.pressure : 1;
    return [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale, pressure];
  }

  #begin(event) {
    if (event.button > 0 || this.current) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    const erase = this.erasing || event.button === 5 || Boolean(event.buttons & 32);
    this.current = { points: [this.#place(event)], width: erase ? 2.5 * this.width : this.width, erase, pointer: event.pointerId };
    this.show();
  }

  #go(event) {
    if (event.pointerId !== this.current?.pointer) return;
    const pieces = event.getCoalescedEvents?.() ?? [];
    for (const piece of pieces.length ? pieces : [event]) this.current.points.push(this.#place(piece));
    this.show();
    this.changed(false);
  }

  #end(event) {
    if (event.pointerId !== this.current?.pointer) return;
    this.strokes.push(this.current);
    this.current = null;
    this.undone = [];
    this.#done();
  }

  #done() {
    this.show();
    this.changed(true);
  }
}

function paintStroke(context, { points, width, erase }) {
  context.globalCompositeOperation = erase ? "destination-out" : "source-over";
  const [[x0, y0, first]] = points;
  if (points.length === 1) {
    context.beginPath();
    context.arc(x0, y0, (width * first) / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  let [fromX, fromY] = [x0, y0];
  for (let at = 1; at < points.length; at++) {
    const [x, y, pressure] = points[at];
    const next = points[at + 1];
    const [toX, toY] = next ? [(x + next[0]) / 2, (y + next[1]) / 2] : [x, y];
    context.lineWidth = width * pressure;
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.quadraticCurveTo(x, y, toX, toY);
    context.stroke();
    [fromX, fromY] = [toX, toY];
  }
}
