// What answers the page in a static folder: Python in a worker; corrections stay in the browser.
import { bytesOf } from "./details.js";
import { byId, make } from "./dom.js";
import { T, T_IN_BROWSER } from "./strings.js";

Object.assign(T, T_IN_BROWSER);
const DOWNLOADED = 0.6; // of the bar: then Python starts

/** An answer that is a problem; `code` is stable. */
export class Problem extends Error {
  constructor(problem) {
    super(problem.detail);
    this.code = problem.code;
    this.status = problem.status;
  }
}

const bar = make("progress", { max: 1, value: 0 });
const starting = make("label", { id: "starting", className: "card" }, make("span", { textContent: T.starting }), bar);
byId("unserved").replaceWith(starting);
const show = (share) => (bar.value = Math.max(bar.value, share));

/** The service worker has the whole folder, or there can be none: on http, but on this machine. */
async function kept() {
  navigator.serviceWorker.addEventListener("message", ({ data }) => show(DOWNLOADED * data.share));
  const registration = await navigator.serviceWorker.register("service.js");
  const { installing } = registration;
  if (registration.active || !installing) return;
  await new Promise((resolve) => {
    installing.addEventListener("statechange", () => ["activated", "redundant"].includes(installing.state) && resolve());
  });
}

async function start() {
  if (navigator.serviceWorker) await kept().catch(console.warn);
  show(DOWNLOADED);
  const worker = new Worker("static/worker.js", { type: "module" });
  worker.addEventListener("message", ({ data }) => {
    if (data.share) show(DOWNLOADED + (1 - DOWNLOADED) * data.share);
    if (data.share === 1) starting.remove();
    if (data.failed) starting.replaceChildren(T.failed(data.failed));
    if (data.number) settle(data);
  });
  return worker;
}

const worker = start();
const waiting = []; // what the worker is asked, in order; the first is being answered
let asked = 0;

function ask(method, { query = "", body = null, content = null } = {}) {
  return new Promise((resolve, reject) => {
    waiting.push({ resolve, reject, message: { number: ++asked, method, query, body: JSON.stringify(body), content } });
    if (waiting.length === 1) next();
  });
}

const next = async () => waiting.length && (await worker).postMessage(waiting[0].message);

function settle({ answer }) {
  const { resolve, reject } = waiting.shift();
  next();
  if (answer.problem) reject(new Problem(answer.problem));
  else resolve(answer);
}

function queryOf(options) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== "" && value !== false);
  return String(new URLSearchParams(given));
}

const bytesIn = async (picture) => new Uint8Array(await picture.arrayBuffer());

export const read = async (picture, options = {}) =>
  ask("read", { query: queryOf({ ...options, glyphs: true }), content: await bytesIn(picture) });

export const readRegions = async (picture, regions, options = {}) =>
  ask("regions", { query: queryOf({ ...options, glyphs: true }), body: regions, content: await bytesIn(picture) });

export const explain = (glyph, label) => ask("explain", { body: { glyph, label } });
export const model = async () => (await fetch("reader/model.json")).json();

const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open(`inkdigits ${new URL(".", location.href).pathname}`, 1);
  request.addEventListener("upgradeneeded", () => request.result.createObjectStore("corrections", { keyPath: "key" }));
  request.addEventListener("success", () => resolve(request.result));
  request.addEventListener("error", () => reject(request.error));
});

/** What a request to the store gives, once it is written. */
async function stored(mode, act) {
  const transaction = (await opened).transaction("corrections", mode);
  const request = act(transaction.objectStore("corrections"));
  await new Promise((resolve, reject) => {
    transaction.addEventListener("complete", resolve);
    transaction.addEventListener("abort", () => reject(transaction.error));
  });
  return request.result;
}

const all = () => stored("readonly", (store) => store.getAll());

async function takeIn(some) {
  const checked = await ask("check", { body: some });
  const before = await stored("readonly", (store) => store.count());
  await stored("readwrite", (store) => checked.map((one) => store.put(one)).at(-1) ?? store.count());
  return { count: (await stored("readonly", (store) => store.count())) - before };
}

export const corrections = {
  async store({ crop, ...said }) {
    const made = await ask("correct", { body: said, content: bytesOf(crop.split(",")[1]) });
    await stored("readwrite", (store) => store.add(made));
    navigator.storage?.persist();
    return made;
  },
  async page(offset, limit) {
    const newest = (await all()).sort((one, other) => (one.created < other.created ? 1 : -1));
    const misread = newest.filter(({ label, read_as }) => label !== read_as).length;
    return { corrections: newest.slice(offset, offset + limit), stored: newest.length, misread };
  },
  async remove(key) {
    const found = await stored("readonly", (store) => store.get(key));
    await stored("readwrite", (store) => store.delete(key));
    return found;
  },
  async removeAll() {
    const count = await stored("readonly", (store) => store.count());
    await stored("readwrite", (store) => store.clear());
    return { count };
  },
  takeIn,
};
