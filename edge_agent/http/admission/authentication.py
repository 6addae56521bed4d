"""Lets callers through to the routes that their scopes open, before a body is read (RFC 6750).

Guarantees:
    No response or log repeats a credential. Nothing but the open paths answers without one, unless the server was
    started to trust its machine, and then nothing that a proxy passed on.
"""

import time
from collections.abc import Sequence
from http import HTTPStatus

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from edge_agent.access.authentication import THIS_MACHINE, Authentication
from edge_agent.access.rates import Rates
from edge_agent.access.scopes import Caller
from edge_agent.audit.actors import NOBODY, acting_as
from edge_agent.errors import KeysExposed, StoreDamaged
from edge_agent.http.admission.route_scopes import scopes_of
from edge_agent.http.problems import problem, problem_of_error

CALLER = "orilla.caller"
"""Where a request's scope holds its `Caller`."""
_BY_PROXY = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_HOW = "send the header Authorization: Bearer KEY; keys are made with `orilla edge keys create`"


class AuthenticationMiddleware:
    """Refuses who has no key, a wrong one, or one without the scope of the route."""

    def __init__(
        self,
        app: ASGIApp,
        routes: Sequence[BaseRoute],
        authentication: Authentication,
        *,
        rates: Rates | None,
        trusts_machine: bool,
    ) -> None:
        """Stands before routes.

        Args:
            app: what is served.
            routes: its routes.
            authentication: knows keys.
            rates: counts requests; None where any number is served.
            trusts_machine: whether a request without a key may do everything.
        """
        self._app = app
        self._routes = routes
        self._authentication = authentication
        self._rates = rates
        self._trusts_machine = trusts_machine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        refusal = await self._refusal(scope) if scope["type"] == "http" else None
        caller = scope.get(CALLER)
        with acting_as(caller.name if caller else NOBODY):
            await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        path = _path_of(scope, self._routes)
        needed = None if path is None else scopes_of(scope["method"], path)
        headers = Headers(scope=scope)
        try:
            caller = await self._caller(headers)
        except (StoreDamaged, KeysExposed) as error:
            return None if needed is None else problem_of_error(error)
        scope[CALLER] = caller
        if needed is not None and self._rates is not None:
            address = scope["client"][0] if scope.get("client") else ""
            if seconds := self._rates.seconds_to_wait(caller, address, now=time.monotonic()):
                return _too_many(seconds)
        if needed is None or (caller is not None and caller.may(needed)):
            return None
        if caller is not None:
            detail = f"the key lacks the scope {' or '.join(sorted(needed))}; use one that has it, or ask for one"
            return problem(HTTPStatus.FORBIDDEN, "scope-missing", detail)
        if "authorization" in headers:
            return _challenge("key-refused", f"the key is unknown, ended or not of this server; {_HOW}")
        return _challenge("key-missing", f"a key is needed; {_HOW}")

    async def _caller(self, headers: Headers) -> Caller | None:
        credentials = headers.getlist("authorization")
        if not credentials and self._trusts_machine and not any(name in headers for name in _BY_PROXY):
            return THIS_MACHINE
        scheme, _, credential = credentials[0].partition(" ") if len(credentials) == 1 else ("", "", "")
        if scheme.lower() != "bearer":
            return None
        credential = credential.strip()
        tokens = self._authentication.tokens
        if tokens is not None and self._authentication.is_token(credential) and tokens.needs_refresh(credential):
            await to_thread.run_sync(tokens.refresh)
        return self._authentication.caller_of(credential)


def _path_of(scope: Scope, routes: Sequence[BaseRoute]) -> str | None:
    """The path of the route that a request is for; None where none is, which the router answers."""
    for route in routes:
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
            return route.path
    return None


def _too_many(seconds: int) -> Response:
    detail = "more requests came in the last minute than this caller may send; wait Retry-After seconds"
    response = problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail)
    response.headers["Retry-After"] = str(seconds)
    return response


def _challenge(name: str, detail: str) -> Response:
    response = problem(HTTPStatus.UNAUTHORIZED, name, detail)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response
