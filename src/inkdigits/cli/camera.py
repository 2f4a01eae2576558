"""`inkdigits camera`: read what a camera sees, in a window."""

import os
import sys
from argparse import Namespace
from typing import Any

from inkdigits.errors import UsageError, needing
from inkdigits.reading import Reader

_TITLE = "inkdigits: Esc or q ends"
_ENDS = {27, ord("q")}


def run(arguments: Namespace) -> int:
    """Show frames with what was read, print each new text; Esc, q or Ctrl-C end, exit code 0."""
    with needing("camera", "the camera"):
        import cv2
    from inkdigits.batch.camera import draw_frame, frames_of, read_frames

    if arguments.every < 0:
        raise UsageError(f"--every is {arguments.every:g}; it must be at least 0 seconds")
    reader = Reader.load(arguments.model)
    _open_window(cv2)
    hints = {"expect": arguments.expect, "digits_only": arguments.digits_only}
    shown = ""
    try:
        for frame, reading in read_frames(
            frames_of(arguments.source), lambda frame: reader.read(frame, **hints), arguments.every
        ):
            if reading.text != shown:
                shown = reading.text
                print(shown.replace("\n", " / "), flush=True)
            cv2.imshow(_TITLE, draw_frame(frame, reading)[..., ::-1])
            if cv2.waitKey(1) & 0xFF in _ENDS or _is_closed(cv2):
                break
    except KeyboardInterrupt:
        pass
    finally:
        cv2.destroyAllWindows()
    return 0


def _open_window(cv2: Any) -> None:
    """Open the window; `UsageError` where there can be none."""
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        raise UsageError("there is no screen for a window: $DISPLAY is not set")  # OpenCV aborts
    try:
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL)
    except cv2.error:
        raise UsageError(
            f"OpenCV {cv2.__version__} is built without windows here; put another build in its "
            "place: pip uninstall opencv-python-headless, then pip install --force-reinstall "
            "opencv-python"
        ) from None


def _is_closed(cv2: Any) -> bool:
    return bool(cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1)
