"""From pen-up to the boxes on the page, in Chromium: with `inkdigits serve`, or with no server.

    python benchmarks/page_speed.py           # with the server
    python benchmarks/page_speed.py FOLDER    # that `inkdigits export --format web` has made

Browser, server and this program share the machine's cores.
"""

import re
import shutil
import statistics
import subprocess
import sys

from playwright.sync_api import Page, sync_playwright

DIGITS = 22
SEVEN = [(0.18, 0.05), (0.5, 0.05), (0.82, 0.05), (0.6, 0.5), (0.42, 0.98)]
SERVE = ["-m", "inkdigits", "serve", "--port", "0", "--no-corrections"]
WATCH = """() => {
  const boxes = document.getElementById("pad-boxes");
  window.times = [];
  let up = 0;
  document.getElementById("pad").addEventListener("pointerup", () => { up = performance.now(); });
  new MutationObserver(() => {
    if (up && boxes.querySelector("rect")) times.push(performance.now() - up);
    up = 0;
  }).observe(boxes, { childList: true });
}"""


def draw(page: Page, number: int) -> None:
    """A seven, each time elsewhere, as fast as a hand."""
    frame = page.locator("#pad").bounding_box()
    left, width, height = 0.2 + 0.4 * (number % 5) / 5, 0.16, 0.55
    for step, (x, y) in enumerate(SEVEN):
        across = frame["x"] + frame["width"] * (left + width * x)
        page.mouse.move(across, frame["y"] + frame["height"] * (0.2 + height * y), steps=4)
        if not step:
            page.mouse.down()
        page.wait_for_timeout(40)
    page.mouse.up()


def measure(address: str) -> list[float]:
    """The times in ms from pen-up to the boxes."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        page.locator("#strip button").first.wait_for(timeout=120_000)
        page.evaluate(WATCH)
        for number in range(DIGITS):
            page.get_by_role("button", name="Clear").click()
            draw(page, number)
            page.locator("#strip button").first.wait_for()
        times: list[float] = page.evaluate("() => times")
        browser.close()
    return times


def main() -> None:
    """Start what serves the page, draw, print the figures."""
    folder = sys.argv[1] if len(sys.argv) > 1 else ""
    there = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder]
    command = [sys.executable, *(there if folder else SERVE)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = re.search(r"(?:port |:)(\d+)", server.stdout.readline())[1]
        times = measure(f"http://127.0.0.1:{port}/")
        median = statistics.median(times)
        print(f"{len(times)} digits: median {median:.0f} ms, most {max(times):.0f} ms")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
