"""Read items in order, in this process or in several."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from inkdigits.batch.items import Item
from inkdigits.batch.job import Job, Worker
from inkdigits.batch.rows import Row
from inkdigits.reading import Reader

if TYPE_CHECKING:
    from concurrent.futures import Future

_UNDER_WAY = 4  # items for each process: bounds memory


def read_items(
    items: Iterable[Item], job: Job, reader: Reader, processes: int = 1
) -> Iterator[list[Row]]:
    """The rows of each item, in order; `reader` is used if there is only one process, this one."""
    if processes == 1:
        yield from map(Worker(job, reader).read, items)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # A fork would copy the locks of ONNX Runtime's and OpenCV's threads as they stand, and hang.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, _start_worker, (job,)) as pool:
        waiting: deque[Future[list[Row]]] = deque()
        for item in items:
            waiting.append(pool.submit(_read_in_worker, item))
            if len(waiting) > _UNDER_WAY * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


_worker: Worker | None = None  # in a process of the pool


def _start_worker(job: Job) -> None:
    global _worker
    _worker = Worker(job, Reader.load(job.model, threads=1))


def _read_in_worker(item: Item) -> list[Row]:
    assert _worker  # noqa: S101
    return _worker.read(item)
