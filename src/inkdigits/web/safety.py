"""What is checked before each request and set on each answer."""

import hmac
import ipaddress
import socket
from urllib.parse import urlsplit

from flask import Flask, Request, Response, request

from inkdigits.web.limits import RateLimit
from inkdigits.web.problems import Refused
from inkdigits.web.settings import Settings

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(map(" ".join, POLICY.items())),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
_READS = {"GET", "HEAD", "OPTIONS"}


def install_checks(app: Flask, settings: Settings) -> None:
    """Let the app refuse requests that are not for it, and answer with safe headers."""
    names = {"localhost", socket.gethostname().lower(), *map(str.lower, settings.hosts)}
    rate = RateLimit(settings.rate_per_s)

    @app.before_request
    def check() -> None:
        _check_host(request, names)
        rate.check(request.remote_addr or "")
        if request.method not in _READS:
            _check_origin(request)
        if settings.token and request.path.startswith("/api/"):
            _check_token(request, settings.token)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.update(HEADERS)
        if request.path.startswith("/api/"):
            response.headers["Cache-Control"] = "no-store"
        return response


def _check_host(request: Request, names: set[str]) -> None:
    """Refuse the names of other hosts: a page elsewhere can point a name of its own at us.

    It can't do so with an IP address, so these are always right.
    """
    try:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:
        host = ""
    if host not in names and not _is_address(host):
        raise Refused(421, "this server is not known by that name; allow it with --allow-host")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_origin(request: Request) -> None:
    """Refuse what a page of another site sends; programs other than browsers name no origin."""
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"} or (
        origin is not None and urlsplit(origin).netloc != request.headers.get("Host")
    ):
        raise Refused(403, "pages of other sites may not send requests to this server")


def _check_token(request: Request, token: str) -> None:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), token.encode()):
        raise Refused(401, "send the server's token as 'Authorization: Bearer TOKEN'")
