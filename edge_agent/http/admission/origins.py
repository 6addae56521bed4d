"""Refuses what a web page of another server makes a browser send: foreign hosts, and foreign origins that would write.

A browser sends requests to this server for any page that it shows. It says where they come from (`Origin`,
`Sec-Fetch-Site`), and by which name it asks (`Host`): a page whose own name was pointed here (DNS rebinding) asks by
that one. See the Fetch Metadata and Fetch standards of W3C and WHATWG.
"""

import ipaddress
import re
from collections.abc import Collection
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_agent.errors import InputInvalid
from edge_agent.http.problems import problem
from edge_agent.settings import HttpSettings

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@\s]+)(?::\d+)?")


class HostAndOriginMiddleware:
    """Lets requests through that ask by a known host, and not for a page of another server.

    Guarantees:
        A page of another origin can neither change nor delete anything, whatever its form, nor read by a name of its
        own, nor make the server work. A link that somebody follows opens. Requests of programs, which send neither
        `Origin` nor `Sec-Fetch-Site`, are not concerned.
    """

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in settings.hosts)
        self._origins = frozenset(settings.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        address = scope["server"][0] if scope.get("server") else ""
        if len(hosts) != 1 or not is_known_host(hosts[0], self._hosts, address):
            detail = (
                "the server is not known by the name in the header Host; ask it by localhost or its address, or start "
                "it with --allow-host NAME"
            )
            return problem(HTTPStatus.MISDIRECTED_REQUEST, "host-unknown", detail)
        if is_foreign(headers, self._origins) and not is_followed_link(scope["method"], headers):
            detail = (
                "a web page of another server asked for this (headers Origin, Sec-Fetch-Site), and may not; if it is "
                "yours, start the server with --allow-origin and its origin"
            )
            return problem(HTTPStatus.FORBIDDEN, "origin-foreign", detail)
        return None


def is_known_host(host: str, known: Collection[str], address: str) -> bool:
    """Whether a `Host` header names this server.

    Args:
        host: the header.
        known: names, in lower case, that it has beside those of loopback.
        address: of this machine, that the connection came to. No name leads a browser to an address that is written
            out, so it may always be asked by that.
    """
    matched = _HOST.fullmatch(host.lower())
    if matched is None:
        return False
    name = matched[1].removesuffix(".")
    if name == "localhost" or name in known:
        return True
    try:
        asked = ipaddress.ip_address(name.strip("[]"))
        return asked.is_loopback or asked == _plain(ipaddress.ip_address(address))
    except ValueError:
        return False


def is_foreign(headers: Headers, allowed: Collection[str]) -> bool:
    """Whether a request says that it was made by a page of another server than this, and none of those allowed."""
    origins = headers.getlist("origin")
    if any(origin in allowed for origin in origins):
        return len(origins) > 1
    if any(origin.lower().partition("://")[2] != headers.get("host", "").lower() for origin in origins):
        return True
    return any(site not in ("same-origin", "none") for site in headers.getlist("sec-fetch-site"))


def is_followed_link(method: str, headers: Headers) -> bool:
    """Whether a request opens a page of its own, which the one that it came from cannot look into."""
    opens = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return method in ("GET", "HEAD") and opens and "origin" not in headers


def checked_origin(origin: str) -> str:
    """An origin as browsers write it. Raises `InputInvalid`."""
    scheme, _, host = origin.lower().partition("://")
    if scheme not in ("http", "https") or not _HOST.fullmatch(host):
        raise InputInvalid(f"{origin!r} is no origin; expected one such as https://intranet.example, without a path")
    return origin.lower()


def checked_host(host: str) -> str:
    """A host name, or address, without a port. Raises `InputInvalid`."""
    matched = _HOST.fullmatch(host.lower())
    if matched is None or matched[1] != host.lower():
        raise InputInvalid(f"{host!r} is no host; expected one such as branch.example or 192.0.2.7, without a port")
    return host.lower().removesuffix(".")


def checked_root_path(root_path: str) -> str:
    """A path that a proxy shows the server under, or "". Raises `InputInvalid`."""
    if not re.fullmatch(r"(/[\w.~-]+)*", root_path, re.ASCII):
        raise InputInvalid(f"{root_path!r} is no path to stand under; expected one such as /orilla, or nothing")
    return root_path


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address without IPv6 around it, as where one socket listens for both."""
    return getattr(address, "ipv4_mapped", None) or address
