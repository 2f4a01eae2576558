"""Processes that do a server's heavy work; one that dies or takes too long is replaced."""

import multiprocessing
import queue
import threading
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, TypeVar

from inkdigits.web.limits import Work, full, too_slow
from inkdigits.web.live import Loaded
from inkdigits.web.worker import work_for

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

_Answer = TypeVar("_Answer")
_Result = tuple[bool, Any]  # whether work returned or raised, and what

_CONTEXT = multiprocessing.get_context("spawn")  # a fork would copy the locks of our threads
_TRIES = 2  # work whose process was killed is done again, once: it may be what kills them


class Processes:
    """So many processes, started when they are needed; a bounded number of requests wait for them.

    Reading holds Python's lock, so threads of one process read one picture after the other.
    """

    def __init__(self, processes: int, waiting: int, time_limit_s: float) -> None:
        self._places = threading.BoundedSemaphore(processes + waiting)
        self._time_limit_s = time_limit_s
        self._all = [_Process() for _ in range(processes)]
        self._idle: queue.LifoQueue[_Process] = queue.LifoQueue()  # the last one used is warm
        for process in self._all:
            self._idle.put(process)
        self._all[-1].start()

    def run(self, work: Work[_Answer], now: Loaded, *arguments: Any) -> _Answer:
        """As `Workers.run` says; `work`, a function of a module, crosses to a process and back."""
        if not self._places.acquire(blocking=False):
            raise full()
        try:
            answer = self._answer(work, now, arguments)
        finally:
            self._places.release()
        if answer is None:
            raise too_slow(self._time_limit_s)
        returned, value = answer
        if returned:
            done: _Answer = value
            return done
        raise value

    def _answer(self, work: Work[Any], now: Loaded, arguments: tuple[Any, ...]) -> _Result | None:
        end = time.monotonic() + self._time_limit_s
        try:
            process = self._idle.get(timeout=self._time_limit_s)
        except queue.Empty:
            return None
        try:
            return process.run(work, now, arguments, end)
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """End all processes."""
        for process in self._all:
            process.end()


class _Process:
    """A process, or the place for one; used by one thread at a time."""

    def __init__(self) -> None:
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._artifact = ""  # the SHA-256 of what it has loaded

    def start(self) -> Connection:
        """Start it; it takes work at once, and does it when it is ready."""
        self._connection, other = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=work_for, args=(other,), daemon=True)
        self._process.start()
        other.close()
        self._artifact = ""
        return self._connection

    def end(self) -> None:
        """Kill it, whatever it does."""
        if self._process and self._connection:
            self._connection.close()
            self._process.kill()
            self._process.join()
            self._process.close()
        self._process = self._connection = None

    def run(
        self, work: Work[Any], now: Loaded, arguments: tuple[Any, ...], end: float
    ) -> _Result | None:
        """The result of `work(now, *arguments)`; None if there is none by the end."""
        for _ in range(_TRIES):
            try:
                answer = self._ask(work, now, arguments, end)
            except (EOFError, ConnectionError):
                self.end()
                continue
            if answer is None:
                self.end()
            return answer
        raise RuntimeError(f"the process died each of {_TRIES} times that it did {work.__name__}")

    def _ask(
        self, work: Work[Any], now: Loaded, arguments: tuple[Any, ...], end: float
    ) -> _Result | None:
        connection = self._connection or self.start()
        if self._artifact != now.sha256:
            connection.send(now.content)
            self._artifact = now.sha256
        connection.send((work, arguments))
        if not connection.poll(max(0.0, end - time.monotonic())):
            return None
        answer: _Result = connection.recv()
        return answer
