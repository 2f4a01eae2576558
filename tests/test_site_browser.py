"""The static folder in a browser: it reads what CPython reads, and needs no network again."""

import base64
import functools
import http.server
import io
import json
import threading

import numpy as np
import pytest
from handwriting import Page, single, string
from PIL import Image
from playwright.sync_api import expect
from scenes import scene

from inkdigits import Reader
from inkdigits.cli import main
from inkdigits.web.corrections import parse_correction
from inkdigits.web.site import pyodide
from tests.conftest import CHROMIUM
from tests.test_web_page import (
    EXAMPLE,
    cleared,
    draw,
    expect_text,
    serious_findings,
    visit_all,
)

WANTED = pyodide.INTERPRETER | pyodide.WHEELS
HAS_PYODIDE = all((pyodide.cached_in() / name).is_file() for name in WANTED)
FETCH = "inkdigits export --format web"
START_MS = 60_000

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="THE STATIC FOLDER IS NOT TESTED: install Chromium, on Debian: apt-get install "
        "chromium",
    ),
    pytest.mark.skipif(
        not HAS_PYODIDE,
        reason=f"THE STATIC FOLDER IS NOT TESTED: Pyodide isn't in the cache; '{FETCH}' fetches it",
    ),
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


class Site:
    """The folder behind Python's own web server, which can be stopped."""

    def __init__(self, folder):
        handler = functools.partial(Quiet, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "page"
    assert main(["export", "--format", "web", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def shown(browser, folder):
    """A page that has started, and its site; at the end it must have shown no error."""
    site, errors = Site(folder), []
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    elsewhere = []
    page.on("request", lambda request: elsewhere.append(request.url))
    page.goto(site.address)
    page.set_default_timeout(START_MS)
    expect(page.get_by_text("Getting ready")).to_be_visible()
    expect(page.locator("#strip button").first).to_be_visible(timeout=START_MS)
    expect(page.get_by_text("Getting ready")).to_be_hidden()
    yield page, site
    page.close()
    assert errors == []
    assert [url for url in elsewhere if not url.startswith((site.address, "blob:", "data:"))] == []


READ = """async ([name, content, type]) => {
  const { read } = await import("./static/backend.js");
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
  const { reading, glyphs } = await read(new File([bytes], name, { type }), { page: 0 });
  return { text: reading.text, accepted: reading.accepted, confidence: reading.confidence,
           boxes: reading.digits.map(({ box }) => box), glyphs };
}"""


def clean(data, rng):
    """A digit as people draw it on the page: black on white, of any size."""
    side = int(rng.integers(28, 281))
    image = Image.fromarray(255 - data.images[int(rng.integers(len(data)))])
    return Page(np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)), "")


def drawn_pictures(data):
    """200 picture files: drawn digits, strings, photographs, and large ones."""
    kinds = [(clean, 150), (string, 25), (single, 10), (scene, 12)]
    for number, (kind, count) in enumerate(kinds):
        for seed in range(count):
            canvas = kind(data, np.random.default_rng([20, number, seed])).canvas
            yield encoded(canvas, "PNG" if seed % 3 else "JPEG")
    for width, form in ((1800, "PNG"), (1800, "JPEG"), (4000, "PNG")):
        yield encoded(large(data, width), form)


def large(data, width):
    """A string as a camera of millions of pixels would have it."""
    sheet = Image.fromarray(string(data, np.random.default_rng(20)).canvas)
    return np.asarray(sheet.resize((width, round(width * sheet.height / sheet.width))))


def encoded(canvas, form):
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, form)
    return file.getvalue(), f"image/{form.lower()}"


def read_in(page, content, kind):
    return page.evaluate(READ, ["a", base64.b64encode(content).decode(), kind])


def boxes_of(reading):
    return [digit.to_dict()["box"] for digit in reading.digits]


def test_200_pictures_are_read_as_cpython_reads_them(shown, mnist_test):
    page, _ = shown
    reader, count = Reader.load(), 0
    for content, kind in drawn_pictures(mnist_test):
        expected, found = reader.read(content), read_in(page, content, kind)
        assert found["text"] == expected.text, count
        assert found["accepted"] == expected.accepted, count
        assert found["confidence"] == pytest.approx(expected.confidence, abs=1e-5), count
        assert found["boxes"] == boxes_of(expected), count
        glyphs = [digit.glyph.tobytes() for digit in expected.digits]
        assert [base64.b64decode(glyph) for glyph in found["glyphs"]] == glyphs, count
        count += 1
    assert count == 200


def test_a_large_jpeg_is_read_alike_though_its_pixels_are_decoded_by_another_library(
    shown, mnist_test
):
    content, kind = encoded(large(mnist_test, 4000), "JPEG")
    expected, found = Reader.load().read(content), read_in(shown[0], content, kind)
    assert (found["text"], found["boxes"]) == (expected.text, boxes_of(expected))


def test_a_drawn_digit_is_read_and_explained(shown):
    page, _ = shown
    cleared(page)
    draw(page, "4")
    expect_text(page, "4")
    expect(page.get_by_text("This is a 4")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(shown, scheme):
    page, _ = shown
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for view in visit_all(page, views=("draw", "pictures", "corrections", "model")):
        assert serious_findings(page) == [], view
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page.evaluate("location.hash = 'draw'")


def test_a_table_is_left_to_the_server(shown):
    page, _ = shown
    page.goto(page.url.split("#")[0] + "#pictures")
    expect(page.locator("#results tbody tr")).to_have_count(1)
    expect(page.locator("#kind option")).to_have_count(3)


def test_a_correction_stays_in_the_browser_and_is_downloaded(shown, tmp_path):
    page, site = shown
    page.goto(f"{site.address}#draw")
    page.get_by_role("button", name="Not a digit").click()
    expect(page.get_by_text("Stored: not a digit")).to_be_visible()
    page.get_by_role("link", name="Corrections").click()
    expect(page.get_by_text("1 stored, 1 of them misread")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    path = tmp_path / "corrections.jsonl"
    download.value.save_as(path)
    (line,) = path.read_text().splitlines()
    assert parse_correction(json.loads(line)).label is None
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_text("None yet")).to_be_visible()
    page.locator("#corrections input[type=file]").set_input_files(path)
    expect(page.get_by_text("1 stored, 1 of them misread")).to_be_visible()


def test_the_second_start_needs_no_network(browser, folder):
    site = Site(folder)
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(site.address)
    page.set_default_timeout(START_MS)
    expect(page.locator("#strip button").first).to_be_visible(timeout=START_MS)
    site.stop()
    page.reload()
    expect(page.locator("#strip button").first).to_be_visible(timeout=START_MS)
    expect_text(page, EXAMPLE)
    context.close()
