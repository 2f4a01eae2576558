"""Limits: how many pictures are read at once, how many wait, and how often a client may ask."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from inkdigits.web.live import Loaded
from inkdigits.web.problems import Refused

_Answer = TypeVar("_Answer")
Work = Callable[..., _Answer]
"""A function that takes what is `Loaded`, and other arguments."""

_CLIENTS = 10_000  # remembered by a rate limit; the longest idle is forgotten first


class Workers(Protocol):
    """What does the heavy work: `Threads`, or `processes.Processes`."""

    def run(self, work: Work[_Answer], now: Loaded, *arguments: Any) -> _Answer:
        """What `work(now, *arguments)` returns or raises.

        Raises `Refused` if too many wait already, or if it takes too long.
        """


class Threads:
    """So many threads of this process; a bounded number of requests wait for them."""

    def __init__(self, threads: int, waiting: int, time_limit_s: float) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reading")
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._time_limit_s = time_limit_s

    def run(self, work: Work[_Answer], now: Loaded, *arguments: Any) -> _Answer:
        """As `Workers.run` says.

        A thread can't be stopped: work that was given up ends in its own time, and keeps its place
        until then.
        """
        if not self._places.acquire(blocking=False):
            raise full()
        future: Future[_Answer] = self._pool.submit(work, now, *arguments)
        future.add_done_callback(lambda _done: self._places.release())
        try:
            return future.result(self._time_limit_s)
        except TimeoutError:
            future.cancel()
            raise too_slow(self._time_limit_s) from None


def full() -> Refused:
    """The refusal of what would wait too long."""
    return Refused(503, "the queue is full; try again in a second")


def too_slow(limit_s: float) -> Refused:
    """The refusal of what took too long."""
    return Refused(504, f"it took more than {limit_s:g} seconds; make the picture smaller")


class RateLimit:
    """A bucket for each client: it fills at `per_s` and holds two seconds' worth."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, client: str) -> None:
        """Take one request from the client's bucket; `Refused` if it is empty."""
        if not self._per_s:
            return
        now, most = time.monotonic(), max(1.0, 2 * self._per_s)
        with self._lock:
            left, then = self._buckets.pop(client, (most, now))
            left = min(most, left + (now - then) * self._per_s)
            self._buckets[client] = (max(0.0, left - 1), now)
            if len(self._buckets) > _CLIENTS:
                self._buckets.popitem(last=False)
        if left < 1:
            raise Refused(429, f"more than {self._per_s:g} requests a second; wait a moment")
