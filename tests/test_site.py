"""The static folder: what is in it, and where Pyodide's files come from. Nothing is fetched."""

import base64
import io
import json
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import onnx
import pytest
from PIL import Image

from inkdigits import Reader
from inkdigits.artifact import seal_artifact, shipped
from inkdigits.errors import ArtifactError, FetchFailed
from inkdigits.files import sha256
from inkdigits.graph.session import convolve_numpy
from inkdigits.web.corrections import parse_correction
from inkdigits.web.site import pyodide
from inkdigits.web.site.browser import BrowserPage
from inkdigits.web.site.folder import build_site
from tests.command_line import call, error_of


def packed(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


LOCK = {
    "info": {"version": "0"},
    "packages": {
        "numpy": {"file_name": "numpy.whl", "sha256": ""},
        "pillow": {"file_name": "pillow.whl", "sha256": ""},
        "scipy": {"file_name": "scipy.whl", "sha256": ""},
    },
}
MADE_UP = {
    "pyodide.mjs": b"export const loadPyodide = null;",
    "pyodide-lock.json": json.dumps(LOCK).encode(),
    "python_stdlib.zip": packed(**{"os.py": "", "unittest/case.py": ""}),
}
WHEELS = {
    "numpy.whl": packed(**{"numpy/__init__.py": "", "numpy/random/a.so": "", "numpy/a.pyi": ""}),
    "pillow.whl": packed(**{"PIL/Image.py": "", "PIL/_imagingft.so": ""}),
}


@pytest.fixture
def distribution(monkeypatch, tmp_path):
    """A small distribution in the place of Pyodide's: a folder with it."""
    for name, files in (("INTERPRETER", MADE_UP), ("WHEELS", WHEELS)):
        monkeypatch.setattr(pyodide, name, {one: sha256(content) for one, content in files.items()})
    monkeypatch.setattr(pyodide, "cache_folder", lambda: tmp_path / "cache")
    folder = tmp_path / "pyodide"
    folder.mkdir()
    for name, content in (MADE_UP | WHEELS).items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def site():
    return build_site(None, MADE_UP | WHEELS)


def test_the_modules_in_the_folder_import_no_others(site, tmp_path):
    zipfile.ZipFile(io.BytesIO(site["reader/inkdigits.zip"])).extractall(tmp_path)
    program = (
        "import inkdigits.web.site.browser as b, sys; print(b.__file__, 'scipy' in sys.modules)"
    )
    alone = {**os.environ, "PYTHONPATH": str(tmp_path)}
    found = subprocess.check_output([sys.executable, "-c", program], env=alone, text=True)
    assert found == f"{tmp_path / 'inkdigits/web/site/browser.py'} False\n"


def test_the_command_writes_a_folder_and_says_how_to_look_at_it(capsys, tmp_path, distribution):
    out = tmp_path / "page"
    options = ("--format", "web", "--out", out, "--pyodide", distribution)
    code, text, _ = call(capsys, "export", *options)
    assert code == 0
    assert f"python -m http.server --bind 127.0.0.1 --directory {out}" in text
    assert "file://" in text
    assert (out / "index.html").is_file()
    assert (out / "reader" / "artifact.onnx").read_bytes() == shipped()
    code, text = error_of(capsys, "export", *options)
    assert code == 4
    assert "exists" in text


def test_an_artifact_of_ones_own_is_what_reads(capsys, tmp_path, distribution, tiny_artifact):
    out = tmp_path / "page"
    options = ("--format", "web", "--out", out, "--pyodide", distribution, "--json")
    code, text, _ = call(capsys, "export", tiny_artifact, *options)
    assert code == 0
    assert json.loads(text)["path"] == str(out)
    assert (out / "reader" / "artifact.onnx").read_bytes() == tiny_artifact.read_bytes()
    described = json.loads((out / "reader" / "model.json").read_bytes())
    assert described["recipe"]["name"] == "tiny"
    assert described["artifact"] == sha256(tiny_artifact.read_bytes())


@pytest.mark.parametrize("operator", ["AveragePool", "MaxPool"])
def test_a_network_that_browsers_run_otherwise_is_refused(tmp_path, operator):
    model = onnx.load_from_string(shipped())
    (pool,) = (node for node in model.graph.node if node.op_type == "MaxPool")
    pool.op_type = operator
    pool.attribute[0].ints[:] = [1, 1]  # of one pixel in two
    del model.metadata_props[:]
    path = tmp_path / "artifact.onnx"
    path.write_bytes(seal_artifact(model.SerializeToString(), Reader.load().info))
    with pytest.raises(ArtifactError):
        build_site(path, MADE_UP | WHEELS)


@pytest.mark.parametrize("name", ["pyodide.mjs", "pillow.whl"])
def test_a_file_of_another_version_is_refused(capsys, tmp_path, distribution, name):
    (distribution / name).write_bytes(b"another")
    options = ("--format", "web", "--out", tmp_path / "page", "--pyodide", distribution)
    code, text = error_of(capsys, "export", *options)
    assert code == 3
    assert name in text
    assert "SHA-256" in text
    assert not (tmp_path / "page").exists()


def test_a_file_that_is_missing_is_named(capsys, tmp_path, distribution):
    (distribution / "numpy.whl").unlink()
    options = ("--format", "web", "--out", tmp_path / "page", "--pyodide", distribution)
    code, text = error_of(capsys, "export", *options)
    assert code == 4
    assert "numpy.whl" in text


def test_pyodide_is_for_the_page_alone(capsys, distribution):
    code, text = error_of(capsys, "export", "--format", "onnx", "--pyodide", distribution)
    assert code == 2
    assert "--pyodide" in text


def offered(*all_files):
    return lambda _progress: iter([pair for files in all_files for pair in files.items()])


def no_progress(_task, _done, _total):
    pass


def test_the_first_source_with_the_right_files_is_taken_and_cached(distribution, monkeypatch):
    def fails(_progress):
        raise FetchFailed("no network")

    damaged = {**WHEELS, "numpy.whl": b"damaged"}
    given = [{}, damaged, {"numpy.whl": b""}, WHEELS]
    sources = {"a": fails, **{str(number): offered(one) for number, one in enumerate(given)}}
    monkeypatch.setattr(pyodide, "_FOR_WHEELS", sources)
    monkeypatch.setattr(pyodide, "_FOR_INTERPRETER", {"a": offered(MADE_UP, {"more": b""})})
    assert pyodide.load_pyodide(None, no_progress) == MADE_UP | WHEELS
    monkeypatch.setattr(pyodide, "_FOR_WHEELS", {})
    monkeypatch.setattr(pyodide, "_FOR_INTERPRETER", {})
    assert pyodide.load_pyodide(None, no_progress) == MADE_UP | WHEELS
    (pyodide.cached_in() / "numpy.whl").write_bytes(b"damaged")
    with pytest.raises(FetchFailed, match="numpy.whl"):
        pyodide.load_pyodide(None, no_progress)


def test_without_a_source_the_error_says_what_to_do(distribution, monkeypatch):
    def fails(_progress):
        raise FetchFailed("no network")

    monkeypatch.setattr(pyodide, "_FOR_INTERPRETER", {"npm": fails})
    with pytest.raises(FetchFailed, match=r"npm: no network.*--pyodide"):
        pyodide.load_pyodide(None, no_progress)


def test_the_page_needs_no_server(site):
    page = site["index.html"].decode()
    assert "wasm-unsafe-eval" in page
    assert "frame-ancestors" not in page
    for path in re.findall(r'(?:href|src)="([^"#]+)', page):
        assert path in site, path
    assert '"#api"' not in page
    assert "/api/v1" not in site["static/backend.js"].decode()


def test_every_module_that_the_page_imports_is_there(site):
    for path, content in site.items():
        if path.startswith("static/") and path.endswith(".js"):
            for other in re.findall(r'from "\./([^"]+)"', content.decode()):
                assert f"static/{other}" in site, (path, other)


def test_the_service_worker_keeps_every_file(site):
    listed = json.loads(re.search(r"FILES = (\{.*\});", site["service.js"].decode())[1])
    assert listed == {path: len(content) for path, content in site.items() if path != "service.js"}


def test_the_same_model_gives_the_same_folder_and_another_one_another_version(site, tiny_artifact):
    assert build_site(None, MADE_UP | WHEELS) == site
    assert build_site(tiny_artifact, MADE_UP | WHEELS)["service.js"] != site["service.js"]


def test_archives_lack_what_is_not_used_and_the_list_has_their_hashes(site):
    lock = json.loads(site["pyodide/pyodide-lock.json"])
    assert set(lock["packages"]) == {"numpy", "pillow"}
    for package, kept in (("numpy", "numpy/__init__.py"), ("pillow", "PIL/Image.py")):
        content = site[f"pyodide/{package}.whl"]
        assert zipfile.ZipFile(io.BytesIO(content)).namelist() == [kept]
        assert lock["packages"][package]["sha256"] == sha256(content)
    assert zipfile.ZipFile(io.BytesIO(site["pyodide/python_stdlib.zip"])).namelist() == ["os.py"]


# What the page's Python answers, in this interpreter.


@pytest.fixture(scope="module")
def page():
    return BrowserPage(shipped(), convolve_numpy)


def as_png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def seven(mnist_test):
    return as_png(np.asarray(Image.fromarray(255 - mnist_test.images[0]).resize((140, 140))))


def ask(page, method, query="", body=None, content=b""):
    return json.loads(page.answer(method, query, json.dumps(body), content))


def test_a_picture_is_read_as_the_reader_does(page, seven):
    answer = ask(page, "read", "single=true&glyphs=true", content=seven)
    (digit,) = Reader.load().read(seven, single=True).digits
    assert answer["reading"]["text"] == "7"
    assert base64.b64decode(answer["glyphs"][0]) == digit.glyph.tobytes()
    assert answer["artifact"] == sha256(shipped())


def test_regions_are_read_by_name(page, seven):
    regions = {"regions": {"whole": [0, 0, 1, 1]}}
    answer = ask(page, "regions", "glyphs=true", regions, seven)
    assert answer["readings"]["whole"]["text"] == "7"
    assert len(answer["glyphs"]["whole"]) == 1


def test_a_label_is_explained(page, mnist_test):
    answer = ask(page, "explain", body={"glyph": mnist_test.images[0].tolist(), "label": 7})
    assert np.array(answer["evidence"]).max() > 0


@pytest.mark.parametrize(
    ("method", "query", "body", "content", "code"),
    [
        ("read", "", None, b"no picture", "not_an_image"),
        ("read", "", None, b"", "empty"),
        ("read", "colour=red", None, b"", "wrong_usage"),
        ("read", "grid=0", None, b"x", "wrong_usage"),
        ("regions", "", {"regions": {}}, b"x", "wrong_usage"),
        ("explain", "", {"glyph": [[0]], "label": 1}, b"", "wrong_usage"),
        ("check", "", [{"label": 7}], b"", "wrong_usage"),
    ],
)
def test_what_is_wrong_is_a_problem(page, method, query, body, content, code):
    problem = ask(page, method, query, body, content)["problem"]
    assert problem["code"] == code
    assert problem["detail"]


def test_what_only_a_server_can_read_is_said(page, monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    problem = ask(page, "read", content=b"%PDF-1.7".ljust(99))["problem"]
    assert problem["code"] == "not_supported"
    assert "inkdigits serve" in problem["detail"]


@pytest.mark.parametrize("with_glyph", [True, False])
def test_a_correction_is_what_corrections_import_takes(page, seven, mnist_test, with_glyph):
    glyph = base64.b64encode(mnist_test.images[0].tobytes()).decode() if with_glyph else None
    said = {"label": 7, "read_as": 1, "confidence": 0.6, "artifact": sha256(shipped())}
    made = ask(page, "correct", body={**said, "glyph": glyph}, content=seven)
    assert parse_correction(made).label == 7
    assert len(base64.b64decode(made["glyph"])) == 784
    assert (made["glyph"] == glyph) == with_glyph
    assert ask(page, "check", body=[made]) == [made]
