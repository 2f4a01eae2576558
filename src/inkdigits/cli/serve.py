"""`inkdigits serve`: the page and the API, by waitress."""

import ipaddress
import logging
import os
import signal
import socket
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from inkdigits.errors import UsageError, needing

if TYPE_CHECKING:
    from inkdigits.web import Settings

_RATE_PER_S = 30.0


def run(arguments: Namespace) -> int:
    """Serve until it is interrupted: that is its end, exit code 0."""
    if not 0 <= arguments.port < 2**16:
        raise UsageError(f"--port is {arguments.port}; it must be 0 to 65535")
    if arguments.rate is not None and arguments.rate < 0:
        raise UsageError(f"--rate is {arguments.rate:g}; it must be 0 or more")
    with needing("web", "serving"):
        from inkdigits.web.app import create_app
        from inkdigits.web.server import Server
    with _bound(arguments.host, arguments.port) as bound:
        settings = _settings(arguments)
        app = create_app(settings)
        service = app.extensions["inkdigits"]
        _log_to_stderr()
        server = Server(app, settings, bound, behind_proxy=arguments.behind_proxy)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda *_: service.live.reload())
        host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
        print(f"inkdigits is at http://{host}:{server.port}/; Ctrl-C ends", flush=True)
        server.run()
        service.workers.close()
        service.live.close()
    return 0


def _settings(arguments: Namespace) -> "Settings":
    from inkdigits.web import Settings

    rate = arguments.rate
    if rate is None:
        rate = 0.0 if _is_loopback(arguments.host) else _RATE_PER_S
    return Settings(
        artifact=arguments.model,
        hosts=(arguments.host, *arguments.allow_host),
        token=os.environ.get("INKDIGITS_TOKEN", ""),
        rate_per_s=rate,
        corrections="" if arguments.no_corrections else _database(),
        processes=True,
    )


def _database() -> str:
    from inkdigits.web.corrections.store import default_database

    return default_database()


def _bound(host: str, port: int) -> socket.socket:
    """A socket at an address; `UsageError` if that can't be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(f"can't serve at {host}:{port}: {error.strerror or error}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _log_to_stderr() -> None:
    """Access lines are JSON and nothing else; other lines say where they come from."""
    access, others = logging.StreamHandler(sys.stderr), logging.StreamHandler(sys.stderr)
    others.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    for name, handler in (("inkdigits.access", access), ("inkdigits.web", others)):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
        logger.propagate = False
