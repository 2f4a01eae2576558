// A reading on the page: boxes over the ink, the strip of digits, the badge.
import { byId, draw, make } from "./dom.js";
import { T, percent } from "./strings.js";

const FLAWS = { accepted: T.state_sure, unsure: T.state_unsure, rejected: T.state_rejected, corrected: T.state_corrected };

/** How sure a digit is: "accepted", "unsure" (several candidates), "rejected" or "corrected". */
export function stateOf(digit) {
  if (digit.corrected) return "corrected";
  if (!digit.accepted) return "rejected";
  return digit.candidates.length > 1 ? "unsure" : "accepted";
}

export const nameOf = (digit) => digit.name ?? String(digit.label);

/** The boxes of digits and marks over a picture of this size; `choose(index)` for a clicked one. */
export function showBoxes(svg, reading, [width, height], chosen, choose = null) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  if (!reading) return;
  const unit = unitOf(svg);
  for (const mark of reading.marks) svg.append(box(unit, mark.box, "mark", ""));
  reading.digits.forEach((digit, index) => {
    const group = box(unit, digit.box, stateOf(digit), nameOf(digit), index === chosen);
    if (choose) group.addEventListener("click", () => choose(index));
    svg.append(group);
  });
}

/** How many units of an SVG's picture are a pixel on the screen. */
export const unitOf = (svg) => svg.viewBox.baseVal.width / Math.max(1, svg.clientWidth);

function box(unit, [x, y, width, height], state, text, chosen = false) {
  const pad = Math.max(2 * unit, height * 0.05);
  const size = Math.min(24, Math.max(11, (height * 0.16) / unit)) * unit;
  const frame = draw("rect", { x: x - pad, y: y - pad, width: width + 2 * pad, height: height + 2 * pad, rx: pad });
  const group = draw("g", { class: `${state}${chosen ? " chosen" : ""}` }, frame);
  if (text) {
    const label = draw("text", { x: x - pad, y: y - 2 * pad, "font-size": size });
    label.textContent = text;
    group.append(label);
  }
  return group;
}

/** The text of a reading in pieces: signs, and the digits that they are of. */
export function piecesOf({ text, digits }) {
  if (digits[0]?.name) return [{ sign: digits[0].name, digit: digits[0] }];
  let next = 0;
  return Array.from(text, (sign) => {
    if (sign !== String(digits[next]?.label)) return { sign };
    next += 1;
    return { sign, digit: digits[next - 1] };
  });
}

/** The text of a reading as buttons, one for each digit, with the marks between them. */
export function showStrip(place, reading, chosen, choose) {
  const lines = [make("div", { className: "line" })];
  for (const { sign, digit } of piecesOf(reading)) {
    const line = lines.at(-1);
    if (digit) {
      const index = reading.digits.indexOf(digit);
      line.append(chip(digit, index, index === chosen, choose));
    } else if (sign === "\n") {
      lines.push(make("div", { className: "line" }));
    } else {
      line.append(make("span", { className: sign === " " ? "gap" : "sign", textContent: sign }));
    }
  }
  place.replaceChildren(...lines);
}

function chip(digit, index, chosen, choose) {
  const state = stateOf(digit);
  const said = state === "unsure" ? T.said_or(digit.candidates.slice(0, 3)) : nameOf(digit);
  const button = make(
    "button",
    {
      type: "button",
      className: `chip ${state}`,
      "aria-pressed": String(chosen),
      "aria-label": T.digit_chip(said, percent(digit.confidence), FLAWS[state]),
    },
    make("span", { className: "digit", textContent: nameOf(digit) }),
    make("span", { className: "meter" }, meter(digit.confidence)),
  );
  button.addEventListener("click", () => choose(index));
  return button;
}

function meter(share) {
  const bar = make("span");
  bar.style.width = `${100 * share}%`;
  return bar;
}

/** Badge, remark and the line for screen readers. */
export function showVerdict(reading, { busy = false } = {}) {
  const badge = byId("verdict");
  const state = !reading || busy ? "" : reading.accepted ? "accepted" : "rejected";
  badge.className = `badge ${state}`;
  badge.textContent = busy ? T.busy : state === "accepted" ? T.accepted : state ? T.unsure : "";
  if (busy) return;
  byId("remark").textContent = remark(reading);
  byId("live").textContent = reading?.digits.length ? T.read_aloud(reading.text, percent(reading.confidence)) : remark(reading);
}

function remark(reading) {
  if (!reading) return T.nothing;
  if (!reading.digits.length) return T.no_ink;
  const values = reading.numbers.filter(({ text, value }) => value !== null && text !== String(value));
  const parts = [T.sure(percent(reading.confidence)), ...values.map(({ text, value }) => T.value(text, value)), ...reading.notes];
  return parts.join(" · ");
}
