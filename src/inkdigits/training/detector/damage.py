"""What pens, paper, cameras and scanners do to the ink of a page, as 0…1 (height, width)."""

from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.training.augment.skeletons import Random


def damage(
    ink: NDArray[np.float32], height: float, severity: float, random: Random
) -> NDArray[np.float32]:
    """Uneven and faint ink, blur, hard thresholds, coarse scans, JPEG's blocks, noise.

    `severity` 0…1 is a factor of the chance of each.
    """
    happens = partial(_happens, severity, random)
    if happens(0.5):
        ink = ink * np.float32(random.uniform(0.6, 1))
    if happens(0.4):
        ink = _uneven(ink, random)
    if happens(0.12):
        ink = _coarse(ink, height, random)
    if happens(0.5):
        ink = cv2.GaussianBlur(ink, (0, 0), random.uniform(0.3, max(0.5, height / 18)))
    if happens(0.3):
        ink = (ink - np.float32(random.uniform(0, 0.25))) * np.float32(random.uniform(1.2, 3))
    if happens(0.35):
        noise = random.standard_normal(ink.shape, np.float32)
        ink = ink + noise * np.float32(random.uniform(0, 0.12))
    if happens(0.08):
        share = random.uniform(0, 0.03)
        drawn = random.random(ink.shape, np.float32)
        ink = np.where(drawn < share, drawn / np.float32(share), ink)
    ink = ink.clip(0, 1)
    if happens(0.12):
        ink = _jpeg(ink, random)
    if happens(0.08):
        ink = (ink > random.uniform(0.3, 0.6)).astype(np.float32)
    return ink


def _happens(severity: float, random: Random, share: float) -> bool:
    return random.random() < share * severity


def _uneven(ink: NDArray[np.float32], random: Random) -> NDArray[np.float32]:
    low = random.normal(1, 0.3, (4, 8)).astype(np.float32)
    uneven = cv2.resize(low, ink.shape[::-1], interpolation=cv2.INTER_CUBIC).clip(0.4, 2)
    return ink * np.asarray(uneven, np.float32)


def _coarse(ink: NDArray[np.float32], height: float, random: Random) -> NDArray[np.float32]:
    """A scan in which digits have 8 to 16 pixels, enlarged smoothly or in blocks."""
    scale = min(1.0, random.uniform(8, 16) / height)
    size = (max(2, round(ink.shape[1] * scale)), max(2, round(ink.shape[0] * scale)))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    if random.random() < 0.3:
        small = (small > 0.4).astype(np.float32)
    ways = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
    way = ways[random.integers(len(ways))]
    drawn: NDArray[np.float32] = cv2.resize(small, ink.shape[::-1], interpolation=way).clip(0, 1)
    return drawn


def _jpeg(ink: NDArray[np.float32], random: Random) -> NDArray[np.float32]:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.uniform(8, 40))]
    _, content = cv2.imencode(".jpg", (ink * 255).astype(np.uint8), quality)
    drawn: NDArray[np.float32] = (
        cv2.imdecode(content, cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    )
    return drawn
