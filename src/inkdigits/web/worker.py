"""A process that works for the server, one task at a time; imports no Flask."""

import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from inkdigits.errors import InkdigitsError
from inkdigits.web.live import Loaded, load

Task = tuple[Callable[..., Any], tuple[Any, ...]]


def work_for(connection: Connection) -> None:
    """Answer what comes through the connection until the server closes it, or is gone.

    Bytes are the artifact from now on. A task is a function that takes what is `Loaded`, and its
    other arguments; the answer says whether it returned or raised, and what.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which may need us yet
    now: Loaded | None = None
    try:
        while True:
            given: bytes | Task = connection.recv()
            if isinstance(given, bytes):
                now = load(given, "the server's artifact")
            else:
                connection.send(_done(now, given))
    except (EOFError, ConnectionError):
        return


def _done(now: Loaded | None, task: Task) -> tuple[bool, Any]:
    work, arguments = task
    try:
        return True, work(now, *arguments)
    except InkdigitsError as error:
        return False, error
    except Exception:  # the server's log has the place, and the client nothing of it
        return False, RuntimeError(traceback.format_exc())
