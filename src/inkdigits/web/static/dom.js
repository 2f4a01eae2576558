// Small tools for elements.
import { T } from "./strings.js";

export const byId = (id) => document.getElementById(id);

/** An element with properties, attributes (names with a dash, role, for …) and children. */
export function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes. */
export function draw(tag, given = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const icon = (name) => draw("svg", { class: "icon" }, draw("use", { href: `static/icons.svg#${name}` }));

let hiding = 0;

/** Tell something for a moment, with an action beside it if there is one. */
export function toast(text, action = "", act = null) {
  const place = byId("toast");
  place.replaceChildren(make("span", { textContent: text }));
  if (act) {
    const button = make("button", { type: "button", className: "worded", textContent: action });
    button.addEventListener("click", () => {
      place.classList.remove("shown");
      act();
    });
    place.append(button);
  }
  place.classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => place.classList.remove("shown"), act ? 8000 : 3000);
}

export const fail = (error) => toast(T.failed(error.message));

/** Let the browser save content under a name. */
export function save(name, blob) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
