"""Work in several processes that may be killed: what one of them was doing is done again."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from inkdigits.errors import UsageError

Task = TypeVar("Task")
Result = TypeVar("Result")

Start = Callable[[], Callable[[Task], Result]]
"""Makes what does a task. It is called once in each process, so it has to be picklable."""

# A fork would copy the locks of ONNX Runtime's and OpenCV's threads as they stand, and hang.
_SPAWN = multiprocessing.get_context("spawn")
_UNDER_WAY = 4  # tasks for each process that are begun before the next result: bounds memory
DEATHS = 3  # of processes over the same thing, before it is given up


def in_processes(
    tasks: Iterable[Task],
    start: Start[Task, Result],
    processes: int,
    give_up: Callable[[Task], Result] | None = None,
    *,
    ordered: bool = True,
) -> Iterator[Result]:
    """The result of each task, in the order of the tasks or as they come.

    A task whose process dies is done again by another; the third time, `give_up` makes its result
    if it is given. What a task raises is raised here. Raises `UsageError` if processes die as they
    start.
    """
    pool = _Pool(tasks, start, processes, give_up, ordered=ordered)
    try:
        yield from pool.results()
    finally:
        pool.end()


class _Process(Generic[Task, Result]):
    """A process; `number` is that of its task, which it gets when it is `ready`."""

    def __init__(self, start: Start[Task, Result], number: int) -> None:
        self.number: int | None = number
        self.ready = False
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs, start))
        self.process.start()
        theirs.close()

    def give(self, number: int, task: Task) -> None:
        self.number = number
        with suppress(OSError):  # it is dead, which is noticed when it is listened to
            self.pipe.send(task)

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


class _Pool(Generic[Task, Result]):
    def __init__(
        self,
        tasks: Iterable[Task],
        start: Start[Task, Result],
        processes: int,
        give_up: Callable[[Task], Result] | None,
        *,
        ordered: bool,
    ) -> None:
        self._tasks, self._ordered = enumerate(tasks), ordered
        self._ahead: tuple[int, Task] | None = None  # found while all were busy
        self._start, self._most, self._give_up = start, processes, give_up
        self._processes: list[_Process[Task, Result]] = []
        self._begun: dict[int, Task] = {}
        self._again: deque[int] = deque()
        self._done: dict[int, Result] = {}
        self._deaths: Counter[int] = Counter()
        self._failed_starts = 0
        self._next = 0  # number of the next result

    def results(self) -> Iterator[Result]:
        self._hand_out()
        while self._begun:
            self._ahead = self._ahead or next(self._tasks, None)
            for pipe in wait([process.pipe for process in self._processes]):
                self._hear(next(one for one in self._processes if one.pipe is pipe))
            while self._done and (self._next in self._done or not self._ordered):
                yield self._done.pop(self._next if self._ordered else next(iter(self._done)))
                self._next += 1
            self._hand_out()

    def end(self) -> None:
        for process in self._processes:
            process.end()

    def _hand_out(self) -> None:
        """Give tasks to those that have none, and start processes for more."""
        while True:
            free = next((one for one in self._processes if one.number is None), None)
            if not free and len(self._processes) == self._most:
                return
            number = self._number()
            if number is None:
                return
            if free:
                free.give(number, self._begun[number])
            else:
                self._processes.append(_Process(self._start, number))

    def _number(self) -> int | None:
        """The number of a task that nobody does; None if there is none, or too many are begun."""
        if self._again:
            return self._again.popleft()
        if len(self._begun) + len(self._done) < _UNDER_WAY * self._most:
            found, self._ahead = self._ahead or next(self._tasks, None), None
            if found:
                self._begun[found[0]] = found[1]
                return found[0]
        return None

    def _hear(self, process: _Process[Task, Result]) -> None:
        try:
            error, result = process.pipe.recv()
        except (EOFError, OSError):
            self._bury(process)
            return
        if error:
            raise error
        assert process.number is not None  # noqa: S101 - it was given something
        if not process.ready:
            process.ready, self._failed_starts = True, 0
            process.give(process.number, self._begun[process.number])
            return
        self._done[process.number] = result
        del self._begun[process.number]
        process.number = None

    def _bury(self, process: _Process[Task, Result]) -> None:
        process.end()
        self._processes.remove(process)
        if not process.ready:
            self._failed_starts += 1
            if self._failed_starts == DEATHS:
                raise UsageError(
                    f"processes die as they start, with {process.process.exitcode}: is there "
                    f"memory for --jobs {self._most}?"
                )
        if process.number is None:
            return
        number = process.number
        self._deaths[number] += process.ready
        if self._give_up and self._deaths[number] == DEATHS:
            self._done[number] = self._give_up(self._begun.pop(number))
        else:
            self._again.append(number)


def _serve(pipe: "Connection[Any, Any]", start: Start[Any, Any]) -> None:
    """Do what comes through the pipe, in a process, until nobody is at its other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that waits for the results
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        do = start()
        pipe.send((None, None))
        while True:
            pipe.send((None, do(pipe.recv())))
    except (EOFError, BrokenPipeError):
        pass
    except Exception as error:
        error.add_note(traceback.format_exc())
        pipe.send((error, None))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent  # noqa: S101
    parent.join()
    os._exit(1)
