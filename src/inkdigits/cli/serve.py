"""`inkdigits serve`: the page and the API, by waitress."""

import contextlib
import ipaddress
import logging
import os
import signal
import socket
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from inkdigits.errors import UsageError, needing

if TYPE_CHECKING:
    from inkdigits.web import Settings

_THREADS, _CONNECTIONS = 8, 500
_SLOW_CLIENT_S = 30  # a client that sends nothing for so long is disconnected
_RATE_PER_S = 30.0


def run(arguments: Namespace) -> int:
    """Serve until it is interrupted: that is its end, exit code 0."""
    if not 0 <= arguments.port < 2**16:
        raise UsageError(f"--port is {arguments.port}; it must be 0 to 65535")
    if arguments.rate is not None and arguments.rate < 0:
        raise UsageError(f"--rate is {arguments.rate:g}; it must be 0 or more")
    with needing("web", "serving"):
        from inkdigits.web import create_app
    settings = _settings(arguments)
    app = create_app(settings)
    live = app.extensions["inkdigits"].live
    _log_to_stderr()
    server = _server(app, arguments, settings)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: live.reload())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    print(f"inkdigits is at http://{host}:{server.effective_port}/; Ctrl-C ends", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    live.close()
    return 0


def _settings(arguments: Namespace) -> "Settings":
    from inkdigits.web import Settings
    from inkdigits.web.corrections import default_database

    rate = arguments.rate
    if rate is None:
        rate = 0.0 if _is_loopback(arguments.host) else _RATE_PER_S
    return Settings(
        artifact=arguments.model,
        hosts=(arguments.host, *arguments.allow_host),
        token=os.environ.get("INKDIGITS_TOKEN", ""),
        rate_per_s=rate,
        corrections="" if arguments.no_corrections else default_database(),
    )


def _server(app: Any, arguments: Namespace, settings: "Settings") -> Any:
    """A waitress server at its address."""
    from waitress.server import create_server

    options: dict[str, Any] = {"clear_untrusted_proxy_headers": True}
    if arguments.behind_proxy:
        headers = "x-forwarded-for x-forwarded-proto x-forwarded-host"
        options |= {"trusted_proxy": "*", "trusted_proxy_headers": headers}
    return create_server(
        app,
        sockets=[_bound(arguments.host, arguments.port)],
        threads=_THREADS,
        ident="inkdigits",
        connection_limit=_CONNECTIONS,
        channel_timeout=_SLOW_CLIENT_S,
        max_request_body_size=2 * settings.body_limit,  # the app refuses less, as a problem
        asyncore_use_poll=True,
        **options,
    )


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
