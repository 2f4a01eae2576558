"""A waitress server that answers what it has accepted before it stops."""

import logging
import signal
import socket
import time
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server

from inkdigits.web.settings import Settings

_CONNECTIONS = 500
_SLOW_CLIENT_S = 30  # a client that sends nothing for so long is disconnected
_LIGHT = 8  # threads for requests that are no work for the workers
_NEXT_S = 1  # after an answer, in which a client may have sent its next request
_LAST_S = 8  # for answers after the signal to stop; Docker kills after 10


class Server:
    """Serves an app at a bound socket, until a signal.

    There is a thread for each request that the workers do or let wait, so that they, and not
    waitress, say when it is too much. With `behind_proxy` the client's address and the scheme are
    those of the proxy's headers.
    """

    def __init__(
        self, app: Flask, settings: Settings, bound: socket.socket, *, behind_proxy: bool
    ) -> None:
        options: dict[str, Any] = {"clear_untrusted_proxy_headers": True}
        if behind_proxy:
            headers = "x-forwarded-for x-forwarded-proto x-forwarded-host"
            options |= {"trusted_proxy": "*", "trusted_proxy_headers": headers}
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line for each that waits
        server: Any = create_server(
            app,
            sockets=[bound],
            threads=settings.workers + settings.waiting + _LIGHT,
            ident="inkdigits",
            connection_limit=_CONNECTIONS,
            channel_timeout=_SLOW_CLIENT_S,
            max_request_body_size=2 * settings.body_limit,  # the app refuses less, as a problem
            asyncore_use_poll=True,
            **options,
        )
        server.channel_class = _Channel
        server.stopping = False
        self._waitress = server
        self.port = int(server.effective_port)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; then take no new connections, and finish what is begun."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            while not self._waitress.stopping:
                self._loop(timeout_s=1)
            self._accept_all()
            wasyncore.dispatcher.close(self._waitress)
            end = time.monotonic() + _LAST_S
            while self._is_busy() and time.monotonic() < end:
                self._loop(timeout_s=0.1)
        except KeyboardInterrupt:  # the second signal
            pass

    def _stop(self, *_: object) -> None:
        if self._waitress.stopping:
            raise KeyboardInterrupt
        self._waitress.stopping = True
        self._waitress.pull_trigger()

    def _loop(self, timeout_s: float) -> None:
        wasyncore.loop(timeout_s, use_poll=True, map=self._waitress._map, count=1)

    def _accept_all(self) -> None:
        """Take the connections that wait: closing the socket would reset them."""
        channels, before = self._waitress.active_channels, -1
        while len(channels) > before:
            before = len(channels)
            self._waitress.handle_accept()

    def _is_busy(self) -> bool:
        """Whether a request is being received, worked on or answered, or is likely to come."""
        lately = time.time() - _NEXT_S
        return any(
            channel.request
            or channel.requests
            or channel.total_outbufs_len
            or channel.last_activity > lately
            for channel in self._waitress.active_channels.values()
        )


class _Channel(HTTPChannel):
    """A connection; once the server stops, each answer says that it is the last one."""

    def service(self) -> None:
        server: Any = self.server
        if server.stopping:
            request: Any = self.requests[0]
            request.headers["CONNECTION"] = "close"
        super().service()
