"""The page in a browser: draw, upload, correct, by mouse, finger and keyboard."""

import base64
import csv
import json
import os
import re
import subprocess
from pathlib import Path

import axe_playwright_python
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from inkdigits.web.corrections.store import DATABASE_VARIABLE
from tests.command_line import start
from tests.conftest import CHROMIUM

SCREENSHOTS = os.environ.get("INKDIGITS_SCREENSHOTS")  # a folder where each test leaves one
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
EXAMPLE = "3.1472"
VIEWS = ("draw", "pictures", "corrections", "model", "api")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="THE PAGE IS NOT TESTED: install Chromium, on Debian: apt-get install chromium",
)

expect.set_options(timeout=20_000)  # a page that the other tests leave little of a processor


def curve(x, y, rx, ry, first, last):
    angles = np.radians(np.linspace(first, last, 14))
    return [(x + rx * np.cos(angle), y + ry * np.sin(angle)) for angle in angles]


# Strokes of (x, y) in a box of 0…1.
STROKES = {
    "0": [curve(0.5, 0.5, 0.32, 0.48, -90, 275)],
    "1": [[(0.35, 0.2), (0.55, 0.02), (0.55, 0.3), (0.55, 0.65), (0.55, 0.98)]],
    "2": [[*curve(0.5, 0.27, 0.3, 0.25, 190, 395), (0.2, 0.95), (0.5, 0.95), (0.85, 0.95)]],
    "3": [[*curve(0.45, 0.25, 0.3, 0.23, 205, 440), *curve(0.45, 0.73, 0.34, 0.26, 275, 505)]],
    "4": [[(0.45, 0.02), (0.3, 0.35), (0.15, 0.65), (0.5, 0.65), (0.85, 0.65)],
          [(0.65, 0.35), (0.65, 0.65), (0.65, 1.0)]],
    "5": [[(0.78, 0.03), (0.5, 0.03), (0.3, 0.03), (0.26, 0.42),
           *curve(0.45, 0.69, 0.33, 0.29, 235, 500)]],
    "6": [[(0.65, 0.02), (0.42, 0.28), (0.25, 0.6), *curve(0.5, 0.72, 0.26, 0.25, 180, -185)]],
    "7": [[(0.18, 0.05), (0.5, 0.05), (0.82, 0.05), (0.6, 0.5), (0.42, 0.98)]],
    "8": [[*curve(0.5, 0.26, 0.24, 0.23, 80, -270), *curve(0.5, 0.74, 0.3, 0.25, -90, 265)]],
    "9": [[*curve(0.48, 0.28, 0.27, 0.25, 0, -350), (0.74, 0.35), (0.7, 0.7), (0.64, 1.0)]],
}  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server with an empty database of corrections."""
    database = f"sqlite:///{tmp_path_factory.mktemp('page')}/corrections.sqlite"
    environment = {**os.environ, DATABASE_VARIABLE: database}
    process = start("serve", "--port", "0", env=environment, stderr=subprocess.DEVNULL)
    yield re.search(r"http://\S+/", process.stdout.readline())[0]
    process.terminate()
    process.communicate()


@pytest.fixture
def opened(browser, address, request):
    """Open the page in a window of its own; at the end it must have shown no error."""
    contexts, errors = [], []

    def visit(view="draw", width=1280, height=800, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(f"{address}#{view}")
        return page

    yield visit
    for number, context in enumerate(contexts):
        if SCREENSHOTS:
            name = f"{request.node.name}-{number}.png".replace("/", "-")
            context.pages[0].screenshot(path=Path(SCREENSHOTS) / name)
        context.close()
    assert errors == []


def reading_of(page):
    """The text in the strip, as people see it."""
    return page.locator("#strip")


def expect_text(page, text):
    expect(reading_of(page)).to_have_text(re.compile("^" + r"\s*".join(map(re.escape, text)) + "$"))


def draw(page, digit, left=0.42, width=0.16):
    """Draw a digit on the drawing area by pointer, at a place in shares of it."""
    frame = page.locator("#pad").bounding_box()
    for stroke in STROKES[digit]:
        places = [
            (
                frame["x"] + frame["width"] * (left + width * x),
                frame["y"] + frame["height"] * (0.2 + 0.55 * y),
            )
            for x, y in stroke
        ]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()


def cleared(page):
    expect_text(page, EXAMPLE)
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Write a number here")).to_be_visible()


@pytest.fixture(scope="module")
def files(tmp_path_factory, mnist_test):
    """A picture of the digits 7, 2 and 1, one of a 0, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("files")
    row = 255 - np.concatenate(list(mnist_test.images[:3]), axis=1)
    Image.fromarray(row).resize((420, 140)).save(folder / "row.png")
    Image.fromarray(255 - mnist_test.images[3]).resize((140, 140)).save(folder / "zero.png")
    with Image.open(folder / "row.png") as first, Image.open(folder / "zero.png") as second:
        first.save(folder / "pages.tif", save_all=True, append_images=[second])
    (folder / "text.png").write_text("no picture")
    return folder


