// What answers the page: the API of `inkdigits serve`.
import { byId } from "./dom.js";
import { T } from "./strings.js";

const API = "/api/v1";
const TRIES = 5;

/** An answer that is a problem (RFC 9457); `code` is stable. */
export class Problem extends Error {
  constructor(problem) {
    super(problem.detail);
    this.code = problem.code;
    this.status = problem.status;
  }
}

function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", "#draw");
  }
  return sessionStorage.getItem("token");
}

async function askForToken() {
  const dialog = byId("ask-token");
  if (!dialog.open) dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  sessionStorage.setItem("token", byId("token").value);
}

/** The answer to a request; a busy server is asked again. */
export async function call(method, path, { body, type, signal } = {}, tries = TRIES) {
  const headers = {};
  if (type) headers["Content-Type"] = type;
  if (token()) headers.Authorization = `Bearer ${token()}`;
  let response;
  try {
    response = await fetch(path, { method, body, headers, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: T.offline, code: "offline", status: 0 });
  }
  if (response.ok) return response.headers.get("Content-Type").includes("json") ? response.json() : response.blob();
  const problem = await response.json().catch(() => ({ detail: response.statusText, code: "", status: response.status }));
  if (response.status === 401 && tries) {
    await askForToken();
    return call(method, path, { body, type, signal }, tries - 1);
  }
  if ((response.status === 503 || response.status === 429) && tries) {
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
    return call(method, path, { body, type, signal }, tries - 1);
  }
  throw new Problem(problem);
}

const json = (value) => ({ body: JSON.stringify(value), type: "application/json" });

function query(options) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== "" && value !== false);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

export const read = (picture, options = {}, signal) =>
  call("POST", `${API}/read${query({ ...options, glyphs: true })}`, { body: picture, type: picture.type.startsWith("image/") ? picture.type : "application/octet-stream", signal });

export function readRegions(picture, regions, options = {}) {
  const form = new FormData();
  form.append("picture", picture, "picture");
  form.append("regions", JSON.stringify(regions));
  return call("POST", `${API}/regions${query({ ...options, glyphs: true })}`, { body: form });
}

export const explain = (glyph, label, signal) => call("POST", `${API}/explain`, { ...json({ glyph, label }), signal });
export const model = () => call("GET", `${API}/model`);
export const openapi = () => call("GET", "/openapi.json");

export const corrections = {
  store: (correction) => call("POST", `${API}/corrections`, json(correction)),
  page: (offset, limit) => call("GET", `${API}/corrections${query({ offset, limit })}`),
  remove: (key) => call("DELETE", `${API}/corrections/${key}`),
  removeAll: () => call("DELETE", `${API}/corrections`),
  takeIn: (some) => call("POST", `${API}/corrections/import`, json({ corrections: some })),
};
