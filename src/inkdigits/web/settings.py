"""What a server is started with; the defaults are safe on a machine of one's own."""

import os
from dataclasses import dataclass, field
from pathlib import Path

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Settings:
    """The settings of a server.

    `artifact` is a file or run folder, None: the model in the package. `hosts` are names that
    requests may use for this server, besides IP addresses, localhost and the machine's own name.
    With a `token`, the API answers only to those who send it. At most `workers` pictures are read
    at once and `waiting` wait; one that takes longer than `time_limit_s` is given up. The workers
    are threads, or `processes` of their own, started when they are needed. `rate_per_s` is
    how many requests each client may send, on average, 0: any number. `corrections` is the address
    of the database, "": nothing is stored.
    """

    artifact: Path | None = None
    hosts: tuple[str, ...] = ()
    token: str = ""
    body_limit: int = 10 * MEGABYTE
    pixel_limit: int = 24_000_000
    time_limit_s: float = 20.0
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    waiting: int = 32
    processes: bool = False
    rate_per_s: float = 0.0
    corrections: str = ""
