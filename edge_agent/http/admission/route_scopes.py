"""The scopes that open each route, in one place. A route that is not here is for `admin` alone; a test finds it."""

from collections.abc import Mapping

from edge_agent.access.scopes import Scope

_ASK = frozenset({Scope.ASK})
_INGEST = frozenset({Scope.INGEST})
_READ = frozenset({Scope.ASK, Scope.INGEST})
_JUDGE = frozenset({Scope.ASK, Scope.REVIEW})
_REVIEW = frozenset({Scope.REVIEW})
_STATE = frozenset({Scope.INGEST, Scope.REVIEW})
_ANY = frozenset(Scope)
ADMIN = frozenset({Scope.ADMIN})

OPEN = frozenset({"/", "/healthz", "/readyz"})
"""Paths that need no key: they say that the server is there and whether it is ready, and nothing of what it holds."""
SCOPES_OF: Mapping[tuple[str, str], frozenset[Scope]] = {
    ("GET", "/metrics"): _ANY,
    ("GET", "/openapi.json"): _ANY,
    ("GET", "/report"): _STATE,
    ("GET", "/v1/report"): _STATE,
    ("POST", "/v1/query"): _ASK,
    ("POST", "/v1/search"): _ASK,
    ("POST", "/v1/recommend"): _ASK,
    ("POST", "/v1/classify"): _ASK,
    ("POST", "/v1/feedback"): _JUDGE,
    ("GET", "/v1/review"): _REVIEW,
    ("GET", "/v1/memory"): _REVIEW,
    ("DELETE", "/v1/memory"): _REVIEW,
    ("DELETE", "/v1/memory/{memory_id}"): _REVIEW,
    ("GET", "/v1/documents"): _READ,
    ("GET", "/v1/documents/{document_id}"): _READ,
    ("POST", "/v1/documents"): _INGEST,
    ("POST", "/v1/documents/stale"): _INGEST,
    ("POST", "/v1/documents/upload"): _INGEST,
    ("PATCH", "/v1/documents/{document_id}"): _INGEST,
    ("DELETE", "/v1/documents/{document_id}"): _INGEST,
    ("GET", "/v1/jobs/{job_id}"): _INGEST,
    ("GET", "/v1/roots"): _READ,
    ("POST", "/v1/roots"): _INGEST,
    ("PATCH", "/v1/roots/{label}"): _INGEST,
    ("DELETE", "/v1/roots/{label}"): _INGEST,
    ("GET", "/v1/intents"): ADMIN,
    ("POST", "/v1/intents"): ADMIN,
    ("POST", "/v1/intents/upload"): ADMIN,
    ("POST", "/v1/intents/revert"): ADMIN,
    ("GET", "/v1/intents/{head_id}"): ADMIN,
    ("POST", "/v1/intents/{head_id}/activate"): ADMIN,
    ("DELETE", "/v1/intents/{head_id}"): ADMIN,
    ("POST", "/v1/forget"): ADMIN,
    ("GET", "/v1/audit"): ADMIN,
    ("GET", "/v1/keys"): ADMIN,
    ("POST", "/v1/keys"): ADMIN,
    ("POST", "/v1/keys/{key_id}/rotate"): ADMIN,
    ("DELETE", "/v1/keys/{key_id}"): ADMIN,
}


def scopes_of(method: str, path: str) -> frozenset[Scope] | None:
    """The scopes of which a caller needs one for a route; None where it is open."""
    if path in OPEN:
        return None
    return SCOPES_OF.get(("GET" if method == "HEAD" else method, path), ADMIN)