def upload(page, files, *names):
    page.locator("#files").set_input_files([files / name for name in names])


def test_an_example_is_read_at_first_glance(opened):
    page = opened()
    expect_text(page, EXAMPLE)
    expect(page.locator("#pad-boxes rect")).to_have_count(6)
    expect(page.locator("#said")).to_have_text("This is a 3")
    expect(page.locator("#bars li")).to_have_count(10)
    expect(page.locator("#live")).to_contain_text("Read: 3.1472")


def test_each_digit_is_drawn_and_read(opened):
    page = opened()
    cleared(page)
    for digit in STROKES:
        draw(page, digit)
        expect_text(page, digit)
        page.get_by_role("button", name="Clear").click()
        expect(page.locator("#pad-hint")).to_be_visible()


def test_several_strokes_are_undone_redone_and_erased(opened):
    page = opened()
    cleared(page)
    draw(page, "7", left=0.2)
    draw(page, "1", left=0.5)
    expect_text(page, "71")
    page.keyboard.press("Control+z")
    expect_text(page, "7")
    page.keyboard.press("Control+y")
    expect_text(page, "71")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect_text(page, "7")
    page.get_by_role("button", name="Eraser").click()
    page.locator("#width").fill("36")
    for _ in range(2):
        draw(page, "7", left=0.2)
    expect(page.locator("#strip .chip")).to_have_count(0)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect_text(page, "7")
    page.keyboard.press("Delete")
    expect(page.locator("#pad-hint")).to_be_visible()


def test_a_finger_draws_and_the_page_does_not_scroll(opened):
    page = opened(width=390, height=800, has_touch=True, is_mobile=True)
    cleared(page)
    frame = page.locator("#pad").bounding_box()
    session = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": x, "y": y} for x, y in places]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    places = [(frame["x"] + 190, frame["y"] + 40 + 20 * step) for step in range(9)]
    touch("touchStart", places[0])
    for place in places[1:]:
        touch("touchMove", place)
    touch("touchEnd")
    expect_text(page, "1")
    assert page.evaluate("scrollY") == 0


class Held:
    """Readings that a page has asked for, and whose answers wait."""

    def __init__(self, page):
        self.page, self.routes = page, []
        page.route("**/api/v1/read*", lambda route: self.routes.append(route))

    def count(self):
        self.page.wait_for_timeout(300)
        return len(self.routes)

    def release(self):
        with self.page.expect_response("**/api/v1/read*"):
            self.routes.pop(0).continue_()


def test_a_slow_server_is_asked_for_one_reading_at_a_time_and_the_last_is_shown(opened):
    page = opened()
    cleared(page)
    held = Held(page)
    draw(page, "1", left=0.2, width=0.2)
    draw(page, "7", left=0.5, width=0.2)
    page.get_by_role("link", name="Model").click()  # it is read where nobody sees it, too
    assert held.count() == 1
    held.release()
    assert held.count() == 1
    held.release()
    assert held.count() == 0
    page.get_by_role("link", name="Draw").click()
    expect_text(page, "17")


def test_what_was_cleared_while_it_was_read_does_not_come_back(opened):
    page = opened()
    cleared(page)
    held = Held(page)
    draw(page, "1")
    page.get_by_role("button", name="Clear").click()
    assert held.count() == 1
    draw(page, "7")
    held.release()
    assert held.count() == 1
    expect(page.locator("#strip .chip")).to_have_count(0)
    held.release()
    expect_text(page, "7")


