"""How fast `inkdigits serve` answers on loopback: requests a second and times, at 8 clients.

    python benchmarks/web_speed.py                  # half a minute
    make soak                                       # five minutes of all requests: memory, errors

The server and the clients share the machine's cores; the CPU time is the server's. Every loop is
bounded by time. A soak fails if a request does, or if memory grows by more than 2 %.
"""

import argparse
import http.client
import io
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLIENTS, SECONDS = 8, 5
WARM_S, MOST_GROWN = 30, 0.02
HOST = "127.0.0.1"


def drawn(side: int) -> bytes:
    """A PNG of a drawn seven."""
    image = Image.new("L", (side, side), 255)
    corners = [(0.25, 0.2), (0.75, 0.2), (0.45, 0.85)]
    strokes = [(x * side, y * side) for x, y in corners]
    ImageDraw.Draw(image).line(strokes, fill=0, width=side // 14, joint="curve")
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def glyphs(count: int) -> bytes:
    """A JSON body of so many glyphs."""
    glyph = np.asarray(Image.open(io.BytesIO(drawn(28))))
    return json.dumps({"images": [(255 - glyph).tolist()] * count}).encode()


REQUESTS = {
    "a 28×28 in JSON": ("/api/v1/predict", glyphs(1), "application/json"),
    "32 of them": ("/api/v1/predict", glyphs(32), "application/json"),
    "a drawn 280×280 PNG": ("/api/v1/read", drawn(280), "image/png"),
}


def client(port: int, request: tuple[str, bytes, str], seconds: float) -> list[float]:
    """The times of a client's requests, one after the other; raises for one that failed."""
    path, body, kind = request
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    times, end = [], time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        connection.request("POST", path, body, {"Content-Type": kind})
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {content[:200]!r}")
        times.append(time.perf_counter() - start)
    connection.close()
    return times


def load(port: int, requests: Sequence[tuple[str, bytes, str]], seconds: float) -> list[float]:
    """The times of all clients' requests, sorted; each client has one of the requests."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        some = itertools.islice(itertools.cycle(requests), CLIENTS)
        each = pool.map(lambda request: client(port, request, seconds), some)
        return sorted(time_s for times in each for time_s in times)


def processes(server: int) -> list[int]:
    """A server's process and those that it has started."""
    lists = Path(f"/proc/{server}/task").glob("*/children")
    return [server, *(int(child) for found in lists for child in found.read_text().split())]


def cpu_ms(server: int) -> float:
    """The CPU time that a server has taken."""
    fields = (
        Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        for one in processes(server)
    )
    return sum(1000 * (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK") for f in fields)


def memory_mb(server: int) -> float:
    """The memory of a server's processes, shared pages counted once."""
    rollups = (Path(f"/proc/{one}/smaps_rollup").read_text() for one in processes(server))
    return sum(int(re.search(r"Pss:\s+(\d+)", rollup)[1]) for rollup in rollups) / 1024


def measure(server: int, port: int) -> None:
    """A line for each kind of request."""
    for name, request in REQUESTS.items():
        load(port, [request], 0.5)
        before = cpu_ms(server)
        times = load(port, [request], SECONDS)
        each_ms = (cpu_ms(server) - before) / len(times)
        p50, p99 = (1000 * times[int(len(times) * share)] for share in (0.5, 0.99))
        print(
            f"{name:22} {len(times) / SECONDS:7.0f}/s   p50 {p50:5.1f} ms  p99 {p99:5.1f} ms"
            f"   CPU {each_ms:5.2f} ms"
        )


def soak(server: int, port: int, seconds: float) -> None:
    """Ask for everything for a long time: a row for each fifth; `SystemExit` if memory grows."""
    load(port, list(REQUESTS.values()), WARM_S)
    before = memory_mb(server)
    print("| seconds | requests | failed | memory, MB |\n|---|---|---|---|")
    print(f"| 0 | | | {before:.0f} |", flush=True)
    count = 0
    for part in range(1, 6):
        count += len(load(port, list(REQUESTS.values()), seconds / 5))
        after = memory_mb(server)
        print(f"| {seconds * part / 5:.0f} | {count:,} | 0 | {after:.0f} |", flush=True)
    if after / before - 1 > MOST_GROWN:
        raise SystemExit(f"memory grew by more than {MOST_GROWN:.0%}")


def main() -> None:
    """Start a server, ask it, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", type=float, metavar="SECONDS")
    soak_s = parser.parse_args().soak
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", "--no-corrections"]
    started = time.perf_counter()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(re.search(r":(\d+)/", server.stdout.readline())[1])
        print(f"started in {time.perf_counter() - started:.2f} s")
        if soak_s:
            soak(server.pid, port, soak_s)
        else:
            measure(server.pid, port)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
