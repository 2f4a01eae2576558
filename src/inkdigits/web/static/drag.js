// Boxes that are dragged over a picture or a drawing.

/**
 * Call `moved(box)` and `ended(box)` for drags over an element while `isOn()`; boxes are
 * [x, y, width, height] as shares of the element.
 */
export function onDrag(element, isOn, moved, ended) {
  let from = null;
  let box = null;
  const place = (event) => {
    const frame = element.getBoundingClientRect();
    const shares = [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
    return shares.map((share) => Math.min(1, Math.max(0, share)));
  };
  element.addEventListener("pointerdown", (event) => {
    if (!isOn() || event.button > 0) return;
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
    from = place(event);
    box = [...from, 0, 0];
  });
  element.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = place(event);
    box = [Math.min(x, from[0]), Math.min(y, from[1]), Math.abs(x - from[0]), Math.abs(y - from[1])];
    moved(box);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    element.addEventListener(end, () => {
      if (!from) return;
      const last = box.map((share) => Math.round(share * 1e4) / 1e4);
      from = box = null;
      ended(last);
    });
  }
}

const LEAST = 0.01;

/** Whether a box is more than a click. */
export const isLarge = (box) => Math.min(box[2], box[3]) >= LEAST;
