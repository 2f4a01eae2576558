// What stands on the page at first: a number drawn like a person's, as strokes of (x, y).

const arc = (x, y, rx, ry, from, to, steps = 18) =>
  Array.from({ length: steps + 1 }, (_, step) => {
    const angle = ((from + ((to - from) * step) / steps) * Math.PI) / 180;
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
  });

const line = (...corners) =>
  corners.slice(1).flatMap(([x1, y1], at) => {
    const [x0, y0] = corners[at];
    return Array.from({ length: 9 }, (_, step) => [x0 + ((x1 - x0) * step) / 8, y0 + ((y1 - y0) * step) / 8]);
  });

// 3.1472
const STROKES = [
  [...arc(52, -40, 30, 32, 205, 430), ...arc(50, 26, 36, 37, 290, 505)],
  arc(112, 60, 2, 2, 0, 360, 6),
  line([146, -44], [166, -68], [160, 62]),
  line([234, -66], [205, 10], [278, 4]),
  line([264, -34], [258, 66]),
  [...line([318, -60], [380, -66]), ...line([380, -66], [364, -28], [344, 62])],
  [...arc(440, -34, 32, 33, 195, 400), ...line([463, -12], [410, 58], [486, 52])],
];

/** The example in the middle of a drawing area of this size. */
export const exampleFor = (width, height) => {
  const scale = Math.min(1, height / 230, width / 556);
  const left = (width - 502 * scale) / 2;
  return STROKES.map((stroke) => stroke.map(([x, y]) => [left + x * scale, height / 2 + y * scale]));
};
