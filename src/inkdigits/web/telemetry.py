"""What the server says about itself: counts and times for Prometheus, and an access log as JSON."""

import json
import logging
import threading
import time
from bisect import bisect_left
from collections import Counter

from flask import Flask, Response, g, request

ACCESS = logging.getLogger("inkdigits.access")
_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_HELP = {
    "inkdigits_requests_total": "requests by endpoint and status",
    "inkdigits_readings_total": "pictures read, by whether the reading was accepted",
    "inkdigits_refusals_total": "problems, by code",
    "inkdigits_corrections_total": "corrections stored",
}
_SECONDS = "inkdigits_request_seconds"


class Telemetry:
    """Counts by name and labels, and histograms of times by endpoint."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self._times: dict[str, tuple[list[int], float]] = {}

    def count(self, name: str, **labels: str) -> None:
        """Add one to a count."""
        with self._lock:
            self._counts[name, tuple(labels.items())] += 1

    def observe(self, endpoint: str, seconds: float) -> None:
        """Add a request's time to the histogram of its endpoint."""
        with self._lock:
            buckets, total = self._times.get(endpoint, ([0] * (len(_BOUNDS_S) + 1), 0.0))
            buckets[bisect_left(_BOUNDS_S, seconds)] += 1
            self._times[endpoint] = (buckets, total + seconds)

    def to_text(self) -> str:
        """All of it in Prometheus' text format."""
        with self._lock:
            counts = sorted(self._counts.items())
            times = {name: (list(buckets), total) for name, (buckets, total) in self._times.items()}
        lines = []
        for name, meaning in _HELP.items():
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} counter"]
            for (counted, labels), number in counts:
                if counted == name:
                    lines.append(f"{name}{_braced(labels)} {number}")
        lines += [f"# HELP {_SECONDS} time of a request", f"# TYPE {_SECONDS} histogram"]
        for endpoint, (buckets, total) in sorted(times.items()):
            lines += _histogram(endpoint, buckets, total)
        return "\n".join(lines) + "\n"


def install_telemetry(app: Flask, telemetry: Telemetry) -> None:
    """Count and log every request; pictures and texts are never logged."""

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        seconds = time.perf_counter() - g.started
        endpoint = request.endpoint or "none"
        telemetry.count(
            "inkdigits_requests_total", endpoint=endpoint, status=str(response.status_code)
        )
        telemetry.observe(endpoint, seconds)
        if ACCESS.isEnabledFor(logging.INFO):
            line = {
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "client": request.remote_addr,
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "ms": round(1000 * seconds, 1),
                "received": request.content_length or 0,
            }
            ACCESS.info(json.dumps(line))
        return response


def _braced(labels: tuple[tuple[str, str], ...]) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in labels)
    return f"{{{pairs}}}" if pairs else ""


def _histogram(endpoint: str, buckets: list[int], total: float) -> list[str]:
    lines, below = [], 0
    for bound, number in zip([*map(str, _BOUNDS_S), "+Inf"], buckets, strict=True):
        below += number
        lines.append(f'{_SECONDS}_bucket{{endpoint="{endpoint}",le="{bound}"}} {below}')
    where = f'{{endpoint="{endpoint}"}}'
    return [*lines, f"{_SECONDS}_sum{where} {total:.6f}", f"{_SECONDS}_count{where} {below}"]
