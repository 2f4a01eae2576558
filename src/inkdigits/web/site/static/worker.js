// Python in a worker: starts Pyodide, then answers what the page asks, one after the other.
import { loadPyodide } from "../pyodide/pyodide.mjs";

const folder = (path) => new URL(`../${path}`, import.meta.url).href;
const load = async (path) => (await fetch(folder(path))).arrayBuffer();
const step = (share) => postMessage({ share });

async function start() {
  const files = Promise.all(["reader/inkdigits.zip", "reader/artifact.onnx", "static/convolve.wasm"].map(load));
  const python = await loadPyodide({ indexURL: folder("pyodide/") });
  step(0.5);
  await python.loadPackage(["numpy", "pillow"], { messageCallback() {} });
  step(0.75);
  const [modules, artifact, kernel] = await files;
  python.unpackArchive(modules, "zip");
  const { instance } = await WebAssembly.instantiate(kernel);
  python.registerJsModule("page", {
    artifact: new Uint8Array(artifact),
    exports: instance.exports,
    floats: (at, count) => new Float32Array(instance.exports.memory.buffer, at, count),
  });
  const answer = python.runPython(`
import page
from inkdigits.web.site.browser import BrowserPage, Kernel
shown = BrowserPage(page.artifact.to_bytes(), Kernel(page.exports, page.floats).convolve)
lambda method, query, body, content: shown.answer(method, query, body, content.to_bytes() if content else b"")`);
  step(1);
  return answer;
}

const started = start();
started.catch((error) => postMessage({ failed: String(error) }));

addEventListener("message", async ({ data: { number, method, query, body, content } }) => {
  const answer = await started;
  try {
    postMessage({ number, answer: JSON.parse(answer(method, query, body, content)) });
  } catch (error) {
    console.error(error);
    postMessage({ number, answer: { problem: { code: "internal", detail: String(error.message).trim().split("\n").at(-1), status: 0 } } });
  }
});
