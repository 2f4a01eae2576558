"""Frames of a camera or a video, read as they come: needs OpenCV."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.errors import UsageError
from inkdigits.reading import Reading

Frame = NDArray[np.uint8]
"""A picture in RGB (height, width, 3)."""


def frames_of(source: int | Path) -> Iterator[Frame]:
    """The frames of a camera, by its number, or of a video file, as fast as they come.

    Raises `UsageError` if there is no such camera, or the file is no video.
    """
    import cv2

    opened = cv2.VideoCapture(source if isinstance(source, int) else str(source))
    try:
        if not opened.isOpened():
            raise UsageError(
                f"camera {source} can't be opened: is it connected, free and allowed? try 1, 2 …"
                if isinstance(source, int)
                else f"{source} can't be opened as a video; pass a camera's number or a video file"
            )
        while True:
            found, frame = opened.read()
            if not found:
                return
            yield np.ascontiguousarray(frame[..., ::-1])  # OpenCV has blue first
    finally:
        opened.release()


def read_frames(
    frames: Iterable[Frame],
    read: Callable[[Frame], Reading],
    every: float,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Frame, Reading]]:
    """Each frame with the newest reading; `every` so many seconds a frame is read.

    Those in between are shown as they come. `clock` gives seconds.
    """
    reading, due = None, 0.0
    for frame in frames:
        now = clock()
        if reading is None or now >= due:
            reading, due = read(frame), now + every
        yield frame, reading


def draw_frame(frame: Frame, reading: Reading) -> Frame:
    """The frame with boxes, and below it a strip with the text, its lines side by side."""
    height, width = frame.shape[:2]
    size = max(16, height // 16)
    sheet = Image.new("RGB", (width, height + 2 * size))
    sheet.paste(reading.draw(frame))
    ImageDraw.Draw(sheet).text(
        (size // 2, height + size // 3),
        reading.text.replace("\n", "   "),
        fill="white",
        font=ImageFont.load_default(size),
    )
    return np.asarray(sheet)
