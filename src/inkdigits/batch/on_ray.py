"""Work on a Ray cluster: actors that may be killed, with their machines."""

import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from inkdigits.batch.pool import DEATHS, Result, Start, Task
from inkdigits.errors import UsageError, needing

_STORE_BYTES = 100 << 20  # of shared memory in a cluster of our own, which passes on little


def on_ray(
    tasks: Iterable[Task], start: Start[Task, Result], actors: int | None = None
) -> Iterator[Result]:
    """The results of tasks, as they come, from actors of one CPU each; by default on all CPUs.

    The cluster is that of `RAY_ADDRESS`, or a new one of this machine alone. A task whose actor
    dies is done again by another. What a task raises is raised here. Raises `UsageError` if the
    cluster has too few CPUs, or actors die as they start.
    """
    with needing("ray", "--engine ray"):
        import ray
    _connect(ray)
    try:
        number = _check_cpus(ray, actors)
        yield from _Actors(ray, start).results(iter(tasks), number)
    finally:
        ray.shutdown()


def _connect(ray: Any) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # sent to Ray's makers
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns, to no end
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    local = {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        if "RAY_ADDRESS" in os.environ:
            ray.init(**quiet)
        else:
            ray.init("local", **local, **quiet)
    except Exception as error:  # a plain one where a machine is too slow
        raise UsageError(f"Ray can't be reached or started: {error}") from None


def _check_cpus(ray: Any, actors: int | None) -> int:
    """How many actors to start: without a CPU they would wait silently, and for ever."""
    cpus = int(ray.cluster_resources().get("CPU", 0))
    free = int(ray.available_resources().get("CPU", 0))
    if (actors or 1) > cpus or not free:
        raise UsageError(
            f"{actors or 1} actors need as many CPUs; the Ray cluster has {cpus}, {free} of them "
            "free: choose fewer --jobs, or add machines"
        )
    return actors or free


class _Actors:
    """Actors, and what each of them does."""

    def __init__(self, ray: Any, start: Start[Any, Any]) -> None:
        self._ray, self._kind = ray, ray.remote(num_cpus=1)(_Actor)
        self._start, self._folder = ray.put(start), str(Path.cwd())
        self._busy: dict[Any, tuple[Any, Any]] = {}  # actor and task (None: it starts), by result
        self._again: deque[Any] = deque()
        self._failed_starts = 0

    def results(self, tasks: Iterator[Any], number: int) -> Iterator[Any]:
        for _ in range(number):
            self._begin()
        while True:
            (ready,), _ = self._ray.wait(list(self._busy))
            actor, task = self._busy.pop(ready)
            try:
                result = self._ray.get(ready)
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except self._ray.exceptions.RayActorError as error:
                self._replace(task, error)
                continue
            if task is None:
                self._failed_starts = 0
            else:
                yield result
            task = self._again.popleft() if self._again else next(tasks, None)
            if task is not None:
                self._busy[actor.do.remote(task)] = actor, task
            elif all(other is None for _, other in self._busy.values()):
                return

    def _begin(self) -> None:
        actor = self._kind.remote(self._start, self._folder)
        self._busy[actor.begin.remote()] = actor, None

    def _replace(self, task: Any, error: Exception) -> None:
        """Another actor for one that died, or whose machine did."""
        if task is None:
            self._failed_starts += 1
            if self._failed_starts == DEATHS:
                raise UsageError(f"Ray's actors die as they start: {error}")
        else:
            self._again.append(task)
        self._begin()


class _Actor:
    """What an actor runs."""

    def __init__(self, start: Start[Any, Any], folder: str) -> None:
        self._start, self._folder = start, folder

    def begin(self) -> None:
        """Get ready; what it raises reaches the driver, unlike what a constructor raises."""
        try:
            os.chdir(self._folder)
        except OSError as error:
            reason = f"{error.strerror}: begin in a folder that all machines have"
            raise UsageError(f"{os.uname().nodename} can't open {self._folder}: {reason}") from None
        self._do = self._start()

    def do(self, task: Any) -> Any:
        """Do a task."""
        return self._do(task)
