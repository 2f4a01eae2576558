"""A correction, and its JSON: the same in the API, in exported files and on the page."""

import base64
import binascii
import io
import re
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from inkdigits.artifact import GLYPH_PX
from inkdigits.errors import CanvasError, UsageError, shortened
from inkdigits.imaging import load_canvas, open_canvas
from inkdigits.imaging.ink import find_ink, is_light_on_dark
from inkdigits.imaging.layout import lay_out_glyph

CROP_PX = 256  # the longer side of a stored crop, at most
_MOST_LABELS = 256
_KEY = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}|")


@dataclass(frozen=True)
class Correction:
    """What was said of one digit, and of what.

    `label` is the number of the right label, null: not a digit. `read_as` and `confidence` are the
    reading, null where nothing was read. `glyph` has 28×28 bytes and `crop` a grey PNG of the ink,
    both in base64; `artifact` is the SHA-256 of the one that read. `key` names the correction,
    `created` is when it was made (UTC, ISO 8601).
    """

    key: str
    created: str
    label: int | None
    read_as: int | None
    confidence: float | None
    artifact: str
    glyph: str
    crop: str

    @property
    def is_misread(self) -> bool:
        """Whether the reading was another."""
        return self.label != self.read_as

    def glyph_bytes(self) -> bytes:
        """The 784 bytes of the glyph."""
        return base64.b64decode(self.glyph)


def new_correction(
    label: int | None,
    read_as: int | None,
    confidence: float | None,
    artifact: str,
    glyph: bytes,
    crop: bytes,
) -> Correction:
    """A correction made now; the crop is any picture, and is stored grey and small."""
    return Correction(
        key=uuid.uuid4().hex,
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
        label=label,
        read_as=read_as,
        confidence=confidence,
        artifact=artifact,
        glyph=base64.b64encode(glyph).decode(),
        crop=base64.b64encode(_small_png(crop)).decode(),
    )


def correct(_now: object, said: dict[str, Any], crop: bytes, glyph: bytes | None) -> Correction:
    """A correction made now of what was said; without a glyph, that of the ink in the crop."""
    return new_correction(**said, glyph=glyph or laid_out(crop), crop=crop)


def dump(correction: Correction) -> dict[str, Any]:
    """The correction for JSON."""
    return asdict(correction)


def parse_correction(values: Any) -> Correction:
    """A correction from JSON; `UsageError` names what is wrong with it."""
    if not isinstance(values, dict) or set(values) != set(Correction.__dataclass_fields__):
        expected = ", ".join(Correction.__dataclass_fields__)
        raise UsageError(f"a correction has {expected}, and nothing else")
    for name, check in _CHECKS.items():
        if not check(values[name]):
            raise UsageError(f"a correction's {name} is {shortened(repr(values[name]))}")
    return Correction(**values)


def parse_glyph(text: str) -> bytes:
    """784 bytes from base64; `UsageError` for anything else."""
    glyph = _decoded(text)
    if glyph is None or len(glyph) != GLYPH_PX**2:
        raise UsageError("a glyph is 784 bytes in base64")
    return glyph


def laid_out(crop: bytes) -> bytes:
    """The glyph of the ink in a crop, for a digit that nothing was read of.

    Raises `UsageError` without ink, `CanvasError` if it is no picture.
    """
    grey = load_canvas(crop).grey
    ink = find_ink(grey, light_on_dark=is_light_on_dark(grey))
    if ink is None:
        raise UsageError("there is no ink in the crop")
    return lay_out_glyph(ink.strength).tobytes()


def _small_png(picture: bytes) -> bytes:
    image = Image.fromarray(open_canvas(picture))
    image.thumbnail((CROP_PX, CROP_PX))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _decoded(text: Any) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return None


def is_label(value: Any) -> bool:
    """Whether a value may be a label: a small whole number, or None."""
    return value is None or (type(value) is int and 0 <= value < _MOST_LABELS)


def is_share(value: Any) -> bool:
    """Whether a value may be a confidence: 0…1, or None."""
    return value is None or (type(value) in {int, float} and 0 <= value <= 1)


def is_hash(value: Any) -> bool:
    """Whether a value may be an artifact's SHA-256, or ""."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None and len(value) <= 40
    except (TypeError, ValueError):
        return False


def _is_crop(value: Any) -> bool:
    content = _decoded(value)
    try:
        return content is not None and max(open_canvas(content).shape) <= CROP_PX
    except CanvasError:
        return False


_CHECKS = {
    "key": lambda value: isinstance(value, str) and _KEY.fullmatch(value),
    "created": _is_time,
    "label": is_label,
    "read_as": is_label,
    "confidence": is_share,
    "artifact": is_hash,
    "glyph": lambda value: len(_decoded(value) or b"") == GLYPH_PX**2,
    "crop": _is_crop,
}
