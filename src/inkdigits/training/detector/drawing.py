"""Batches of drawn pages, made by other processes while the network trains."""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack

import cv2
import numpy as np
import torch
from torch import Tensor

from inkdigits.training.detector.glyphs import GlyphBank
from inkdigits.training.detector.pages import HARD, MILD, draw_page
from inkdigits.training.detector.targets import targets_of

LANES = 16  # at most so many processes draw
_AHEAD = 6  # batches for each process, drawn ahead of the training
_REFRESH = 1000  # batches of a lane drawn from one bank of glyphs

Batch = tuple[Tensor, ...]
"""Ink, bumps, weight, sizes and where sizes are known, each with a row for each page."""


def draw_batches(
    seed: int, batch_size: int, first: int, end: int, processes: int
) -> Iterator[Batch]:
    """The batches `first`…`end` - 1: each depends on the seed and its number alone.

    Batch n is of lane n modulo `LANES`; a lane has its own bank of glyphs, and is always drawn by
    the same process. The tensors come through shared memory.
    """
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = [
            stack.enter_context(ProcessPoolExecutor(1, context, prepare_to_draw))
            for _ in range(min(processes, LANES))
        ]
        waiting: deque[Future[Batch]] = deque()
        try:
            for number in range(first, end):
                pool = pools[number % LANES % len(pools)]
                waiting.append(pool.submit(draw_batch, seed, batch_size, number))
                if len(waiting) > _AHEAD * len(pools):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def draw_batch(seed: int, batch_size: int, number: int) -> Batch:
    """One batch of pages with their targets."""
    bank = _bank_of(seed, number % LANES, number // LANES // _REFRESH)
    random = np.random.default_rng([seed, number])
    hard = random.random(batch_size) < HARD
    pages = [draw_page(bank, random, 1.0 if is_hard else MILD) for is_hard in hard]
    targets = [targets_of(things) for _, things in pages]
    arrays = [np.stack([ink for ink, _ in pages])]
    arrays += [np.stack(part) for part in zip(*targets, strict=True)]
    return tuple(torch.from_numpy(array) for array in arrays)


def prepare_to_draw() -> None:
    """In a drawing process: one thread, and after the network, which has the others."""
    if hasattr(os, "nice"):  # not on Windows
        os.nice(5)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


_banks: dict[int, tuple[int, GlyphBank]] = {}  # by lane


def _bank_of(seed: int, lane: int, number: int) -> GlyphBank:
    """The bank of glyphs of that number on a lane; one is kept for each lane."""
    if lane not in _banks or _banks[lane][0] != number:
        _banks[lane] = number, GlyphBank((seed * 1_000_003 + number) * LANES + lane)
    return _banks[lane][1]