def test_pictures_are_uploaded_listed_and_chosen(opened, files):
    page = opened("pictures")
    expect_text(page, "314159" + "27182" + "1618")
    upload(page, files, "row.png", "zero.png")
    rows = page.locator("#results tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("721")
    expect_text(page, "721")
    page.get_by_role("button", name="zero.png").click()
    expect_text(page, "0")
    before = page.locator("#stage").bounding_box()["width"]
    page.get_by_role("button", name="Larger").click()
    assert page.locator("#stage").bounding_box()["width"] > 1.2 * before
    page.get_by_role("button", name="row.png").click()
    page.get_by_role("button", name="Fit").click()
    page.locator("#picture-boxes g.accepted").nth(1).click()
    expect(page.locator("#said")).to_have_text("This is a 2")


def test_what_is_known_of_the_pictures_is_used(opened, files):
    page = opened("pictures")
    upload(page, files, "row.png")
    expect_text(page, "721")
    page.get_by_label("It is").select_option("a table")
    page.get_by_label("Rows × columns").fill("1x3")
    page.get_by_label("Rows × columns").blur()
    expect(page.locator("#results tbody")).to_contain_text("7 2 1")


def test_pages_that_the_browser_cannot_open_are_shown(opened, files):
    page = opened("pictures")
    upload(page, files, "pages.tif")
    expect(page.get_by_role("button", name="pages.tif, page 2")).to_be_visible()
    page.get_by_role("button", name="pages.tif, page 2").click()
    expect_text(page, "0")
    assert page.locator("#picture").evaluate("canvas => canvas.width") == 140


def give(page, path, way):
    """Paste or drop a file."""
    content = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(
        """([content, way]) => {
          const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], "x.png", { type: "image/png" }));
          const event = way === "paste"
            ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
            : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
          document.body.dispatchEvent(event);
        }""",
        [content, way],
    )


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_picture_that_is_pasted_or_dropped_is_read(opened, files, way):
    page = opened()
    expect_text(page, EXAMPLE)
    give(page, files / "row.png", way)
    expect_text(page, "721")
    expect(page.locator("nav [aria-current]")).to_have_text("Pictures")


def saved(page, form):
    with page.expect_download() as download:
        page.locator("#download").select_option(form)
    return Path(download.value.path())


def test_readings_are_downloaded_in_every_form(opened, files):
    page = opened("pictures")
    upload(page, files, "row.png", "zero.png")
    expect(page.locator("#results tbody tr").nth(1)).to_contain_text("0")
    expect_text(page, "721")
    assert saved(page, "text").read_text() == "721\n0"
    rows = list(csv.DictReader(saved(page, "csv").read_text().splitlines()))
    assert [(row["path"], row["text"]) for row in rows] == [("row.png", "721"), ("zero.png", "0")]
    assert [row["text"] for row in json.loads(saved(page, "json").read_text())] == ["721", "0"]
    with Image.open(saved(page, "png")) as picture:
        assert picture.size == (420, 140)


def test_regions_are_marked_named_kept_and_read(opened, files, tmp_path):
    page = opened("pictures")
    upload(page, files, "row.png")
    expect_text(page, "721")
    page.get_by_role("button", name="Regions", exact=True).click()
    frame = page.locator("#picture-boxes").bounding_box()
    page.mouse.move(frame["x"] + 2, frame["y"] + 2)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] * 0.34, frame["y"] + frame["height"] - 2, steps=3)
    page.mouse.up()
    page.get_by_label("Name of the region").fill("total")
    page.get_by_label("Name of the region").blur()
    page.get_by_role("button", name="Read the regions").click()
    expect(page.locator("#results tbody")).to_contain_text("total: 7")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a file").click()
    kept = json.loads(Path(download.value.path()).read_text())
    assert list(kept["regions"]) == ["total"]
    page.get_by_role("button", name="Remove all").click()
    expect_text(page, "721")
    page.locator("#regions-file").set_input_files(download.value.path())
    expect(page.locator("#results tbody")).to_contain_text("total: 7")


