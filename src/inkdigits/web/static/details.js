// The chosen digit: what was said of it, the glyph, the evidence, the ten probabilities.
import { explain } from "./backend.js";
import { byId, make } from "./dom.js";
import { nameOf, stateOf } from "./reading.js";
import { T, percent } from "./strings.js";

const SIDE = 28;
const [INK_FOR, INK_AGAINST, INK_NEUTRAL] = [[40, 98, 230], [214, 52, 44], [150, 150, 150]];
const PAPER = [255, 255, 255];
let explaining = null;

/** The 784 bytes of a glyph from base64. */
export const bytesOf = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
export const rowsOf = (bytes) => Array.from({ length: SIDE }, (_, row) => Array.from(bytes.slice(row * SIDE, (row + 1) * SIDE)));

/** Show a digit of a reading, with its glyph in base64, and the names of all labels; nothing for none. */
export function showDetails(digit, glyph, labels) {
  byId("details").hidden = !digit;
  explaining?.abort();
  if (!digit) return;
  const state = stateOf(digit);
  byId("details").dataset.state = state;
  byId("label").textContent = state === "rejected" ? "?" : nameOf(digit);
  byId("said").textContent = saying(digit, state, labels);
  byId("sure").textContent = state === "corrected" ? "" : T.sure(percent(digit.confidence));
  byId("notes").textContent = digit.notes.join(" · ");
  showBars(digit, labels);
  const bytes = bytesOf(glyph);
  paintGlyph(byId("glyph"), bytes);
  paintGlyph(byId("evidence"), bytes);
  showEvidence(bytes, digit.label);
}

function saying(digit, state, labels) {
  if (state === "corrected") return T.said_corrected(nameOf(digit));
  if (digit.candidates.length > 1) return T.said_or(digit.candidates.map((label) => labels[label]));
  return state === "rejected" ? T.said_none : T.said(nameOf(digit));
}

function showBars(digit, labels) {
  const bars = digit.probabilities.map((share, label) => {
    const bar = make("span", { className: "bar-fill" });
    bar.style.width = `${100 * share}%`;
    return make(
      "li",
      { className: digit.candidates.includes(label) ? "candidate" : "" },
      make("span", { className: "bar-label", textContent: labels[label] }),
      make("span", { className: "bar-track" }, bar),
      make("span", { className: "bar-share", textContent: percent(share) }),
    );
  });
  byId("bars").replaceChildren(...bars);
}

/** A glyph as dark ink on paper, coloured by its evidence where that is known. */
export function paintGlyph(canvas, bytes, evidence = null) {
  [canvas.width, canvas.height] = [SIDE, SIDE];
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  const most = evidence ? Math.max(1e-9, ...evidence.map(Math.abs)) : 1;
  for (let at = 0; at < SIDE * SIDE; at++) {
    const ink = bytes[at] / 255;
    const strength = evidence ? Math.sqrt(Math.abs(evidence[at]) / most) : 0;
    const tone = evidence && evidence[at] < 0 ? INK_AGAINST : INK_FOR;
    for (let channel = 0; channel < 3; channel++) {
      const plain = evidence ? INK_NEUTRAL[channel] : 24;
      const colour = plain * (1 - strength) + tone[channel] * strength;
      image.data[4 * at + channel] = PAPER[channel] * (1 - ink) + colour * ink;
    }
    image.data[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

async function showEvidence(bytes, label) {
  explaining = new AbortController();
  const { signal } = explaining;
  try {
    const answer = await explain(rowsOf(bytes), label, signal);
    if (!signal.aborted) paintGlyph(byId("evidence"), bytes, answer.evidence.flat());
  } catch {
    // the glyph stays without its evidence; reading goes on
  }
}
