"""Batches of drawn pages, made by another process while the network trains."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import cv2
import numpy as np
import torch
from torch import Tensor

from inkdigits.training.detector.glyphs import GlyphBank
from inkdigits.training.detector.pages import MILD, draw_page
from inkdigits.training.detector.targets import targets_of

_AHEAD = 6  # batches drawn ahead of the training
_REFRESH = 400  # batches drawn from one bank of glyphs

Batch = tuple[Tensor, ...]
"""Ink, bumps, weight, sizes and where sizes are known, each with a row for each page."""


def draw_batches(
    seed: int, batch_size: int, first: int, end: int, mild_from: int
) -> Iterator[Batch]:
    """The batches `first`…`end` - 1: each depends on the seed and its number alone.

    Those from `mild_from` on are of milder pages.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_prepare) as pool:
        waiting: list[Future[list[np.ndarray]]] = []
        try:
            for number in range(first, end):
                severity = MILD if number >= mild_from else 1.0
                waiting.append(pool.submit(draw_batch, seed, batch_size, number, severity))
                if len(waiting) > _AHEAD:
                    yield _tensors(waiting.pop(0).result())
            while waiting:
                yield _tensors(waiting.pop(0).result())
        finally:
            for future in waiting:
                future.cancel()


def draw_batch(seed: int, batch_size: int, number: int, severity: float) -> list[np.ndarray]:
    """One batch of pages with their targets."""
    bank = _bank_of(seed, number // _REFRESH)
    random = np.random.default_rng([seed, number])
    pages = [draw_page(bank, random, severity) for _ in range(batch_size)]
    targets = [targets_of(things) for _, things in pages]
    parts = zip(*targets, strict=True)
    return [np.stack([ink for ink, _ in pages]), *(np.stack(part) for part in parts)]


def _tensors(arrays: list[np.ndarray]) -> Batch:
    return tuple(torch.from_numpy(array) for array in arrays)


def _prepare() -> None:
    """In the drawing process: one thread, so that the network has the others."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


_banks: dict[tuple[int, int], GlyphBank] = {}


def _bank_of(seed: int, number: int) -> GlyphBank:
    """The bank of glyphs of that number; one is kept."""
    if (seed, number) not in _banks:
        _banks.clear()
        _banks[seed, number] = GlyphBank(seed * 1_000_003 + number)
    return _banks[seed, number]