def test_corrections_are_stored_shown_undone_and_deleted(opened):
    page = opened()
    expect_text(page, EXAMPLE)
    page.get_by_role("button", name="5", exact=True).click()
    expect_text(page, "5.1472")
    expect(page.locator("#toast")).to_contain_text("Stored: 5")
    page.locator("#toast").get_by_role("button", name="Undo").click()
    expect_text(page, EXAMPLE)
    page.get_by_role("button", name="Yes, a 3").click()
    page.locator("#strip .chip").nth(1).click()
    page.get_by_role("button", name="Not a digit").click()
    expect_text(page, "3.472")
    page.get_by_role("button", name="One was missed").click()
    frame = page.locator("#pad-boxes").bounding_box()
    page.mouse.move(frame["x"] + frame["width"] * 0.27, frame["y"] + frame["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] * 0.42, frame["y"] + frame["height"] * 0.8, steps=3)
    page.mouse.up()
    page.locator("#added-choices").get_by_role("button", name="1").click()
    expect_text(page, EXAMPLE)
    page.get_by_role("link", name="Corrections").click()
    tiles = page.locator("#corrections .tile")
    expect(tiles).to_have_count(3)
    page.get_by_role("button", name="Delete this 3").click()
    expect(tiles).to_have_count(2)
    page.locator("#toast").get_by_role("button", name="Undo").click()
    expect(tiles).to_have_count(3)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 3
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_text("None yet")).to_be_visible()


def test_everything_is_reached_by_keyboard_alone(opened):
    page = opened()
    expect_text(page, EXAMPLE)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#strip') !== null"):
            break
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("This is a 1")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused.startswith("1,")
    page.locator("nav a", has_text="Model").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Test accuracy")).to_be_visible()


def visit_all(page, views=VIEWS):
    """Show each view in turn, when all that it asked for has come."""
    for view in views:
        page.evaluate("(view) => { location.hash = view; }", view)
        expect(page.locator(f"#{view}")).to_be_visible()
        page.wait_for_load_state("networkidle")
        yield view


def serious_findings(page):
    """What axe finds in the view that is shown: rules, and some of the places."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
    return [
        (one["id"], [node["html"][:120] for node in one["nodes"][:3]])
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, scheme):
    page = opened(color_scheme=scheme, reduced_motion="reduce")
    for view in visit_all(page):
        assert serious_findings(page) == [], view


@pytest.mark.parametrize("width", [320, 768, 3840])
def test_nothing_sticks_out_at_any_width(opened, width):
    page = opened(width=width, height=900)
    for view in visit_all(page):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view


def test_the_dark_theme_is_chosen_by_hand_and_remembered(opened):
    page = opened(color_scheme="light")
    expect_text(page, EXAMPLE)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark != light
    expect_text(page, EXAMPLE)


def test_the_api_can_be_tried(opened):
    page = opened("api")
    expect(page.locator(".operation")).to_have_count(12)

    def answer_of(summary, key=""):
        operation = page.locator(".operation", has_text=summary)
        if operation.get_attribute("open") is None:
            operation.locator("summary").click()
        if key:
            operation.get_by_label("key").fill(key)
        with page.expect_response("**") as response:
            operation.get_by_role("button", name="Try it").click()
        assert response.value.ok, summary
        expect(operation.get_by_label("Answer")).to_contain_text("{")
        return response.value.json()

    for summary in page.locator(".operation summary .quiet").all_text_contents():
        if not summary.startswith("Delete one"):
            answer_of(summary)
    stored = answer_of("Store what a digit is")
    assert answer_of("Delete one", stored["key"]) == stored
    for path in ("predict", "explain", "read", "regions"):
        operation = page.locator(".operation", has_text=f"/api/v1/{path}")
        expect(operation.get_by_label("Answer")).to_contain_text(re.compile(r'"(label|text)": "?7'))


def test_all_texts_are_in_one_file():
    static = Path(__file__).parent.parent / "src" / "inkdigits" / "web" / "static"
    html = re.sub(r"<noscript>.*</noscript>", "", (static / "index.html").read_text("utf-8"))
    body = html[html.index("<body>") :].replace("<span>inkdigits</span>", "")
    assert re.findall(r">\s*([A-Za-z][^<>{}]*)<", body) == []
    strings = (static / "strings.js").read_text("utf-8")
    scripts = [*static.glob("*.js"), *(static.parent / "site" / "static").glob("*.js")]
    used = set(re.findall(r"\bT\.(\w+)", "".join(p.read_text("utf-8") for p in scripts)))
    used |= set(re.findall(r'data-(?:t|label)="(\w+)"', html))
    known = set(re.findall(r"^  (\w+):", strings, re.MULTILINE))
    assert used - known == set()
    assert known - used - {f"nav_{view}" for view in VIEWS} == set()
