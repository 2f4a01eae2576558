"""Servers that are slow, broken or lie: nothing of them is kept, and the reason is said."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import pytest

from inkdigits.data import fetch_dataset, sources, store
from inkdigits.errors import FetchFailed

Answer = Callable[[socket.socket], None]


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """The address of a server that answers every request in its way."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):  # it was closed
                while True:
                    client, _ = listening.accept()
                    with client, suppress(OSError):  # the other side has had enough
                        client.recv(4096)
                        answer(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)
    assert not thread.is_alive()


def said(body: bytes, *headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode() + body


def endless(client: socket.socket) -> None:
    client.sendall(said(b"\x1f\x8b"))
    while True:
        client.sendall(bytes(1 << 16))


def dripping(client: socket.socket) -> None:
    client.sendall(said(b"", "Content-Length: 1000"))
    for _ in range(1000):
        client.sendall(b"x")
        time.sleep(0.02)


def reset(client: socket.socket) -> None:
    client.sendall(said(b"abc", "Content-Length: 1000"))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


ZEROS = gzip.compress(bytes(300 << 20), compresslevel=1)
OTHER = gzip.compress(bytes.fromhex("0000080100000001") + b"\x07")
ANSWERS: dict[str, tuple[Answer, str]] = {
    "says it is longer": (
        lambda client: client.sendall(said(OTHER, f"Content-Length: {len(OTHER) + 5}")),
        "IncompleteRead",
    ),
    "says it is shorter": (
        lambda client: client.sendall(said(OTHER, f"Content-Length: {len(OTHER) - 5}")),
        "gzip data is damaged",
    ),
    "has other bytes": (lambda client: client.sendall(said(OTHER)), "has sha256"),
    "never ends": (endless, "it goes on after 1 MB"),
    "drips": (dripping, "it isn't here after 0.3 s"),
    "breaks off": (reset, r"Connection reset|IncompleteRead"),
    "is no HTTP": (lambda client: client.sendall(b"SSH-2.0-OpenSSH\r\n"), "SSH-2.0"),
    "says nothing": (lambda _client: None, "closed connection"),
    "has a length that is no number": (
        lambda client: client.sendall(said(OTHER, "Content-Length: many")),
        "has sha256|invalid literal",
    ),
    "has a chunk that is no number": (
        lambda client: client.sendall(said(b"zz\r\n", "Transfer-Encoding: chunked")),
        "IncompleteRead|invalid",
    ),
    "unpacks to 300 MB": (lambda client: client.sendall(said(ZEROS)), "unpack to more than 256 MB"),
    "sends you elsewhere": (
        lambda client: client.sendall(
            b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"
        ),
        "HTTP status 302",
    ),
}


@pytest.mark.parametrize("way", ANSWERS)
def test_a_server_that_lies_or_fails_is_named_and_nothing_is_kept(way, empty_cache, monkeypatch):
    answer, message = ANSWERS[way]
    monkeypatch.setattr(sources, "BACKOFF_S", (0.01,))
    monkeypatch.setattr(sources, "DOWNLOAD_TIMEOUT_S", 0.3)
    if way == "never ends":
        monkeypatch.setattr(sources, "_LARGEST_BYTES", 1 << 20)
    with served(answer) as url:
        mirror = partial(sources.from_mirror, url)
        monkeypatch.setattr(store, "SOURCES", {"the mirror": mirror})
        began = time.monotonic()
        with pytest.raises(FetchFailed, match=f"the mirror: .*({message})"):
            fetch_dataset("mnist")
        assert time.monotonic() - began < 20
    assert [path for path in empty_cache.rglob("*") if path.is_file()] == []
