"""What a camera sees: a small video stands for it, and a list of calls for the window."""

import re
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import inkdigits
from inkdigits.batch.camera import draw_frame, frames_of, read_frames
from tests.command_line import call, error_of

USAGE = (Path(__file__).parent.parent / "docs" / "how-to" / "usage.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def video(tmp_path_factory, mnist_test) -> Path:
    """Three frames of an empty sheet, then five of a 7 in blue ink on it."""
    path = tmp_path_factory.mktemp("video") / "seven.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    sheet = np.full((240, 320, 3), 235, np.uint8)
    ink = cv2.resize(mnist_test.images[0], (140, 140)).astype(np.float32)[..., None] / 255
    written = sheet.copy()
    written[50:190, 90:230] = (1 - ink) * 235 + ink * np.array([150, 30, 20])  # blue first
    for frame in (*[sheet] * 3, *[written] * 5):
        writer.write(frame)
    writer.release()
    return path


@pytest.fixture
def window(monkeypatch):
    """A window that keeps what it shows; `ends` has the frame after which a key is pressed."""
    state = SimpleNamespace(shown=[], key=27, ends=99, visible=1.0, open=False)
    monkeypatch.setenv("DISPLAY", ":0")

    def show(_title, frame):
        state.shown.append(frame)

    def wait(_milliseconds):
        return state.key if len(state.shown) >= state.ends else -1

    monkeypatch.setattr(cv2, "namedWindow", lambda *_: setattr(state, "open", True))
    monkeypatch.setattr(cv2, "imshow", show)
    monkeypatch.setattr(cv2, "waitKey", wait)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: state.visible)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: setattr(state, "open", False))
    return state


def test_frames_are_in_the_order_and_the_colours_of_the_video(video):
    frames = list(frames_of(video))
    assert [frame.shape for frame in frames] == [(240, 320, 3)] * 8
    darkest = frames[-1].reshape(-1, 3)[frames[-1].sum(axis=2).argmin()]
    assert darkest[2] > darkest[0] + 60  # the ink is blue, and the last channel too


def test_frames_between_two_readings_have_the_last_one():
    times = iter(np.arange(5, 100, 0.25))
    read = list(read_frames(range(6), str, 1.0, lambda: next(times)))
    assert read == [(0, "0"), (1, "0"), (2, "0"), (3, "0"), (4, "4"), (5, "4")]
    assert list(read_frames([1, 2], str, 0.0)) == [(1, "1"), (2, "2")]


def test_boxes_are_drawn_over_the_frame_and_the_text_below(video):
    *_, frame = frames_of(video)
    reading = inkdigits.Reader.load().read(frame)
    drawn = draw_frame(frame, reading)
    assert drawn.shape == (240 + 32, 320, 3)
    assert drawn[240:].max() == 255  # the text
    changed = (drawn[:240] != frame).any(axis=2)
    box = reading.digits[0].box
    assert changed[box.y : box.y + box.height, box.x - 1].all()
    assert not changed[200:, 240:].any()


def test_the_command_shows_every_frame_and_prints_new_texts(capsys, video, window):
    code, out, err = call(capsys, "camera", video, "--every", "0", "--digits-only")
    assert (code, out, err, len(window.shown), window.open) == (0, "7\n", "", 8, False)
    assert window.shown[-1].shape == (240 + 32, 320, 3)


@pytest.mark.parametrize(
    ("change", "frames"), [({"ends": 2}, 2), ({"ends": 4, "key": ord("q")}, 4), ({"visible": 0}, 1)]
)
def test_a_key_or_the_closed_window_ends_it(capsys, video, window, change, frames):
    vars(window).update(change)
    assert call(capsys, "camera", video)[0] == 0
    assert (len(window.shown), window.open) == (frames, False)


def test_without_windows_the_cure_is_said(capsys, video, monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")

    def no_windows(*_):
        raise cv2.error("The function is not implemented. Rebuild the library with Windows, GTK+")

    monkeypatch.setattr(cv2, "namedWindow", no_windows)
    code, err = error_of(capsys, "camera", video)
    assert (code, "is built without windows here" in err) == (2, True)
    assert "pip uninstall opencv-python-headless" in err
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY")
    assert "$DISPLAY is not set" in error_of(capsys, "camera", video)[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("77",), "camera 77 can't be opened: is it connected, free and allowed?"),
        (("nowhere.mp4",), "nowhere.mp4 can't be opened as a video"),
        (("0", "--every", "-1"), "--every is -1; it must be at least 0 seconds"),
    ],
)
def test_faults_of_a_camera(capsys, window, arguments, message):
    code, err = error_of(capsys, "camera", *arguments)
    assert (code, message in err) == (2, True)


def test_without_opencv_the_extra_is_named(capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    code, err = error_of(capsys, "camera")
    assert (code, "pip install 'inkdigits[camera]'" in err) == (2, True)


def test_the_loop_in_the_docs_runs(capsys, video, window, monkeypatch):
    (loop,) = re.findall(
        r"```python\n(.*?VideoCapture.*?)```", USAGE.split("### A camera")[1], re.S
    )
    opened = cv2.VideoCapture(str(video))
    monkeypatch.setattr(cv2, "VideoCapture", lambda _number: opened)
    exec(loop, {"inkdigits": inkdigits})  # noqa: S102
    assert (len(window.shown), capsys.readouterr().out.split()) == (8, ["7"] * 5)
