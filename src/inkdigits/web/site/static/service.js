// Keeps the folder in the browser, so that it starts without a network. `inkdigits export` writes
// VERSION and FILES, the size in bytes of each, above this line.
const PREFIX = `inkdigits ${registration.scope} `;
const CACHE = PREFIX + VERSION;
const TOLD_BYTES = 1 << 18;

async function keep() {
  const cache = await caches.open(CACHE);
  const total = Object.values(FILES).reduce((sum, size) => sum + size, 0);
  let [done, told] = [0, 0];
  const count = (chunk, controller) => {
    done += chunk.length;
    controller.enqueue(chunk);
    if (done - told < TOLD_BYTES) return;
    told = done;
    tell(done / total);
  };
  const take = async (path) => {
    const response = await fetch(path, { cache: "no-cache" });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    const body = response.body.pipeThrough(new TransformStream({ transform: count }));
    await cache.put(path, new Response(body, { headers: { "Content-Type": response.headers.get("Content-Type") } }));
  };
  await Promise.all(Object.keys(FILES).map(take));
}

async function tell(share) {
  for (const client of await clients.matchAll({ includeUncontrolled: true })) client.postMessage({ share });
}

async function takeOver() {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  await clients.claim();
}

async function find(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.mode === "navigate" ? "index.html" : request, { ignoreSearch: true });
  return kept ?? fetch(request);
}

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(takeOver()));
addEventListener("fetch", (event) => event.respondWith(find(event.request)));
